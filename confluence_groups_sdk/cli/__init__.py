"""The command line, ``confluence-groups`` (extra ``cli``)."""

from __future__ import annotations

import sys

PACKAGE = __name__.rpartition(".")[0]
NAME = "confluence-groups" if PACKAGE == "confluence_groups_sdk" else PACKAGE
"""Under which logins are kept: those of a copy inside another package are its own."""
PROGRAM = "confluence-groups" if NAME == "confluence-groups" else f"python -m {__name__}"
"""What is typed to run it: a copy has no command."""

NEEDED = ("typer", "rich")
MISSING = "{} needs {}: pip install 'confluence-groups-sdk[cli]'"


def main() -> None:
    """Run the command line; without its extra, say what to install (exit code 2)."""
    try:
        from .app import run

        run()
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in NEEDED:
            raise
        print(MISSING.format(PROGRAM, package), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:  # while modules are loaded; what happens in a command is reported there
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)
