#!/usr/bin/env python3
"""Use the package the way others get it, in clean environments that hold nothing else.

The wheel: installed with its sandbox and command line; the demo, the programs of docs/plans.md and the commands of
docs/cli.md run with it. What it holds is for release_check.py to say. A vendored copy: the package under another name,
with only the runtime dependencies and the test tools beside it, replays the cassettes.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

from releasing.builds import build_wheel
from releasing.environments import clean_environment, run
from releasing.installs import run_programs
from run_command import run_command

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "confluence_groups_sdk"
VENDORED = "bigger_sdk_vendored_groups"
REPLAY = ROOT / "tests" / "test_cassettes.py"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        use_wheel(workspace)
        use_copy(workspace / "copy")
    return 0


def use_wheel(workspace: Path) -> None:
    """Run the demo on the installed wheel alone, and make, apply and undo plans."""
    wheel = build_wheel(ROOT, workspace / "dist")
    python = clean_environment(workspace / "wheel", f"{wheel}[sandbox,cli]")
    run_programs(python, ROOT, workspace / "wheel")
    print("wheel: installed into a clean environment; the demo, the plans and the command line ran with it")


def use_copy(workspace: Path) -> None:
    """Replay the cassettes through a copy of the package that has another name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tools = [each for each in project["dependency-groups"]["test"] if each.startswith(("pytest>", "vcrpy>"))]
    python = clean_environment(workspace, *project["project"]["dependencies"], *tools)
    run(sys.executable, "scripts/vendor.py", str(workspace / VENDORED), "--without", "cli,sandbox", cwd=ROOT)
    shutil.copytree(REPLAY.parent / "cassettes", workspace / "cassettes")
    test = REPLAY.read_text(encoding="utf-8").replace(PACKAGE, VENDORED)
    (workspace / REPLAY.name).write_text(test, encoding="utf-8")
    output = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", REPLAY.name, cwd=workspace)
    print(f"copy: as {VENDORED}, without sandbox and command line: {output.strip().splitlines()[-1]}")


if __name__ == "__main__":
    run_command(main)
