"""``python -m confluence_groups_sdk.cli``."""

from __future__ import annotations

from . import main

main()
