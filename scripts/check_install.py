#!/usr/bin/env python3
"""Use the package as users get it, in clean environments.

The wheel is installed with its sandbox and command line, and runs the demo, the programs of docs/plans.md and the
commands of docs/cli.md; release_check.py checks its contents. The tests of the command line run there, too, with the
newest Typer, which the generator holds back in .venv. A vendored copy under another name, with only the runtime
dependencies and the test tools beside it, replays the cassettes.
"""

from __future__ import annotations

if __name__ == "__main__":
    from run_command import exit_on_interrupt

    exit_on_interrupt()

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from releasing.builds import build_wheel
from releasing.environments import clean_environment, run
from releasing.installs import REPLAY, run_programs, test_command_line
from releasing.project import PACKAGE, PYPROJECT, Project
from run_command import run_command

ROOT = Path(__file__).resolve().parents[1]
VENDORED = "bigger_sdk_vendored_groups"


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        use_wheel(workspace)
        use_copy(workspace / "copy")
    return 0


def use_wheel(workspace: Path) -> None:
    """Run the demo and the documents with only the installed wheel."""
    wheel = build_wheel(ROOT, workspace / "dist")
    python = clean_environment(workspace / "wheel", f"{wheel}[sandbox,cli,review,keyring]")
    run_programs(python, ROOT, workspace / "wheel")
    print("wheel: installed into a clean environment; the demo and the documents ran with it")
    print(f"command line: {test_command_line(python, ROOT, workspace / 'wheel')}")


def use_copy(workspace: Path) -> None:
    """Replay the cassettes through a copy of the package that has another name."""
    python = clean_environment(workspace, *Project.read(ROOT).dependencies, "--group", f"{ROOT / PYPROJECT}:replay")
    run(sys.executable, "scripts/vendor.py", str(workspace / VENDORED), "--without", "cli,sandbox", cwd=ROOT)
    shutil.copytree(ROOT / "tests" / "cassettes", workspace / "cassettes")
    test = (ROOT / "tests" / REPLAY).read_text(encoding="utf-8").replace(PACKAGE, VENDORED)
    (workspace / REPLAY).write_text(test, encoding="utf-8")
    output = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", REPLAY, cwd=workspace)
    print(f"copy: as {VENDORED}, without sandbox and command line: {output.strip().splitlines()[-1]}")


if __name__ == "__main__":
    run_command(main)
