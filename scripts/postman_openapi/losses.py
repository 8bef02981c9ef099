"""Errors that stop a conversion, and losses that do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum, unique

from attrs import frozen


class SpecError(Exception):
    """An input cannot be used as it is.

    Attributes:
        where: the file or item.
        pointer: the position in it, as a JSON pointer; empty for the whole.
        problem: the problem there, and the remedy.
    """

    def __init__(self, where: str, pointer: str, problem: str) -> None:
        super().__init__(where, pointer, problem)
        self.where = where
        self.pointer = pointer
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.where}: {self.pointer}: {self.problem}" if self.pointer else f"{self.where}: {self.problem}"


def raise_together(errors: Sequence[SpecError]) -> None:
    """Raise the errors, if there are any: one as it is, several as a group.

    Raises:
        SpecError: there is one error.
        ExceptionGroup: there are several.
    """
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup("several inputs cannot be used", errors)


def json_pointer(steps: Iterable[str | int]) -> str:
    """Return a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


@unique
class Kind(StrEnum):
    """The kinds of losses that are told apart; the serious ones come first, in the order of the report."""

    SERVER = "server lost"
    OPERATION = "operation lost"
    GENERATOR = "not generated"
    AUTHENTICATION = "authentication lost"
    PATH = "path changed"
    MERGE = "merged operations disagree"
    NO_SERVER = "base URL unknown"
    UNKNOWN_FIELD = "field not understood"


@frozen
class Loss:
    """A part of the input that is missing from the output."""

    item: str
    pointer: str
    what: str
    why: str
    understood: bool = True  # False if the input is odd; True if OpenAPI cannot express it
    kind: Kind | None = None  # None for a loss that is like any other

    def __str__(self) -> str:
        return f"{self.item}: {self.pointer}: {self.what}: {self.why}"


@contextmanager
def recording_loss(what: str, losses: list[Loss], *, kind: Kind | None = None) -> Iterator[None]:
    """Record a SpecError inside as a loss, so that nothing else is lost with it."""
    try:
        yield
    except SpecError as error:
        losses.append(Loss(error.where, error.pointer, what, error.problem, understood=False, kind=kind))
