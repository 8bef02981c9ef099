"""The command line, ``confluence-groups`` (extra ``cli``)."""

from __future__ import annotations

import sys

from .program import PROGRAM

NEEDED = ("typer", "rich", "jinja2", "platformdirs")


def main() -> None:
    """Run the command line and exit; without the extra ``cli``, print what to install and exit with code 2."""
    from .exit_codes import run_program

    run_program(_start)


def _start() -> None:
    try:
        from .app import run

        run()
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in NEEDED:
            raise
        from .._support.libraries.extras import how_to_install

        print(f"{PROGRAM} needs {package}: {how_to_install('cli')}", file=sys.stderr)
        sys.exit(2)
