"""Accept the public API together with the entries of the change log that describe it.

openapi/released/accepted.json records the hashes of the API snapshot and of each entry in the version's section. A
changed API needs an entry that is not recorded yet. This needs no git history, so it works in a shallow clone, in a
source distribution and after a merge.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from postman_openapi.files import write_atomically

from releasing.changelog import Section
from releasing.environments import CheckFailed, fail_on

SNAPSHOT = "openapi/released/public-api.json"
ACCEPTED = "openapi/released/accepted.json"
ACCEPT = "scripts/release_check --accept"


def acceptance_problems(root: Path, section: Section) -> Iterator[str]:
    """Yield why the public API does not count as described by the change log."""
    if not (root / ACCEPTED).is_file():
        yield f"{ACCEPTED}: missing: run {ACCEPT}"
        return
    if _hash_snapshot(root) != _read_record(root)["snapshot"]:
        yield f"{SNAPSHOT}: not as accepted: write an entry about it under [{section.version}], run {ACCEPT}"
    yield from unlogged_changes(root, section)


def unlogged_changes(root: Path, section: Section) -> Iterator[str]:
    """Yield the problem if the API has changed but the section has no new entry."""
    known = set(_read_record(root)["entries"]) if (root / ACCEPTED).is_file() else set()
    if not set(_hash_entries(section)) <= known:
        return
    differences = _released().compare_surface(root) if (root / SNAPSHOT).is_file() else [f"{SNAPSHOT} is missing"]
    if differences:
        yield (
            f"CHANGELOG.md: the public API has changed since {SNAPSHOT} ({differences[0]}; {len(differences)} in all),"
            f" but [{section.version}] has no new entry: write an entry about it"
        )


def accept(root: Path, section: Section) -> list[str]:
    """Make the present fragment and API the base of later comparisons; return the written files.

    Raises:
        CheckFailed: the API has changed, but the change log has no new entry.
    """
    fail_on(unlogged_changes(root, section))
    written: list[str] = list(_released().accept_release(root))
    record = {"entries": sorted(_hash_entries(section)), "snapshot": _hash_snapshot(root)}
    write_atomically(root / ACCEPTED, f"{json.dumps(record, indent=2)}\n".encode())
    return [*written, ACCEPTED]


def _released() -> Any:
    return importlib.import_module("versioning.released")


def _read_record(root: Path) -> Mapping[str, Any]:
    try:
        record = json.loads((root / ACCEPTED).read_text(encoding="utf-8"))
        return {"entries": list(record["entries"]), "snapshot": str(record["snapshot"])}
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(f"{ACCEPTED}: cannot be read ({error!r}): remove it, and run {ACCEPT}") from None


def _hash_snapshot(root: Path) -> str:
    path = root / SNAPSHOT
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _hash_entries(section: Section) -> list[str]:
    return [sha256(entry.encode()).hexdigest()[:16] for entry in section.entries]
