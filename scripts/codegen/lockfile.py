"""spec.lock.json: the versions of the tools, and the hashes of all inputs and outputs of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from postman_openapi.json_nodes import parse_json
from postman_openapi.losses import SpecError

LOCK = "openapi/spec.lock.json"


def format_lock(inputs: Mapping[str, bytes], outputs: Mapping[str, bytes], tools: Mapping[str, str]) -> str:
    """Return spec.lock.json: tool versions and hashes of contents by path, but no dates, so only changes alter it."""
    hashes = [{path: hash_content(content) for path, content in files.items()} for files in (inputs, outputs)]
    lock = {"generator": dict(tools), "inputs": hashes[0], "outputs": hashes[1]}
    return json.dumps(lock, indent=2, sort_keys=True) + "\n"


def hash_content(content: bytes) -> str:
    """Return the SHA-256 of a file's content, as the lock has it."""
    return sha256(content).hexdigest()


def parse_lock(lock: bytes) -> dict[str, str]:
    """Return all entries of a lock file; none if it is malformed."""
    try:
        parsed: Any = parse_json(lock.decode("utf-8", "replace"), LOCK).value
        return {key: value for section in parsed.values() for key, value in section.items()}
    except (SpecError, AttributeError):
        return {}
