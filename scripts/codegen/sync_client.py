"""Derive the synchronous client from the asynchronous one: the same methods and docstrings without ``await``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from postman_openapi.losses import SpecError

SOURCE = "confluence_groups_sdk/async_client.py"
DERIVED = "confluence_groups_sdk/client.py"

RULES = (
    (r'^""".*?"""', f'"""The synchronous client. scripts/regenerate.py derives it from {SOURCE}: do not edit."""'),
    (r"for asyncio\. Many tasks of one event loop may share", "synchronously. Many threads may share"),
    (r"AsyncGenerator\[(\w+), None\]", r"Generator[\1, None, None]"),
    (r"\bAsync(ConfluenceGroups|Session|Client|Generator)\b", r"\1"),
    (r"\bawait |\basync (?=def )", ""),
    (r"\b__a(enter|exit)__", r"__\1__"),
    (r"\baclose\b", "close"),
    (r"\braw_async\b", "raw_sync"),
    (r"\basyncio_detailed\b", "sync_detailed"),
)


def derive_sync_client(source: str) -> str:
    """Return the text of the synchronous client for the text of the asynchronous one.

    Raises:
        SpecError: a rule matches nothing, so it is out of date.
    """
    text = source
    for pattern, replacement in RULES:
        text, matches = re.subn(pattern, replacement, text, flags=re.DOTALL)
        if not matches:
            raise SpecError(SOURCE, "", f"nothing matches {pattern!r}: update RULES in scripts/codegen/sync_client.py")
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", DERIVED, "-"]
    root = Path(__file__).parents[2]  # ruff takes its settings from there, wherever the script is started
    return subprocess.run(command, input=text, capture_output=True, check=True, encoding="utf-8", cwd=root).stdout
