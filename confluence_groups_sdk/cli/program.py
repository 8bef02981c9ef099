"""The program's names: the command that users type, and the name under which it keeps logins."""

from __future__ import annotations

COMMAND_LINE = __name__.rpartition(".")[0]
PACKAGE = COMMAND_LINE.rpartition(".")[0]
NAME = "confluence-groups" if PACKAGE == "confluence_groups_sdk" else PACKAGE
"""The name under which logins are kept; a vendored copy keeps its own."""
PROGRAM = "confluence-groups" if NAME == "confluence-groups" else f"python -m {COMMAND_LINE}"
"""The command that users type; a vendored copy installs no command."""
