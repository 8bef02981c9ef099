"""The command line, ``confluence-groups`` (extra ``cli``)."""

from __future__ import annotations

import sys

NEEDED = ("typer", "rich")
MISSING = "confluence-groups needs {}: pip install 'confluence-groups-sdk[cli]'"


def main() -> None:
    """Run the command line; without its extra, say what to install (exit code 2)."""
    try:
        from .app import run

        run()
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in NEEDED:
            raise
        print(MISSING.format(package), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:  # while modules are loaded; what happens in a command is reported there
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)
