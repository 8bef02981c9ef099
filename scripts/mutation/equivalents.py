"""The list of mutants that no test can kill, because they behave like the original."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mutation.mutants import Mutant


@dataclass(frozen=True)
class Equivalent:
    """An entry of the list: the changed lines of a mutant, and why nobody could notice the change."""

    module: str
    scope: str
    before: str
    after: str
    reason: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The key of its mutants."""
        return self.module, self.scope, self.before, self.after


def read_equivalents(path: Path) -> list[Equivalent]:
    """Return the entries of a file.

    Raises:
        SystemExit: an entry has no reason, or its keys are not the expected ones.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", []) if path.exists() else []
    try:
        found = [Equivalent(**entry) for entry in entries]
    except TypeError as error:
        raise SystemExit(f"error: {path}: {error}") from None
    for entry in found:
        if not entry.reason.strip():
            raise SystemExit(f"error: {path}: no reason: {entry.module}: {entry.after}")
    return found


def find_stale(entries: Iterable[Equivalent], mutants: Iterable[Mutant], modules: Iterable[str]) -> list[Equivalent]:
    """Return the entries for these modules that match no mutant any more."""
    keys = {mutant.key for mutant in mutants}
    named = set(modules)
    return [entry for entry in entries if entry.module in named and entry.key not in keys]
