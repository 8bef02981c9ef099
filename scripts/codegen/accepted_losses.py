"""Tell the expected losses of the items from all others; each expected one has its reason in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import frozen
from openapi_diff.expectations import read_expectations
from postman_openapi.losses import Loss, SpecError

ACCEPTED = "openapi/accepted-losses.yaml"


@frozen
class SortedLosses:
    """The losses of all items."""

    accepted: list[tuple[Loss, str]]  # with the reasons
    others: list[Loss]

    def lines(self, *, verbose: bool) -> Iterator[str]:
        """Yield the report: the number of accepted losses, and all of them if asked for."""
        if verbose:
            yield from (f"accepted: {loss}: {reason}" for loss, reason in self.accepted)
        yield f"losses: {len(self.accepted)}, as accepted in {ACCEPTED}"

    def problems(self) -> Iterator[str]:
        """Yield the other losses, and the remedy."""
        yield from (f"lost: {loss}" for loss in self.others)
        if self.others:
            yield f"change the item, or add the loss and its reason to {ACCEPTED}"


def sort_losses(root: Path, losses: Iterable[Loss]) -> SortedLosses:
    """Compare losses with the accepted ones.

    Raises:
        SpecError: the file is malformed, or an entry matches no loss.
    """
    expectations = read_expectations(root, ACCEPTED, "losses", "loss")
    unused = dict(enumerate(expectations))
    found = SortedLosses([], [])
    for loss in losses:
        covering = [index for index, each in enumerate(expectations) if each.covers(str(loss))]
        for index in covering:
            unused.pop(index, None)
        if covering:
            found.accepted.append((loss, expectations[covering[0]].reason))
        else:
            found.others.append(loss)
    for index, each in unused.items():
        raise SpecError(ACCEPTED, f"/losses/{index}", f"matches no loss, so remove it: {each.pattern}")
    return found
