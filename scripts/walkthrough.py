"""What the walkthroughs share: a document is written anew, or compared with what it shows now."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable
from pathlib import Path

Turn = Callable[[str], str]


def main(document: Path, description: str | None, *, written: Turn, comparable: Turn) -> int:
    """Write a document anew, or with --check only compare it; return the exit code.

    Args:
        document: with the programs or commands, and what they print below them.
        description: of the script, for its help.
        written: returns the document with what they print now.
        comparable: returns a document without what differs from run to run.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail on a difference")
    check = parser.parse_args().check
    old = document.read_text(encoding="utf-8")
    new = written(old)
    if comparable(old) == comparable(new):
        print(f"{document.name} shows what is printed")
        return 0
    if check:
        texts = (comparable(old).splitlines(), comparable(new).splitlines())
        print(*difflib.unified_diff(*texts, document.name, "printed now", lineterm=""), sep="\n", file=sys.stderr)
        print(f"{document.name} does not show what is printed: run {sys.argv[0]}", file=sys.stderr)
        return 1
    document.write_text(new, encoding="utf-8")
    print(f"{document.name} is written anew")
    return 0
