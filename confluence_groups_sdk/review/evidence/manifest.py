"""The manifest of evidence: the SHA-256 and size of each file, and the digests by which the parts know each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import asdict, frozen

from ..._support.strict_json import ShapeError, StrictObject, parse_strict, sha256
from ..._version import __version__
from ...errors import ReviewError

FORMAT = "confluence-groups-evidence/1"
MANIFEST = "manifest.json"


@frozen(kw_only=True)
class Manifest:
    """The manifest.

    Attributes:
        site: the site.
        version: the version of this package that made the evidence.
        snapshot: the digest of the snapshot that was reviewed.
        decisions: the digest of the decisions.
        plan: the digest of the plan.
        journal: the hash of the journal's last complete line; None without a journal.
        after: the digest of the later snapshot; None without one.
        files: SHA-256 and size of each file except the manifest, by name.
    """

    site: str
    version: str = __version__
    snapshot: str
    decisions: str
    plan: str
    journal: str | None
    after: str | None
    files: Mapping[str, tuple[str, int]]

    def as_bytes(self) -> bytes:
        """Return the only form of the file."""
        content: dict[str, Any] = asdict(self) | {
            "format": FORMAT,
            "files": {name: {"sha256": digest, "size": size} for name, (digest, size) in self.files.items()},
        }
        return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()

    def differences(self, files: Mapping[str, bytes]) -> Iterator[str]:
        """Yield what is wrong with files that should be those of this manifest."""
        for name in sorted(self.files.keys() - files.keys()):
            yield f"{name}: the file is missing"
        for name in sorted(files.keys() - self.files.keys() - {MANIFEST}):
            yield f"{name}: the manifest does not have this file"
        for name in sorted(self.files.keys() & files.keys()):
            if self.files[name] != describe_file(files[name]):
                yield f"{name}: its content was changed: size or SHA-256 is not that of the manifest"


def describe_file(data: bytes) -> tuple[str, int]:
    """Return SHA-256 and size of a file."""
    return sha256(data), len(data)


def parse_manifest(data: bytes) -> Manifest:
    """Return the manifest in a file.

    Raises:
        ReviewError: the file is malformed, or has another form than a manifest has.
    """
    try:
        fields = StrictObject(parse_strict(data))
        fields.choice("format", [FORMAT])
        manifest = Manifest(
            site=fields.text("site"),
            version=fields.text("version"),
            snapshot=fields.digest("snapshot"),
            decisions=fields.digest("decisions"),
            plan=fields.digest("plan"),
            journal=_digest_or_none(fields, "journal"),
            after=_digest_or_none(fields, "after"),
            files=_files_from_json(fields.required("files")),
        )
        fields.reject_unknown_keys()
    except ShapeError as error:
        raise ReviewError(f"{MANIFEST}: this is not a manifest: {error}") from None
    if manifest.as_bytes() != data:
        raise ReviewError(f"{MANIFEST}: it was written in another form")
    return manifest


def _digest_or_none(fields: StrictObject, name: str) -> str | None:
    value = fields.required(name)
    return None if value is None else StrictObject({name: value}).digest(name)


def _files_from_json(value: Any) -> dict[str, tuple[str, int]]:
    fields = StrictObject(value, "files")
    found = {}
    for name in value:
        file = fields.object(name)
        found[name] = file.digest("sha256"), file.count("size")
        file.reject_unknown_keys()
    return found
