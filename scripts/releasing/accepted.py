"""The public surface is accepted together with what the change log says of it.

openapi/released/accepted.json records both: the hash of the snapshot, and that of each entry in the version's section.
A surface that differs needs an entry that was not there then. That asks nothing of git's history, so that it holds in a
shallow clone, in a source distribution, and where two branches meet.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from specgen.files import write_whole

from .changelog import Section
from .environments import CheckFailed, refuse

SNAPSHOT = "openapi/released/public-api.json"
ACCEPTED = "openapi/released/accepted.json"
ACCEPT = "scripts/release_check --accept"


def unaccepted(root: Path, section: Section) -> Iterator[str]:
    """Yield what keeps the public surface and its snapshot from being told by the change log."""
    if not (root / ACCEPTED).is_file():
        yield f"{ACCEPTED}: missing: run {ACCEPT}"
        return
    if _snapshot_hash(root) != _accepted(root)["snapshot"]:
        yield f"{SNAPSHOT}: not as it was accepted: write a line about it under [{section.version}], run {ACCEPT}"
    yield from unsaid(root, section)


def unsaid(root: Path, section: Section) -> Iterator[str]:
    """Yield that the surface has changed, where nothing in the change log can be about it.

    Raises:
        SpecError: the snapshot or the package cannot be read.
    """
    known = set(_accepted(root)["entries"]) if (root / ACCEPTED).is_file() else set()
    if not set(_hashes(section)) <= known:
        return
    differences = _released().surface_changed(root) if (root / SNAPSHOT).is_file() else [f"{SNAPSHOT} is missing"]
    if differences:
        seen = f"{differences[0]}; {len(differences)} in all"
        yield (
            f"CHANGELOG.md: the public surface has changed since {SNAPSHOT} ({seen}),"
            f" and [{section.version}] says no more than it did then: write a line about it"
        )


def accept(root: Path, section: Section) -> list[str]:
    """Take fragment and surface as they are now for what changes are compared with; return the files written.

    Raises:
        CheckFailed: the surface has changed, and the change log does not say so.
        SpecError: the fragment or the package cannot be read.
    """
    refuse(unsaid(root, section))
    written: list[str] = list(_released().accept(root))
    record = {"entries": sorted(_hashes(section)), "snapshot": _snapshot_hash(root)}
    write_whole(root / ACCEPTED, f"{json.dumps(record, indent=2)}\n".encode())
    return [*written, ACCEPTED]


def _released() -> Any:
    return importlib.import_module("specgen.released")


def _accepted(root: Path) -> Mapping[str, Any]:
    try:
        record = json.loads((root / ACCEPTED).read_text(encoding="utf-8"))
        return {"entries": list(record["entries"]), "snapshot": str(record["snapshot"])}
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(f"{ACCEPTED}: cannot be read ({error!r}): remove it, and run {ACCEPT}") from None


def _snapshot_hash(root: Path) -> str:
    path = root / SNAPSHOT
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _hashes(section: Section) -> list[str]:
    return [sha256(entry.encode()).hexdigest()[:16] for entry in section.entries]
