"""Report losses: their number by kind, then the serious ones, then all of them if asked for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .losses import Kind, Loss

MAX_KINDS = 20
QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|(?<=\{\{)[^{}]*(?=\}\})")
LAST_WORDS = re.compile(r"(the (?:formats|header|media type|method|type)) \S.*", re.DOTALL)
# Most serious first: a call may be missing, or may not work.
SERIOUS = (Kind.SERVER, Kind.OPERATION, Kind.GENERATOR, Kind.AUTHENTICATION, Kind.PATH, Kind.MERGE)
SHARE_A_LINE = (Kind.GENERATOR, Kind.AUTHENTICATION)  # the losses that differ only in their positions


def text_lines(losses: Sequence[Loss], *, verbose: bool) -> Iterator[str]:
    """Yield the report as text; a report without losses is empty."""
    if not losses:
        return
    serious = list(serious_lines(losses))
    yield f"{_count(len(losses), 'loss', 'losses')} of {_count(len(_kinds(losses)), 'kind', 'kinds')}:"
    yield from kind_lines(losses)
    yield from serious
    if verbose:
        yield from (f"lost: {loss}" for loss in losses)
    elif len(serious) < len(losses):
        yield "--verbose lists every loss with its position"


def json_text(losses: Iterable[Loss]) -> str:
    """Return all losses as a JSON list."""
    rows = [
        {"item": each.item, "pointer": each.pointer, "what": each.what, "why": each.why, "kind": each.kind}
        for each in losses
    ]
    return json.dumps(rows, indent=2)


def kind_lines(losses: Iterable[Loss]) -> Iterator[str]:
    """Yield the number of losses of each kind, most frequent first."""
    counts = _kinds(losses).most_common()
    width = len(str(counts[0][1])) if counts else 0
    for kind, count in counts[:MAX_KINDS]:
        yield f"  {count:>{width}} x {kind}"
    if rest := counts[MAX_KINDS:]:
        yield f"  {sum(count for _, count in rest)} of {_count(len(rest), 'other kind', 'other kinds')}"


def serious_lines(losses: Iterable[Loss]) -> Iterator[str]:
    """Yield a line for each serious loss.

    The losses of one merge share a line, and so do losses of the kinds in SHARE_A_LINE that differ only in their
    positions.
    """
    groups: dict[Kind, dict[object, list[Loss]]] = {each: {} for each in SERIOUS}
    for loss in losses:
        if loss.kind in SERIOUS:
            groups[loss.kind].setdefault(_line_key(loss), []).append(loss)
    for each, group in groups.items():
        yield from (f"{each}: {_describe(each, same)}" for same in group.values())


def _line_key(loss: Loss) -> object:
    """Return a value that is the same for the losses of one line."""
    if loss.kind is Kind.MERGE:
        return loss.item
    return (loss.what, loss.why) if loss.kind in SHARE_A_LINE else loss


def _describe(about: Kind, losses: Sequence[Loss]) -> str:
    first, others = losses[0], losses[1:]
    if not others:
        return str(first)
    if about is Kind.MERGE:
        details = dict.fromkeys(loss.what.removesuffix(" of a second request") for loss in losses)
        return f"{first.item}: {first.pointer}: {', '.join(details)}"
    return f"{first} (and in {_count(len(others), 'other place', 'other places')})"


def _kinds(losses: Iterable[Loss]) -> Counter[str]:
    """Count the losses by what is lost, without names and values."""
    return Counter(_kind_text(loss) for loss in losses)


def _kind_text(loss: Loss) -> str:
    what = LAST_WORDS.sub(r"\1 ...", QUOTED.sub("...", " ".join(loss.what.split())))
    return f"the base URL {what}" if loss.kind is Kind.NO_SERVER and what.startswith("{{") else what


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
