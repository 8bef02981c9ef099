"""Check this vendored copy against its vendored.json: run this file, or its module with ``python -m``.

It needs neither a clone of the project nor any other package. Exit codes: 0 if the copy is unedited, 1 if it was
edited, 2 if there is no readable vendored.json. Only a clone shows whether the copy is outdated, with its vendor.py.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
MANIFEST = "vendored.json"


def find_edits(folder: Path, files: dict[str, str]) -> Iterator[str]:
    """Yield the files that were changed since they were copied, each with the kind of edit."""
    present = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_symlink() or (path.is_file() and not (path.suffix == ".pyc" and path.parent.name == "__pycache__"))
    }
    for name in sorted((present.keys() | files.keys()) - {MANIFEST}):
        if name not in present:
            yield f"{name}: missing"
        elif name not in files:
            yield f"{name}: added"
        elif present[name].is_symlink() or hashlib.sha256(present[name].read_bytes()).hexdigest() != files[name]:
            yield f"{name}: edited"


def main() -> int:
    """Print the edits of this copy, or where it comes from."""
    try:
        manifest = json.loads((FOLDER / MANIFEST).read_bytes())
        edits = list(find_edits(FOLDER, manifest["files"]))
        version, commit, source = manifest["version"], manifest["commit"], manifest["source"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"error: {FOLDER / MANIFEST}: {error!r}", file=sys.stderr)
        return 2
    for edit in edits:
        print(edit, file=sys.stderr)
    if not edits:
        state = " with changes that were not committed" if manifest.get("tree") == "dirty" else ""
        origin = f"commit {commit or 'unknown'}{state}, from {source or 'an unknown address'}"
        print(f"unedited: version {version}, {origin}")
    return 1 if edits else 0


if __name__ == "__main__":
    sys.exit(main())
