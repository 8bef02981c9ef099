"""What a step says when it cannot go on, and what it says when something is lost on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from attrs import frozen


class SpecError(Exception):
    """An input cannot be used as it is.

    Attributes:
        where: the file or item.
        pointer: the place in it, as a JSON pointer (empty for the whole).
        problem: what is wrong there, and the remedy.
    """

    def __init__(self, where: str, pointer: str, problem: str) -> None:
        super().__init__(where, pointer, problem)
        self.where = where
        self.pointer = pointer
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.where}: {self.pointer}: {self.problem}" if self.pointer else f"{self.where}: {self.problem}"


def pointer_to(steps: Iterable[str | int]) -> str:
    """Return the JSON pointer to a place."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


@frozen
class Loss:
    """Something in the input that the output does not say."""

    item: str
    pointer: str
    what: str
    why: str
    understood: bool = True  # False where the input is odd, not OpenAPI too small for it

    def __str__(self) -> str:
        return f"{self.item}: {self.pointer}: {self.what}: {self.why}"


@contextmanager
def losing(what: str, losses: list[Loss]) -> Iterator[None]:
    """Turn what cannot be used inside into a loss, so that nothing around it is lost with it."""
    try:
        yield
    except SpecError as error:
        losses.append(Loss(error.where, error.pointer, what, error.problem, understood=False))
