"""``python -m confluence_groups_sdk``: the command line."""

from __future__ import annotations

from .cli import main

main()
