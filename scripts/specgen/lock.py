"""spec.lock.json: what went in, what came out, and which tools did it. No dates, so that it only changes with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256


def lock_text(inputs: Mapping[str, bytes], outputs: Mapping[str, bytes], tools: Mapping[str, str]) -> str:
    """Return the lock as text; the keys of ``inputs`` and ``outputs`` are paths from the project's folder."""
    lock = {"generator": dict(tools), "inputs": _hashes(inputs), "outputs": _hashes(outputs)}
    return json.dumps(lock, indent=2, sort_keys=True) + "\n"


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: fingerprint(content) for path, content in files.items()}


def fingerprint(content: bytes) -> str:
    """Return what the lock says of a file's content."""
    return sha256(content).hexdigest()
