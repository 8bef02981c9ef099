#!/usr/bin/env python3
"""Use the package the way others get it, in clean environments that hold nothing else.

The wheel: built, looked into, installed with its sandbox and command line; the demo, the programs of docs/plans.md and
the commands of docs/cli.md run with it. A
vendored copy: the package under another name, with only the runtime dependencies and the test tools beside it, replays
the cassettes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "confluence_groups_sdk"
VENDORED = "bigger_sdk_vendored_groups"
REPLAY = ROOT / "tests" / "test_cassettes.py"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        wheel = build_wheel(workspace / "dist")
        check_contents(wheel)
        use_wheel(wheel, workspace / "wheel")
        use_copy(workspace / "copy")
    return 0


def build_wheel(folder: Path) -> Path:
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT), cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    """See that the wheel holds the package, typed and licensed, and nothing else."""
    names = zipfile.ZipFile(wheel).namelist()
    needed = [f"{PACKAGE}/{name}" for name in ("py.typed", "_generated/client.py", "cli/approval.js")]
    for name in needed:
        if name not in names:
            raise SystemExit(f"{wheel.name}: {name} is missing")
    if not any(name.endswith("/licenses/LICENSE") for name in names):
        raise SystemExit(f"{wheel.name}: the licence is missing")
    foreign = [name for name in names if not name.startswith((f"{PACKAGE}/", f"{PACKAGE}-"))]
    if foreign:
        raise SystemExit(f"{wheel.name}: {', '.join(foreign)} must not be in it")
    print(f"wheel: {wheel.name}, {len(names)} files")


def use_wheel(wheel: Path, workspace: Path) -> None:
    """Run the demo on the installed wheel alone, and make, apply and undo plans."""
    python = clean_environment(workspace, f"{wheel}[sandbox,cli]")
    walkthroughs = ("scripts/plans_walkthrough.py", "scripts/cli_walkthrough.py")
    for name in ("scripts/demo.py", "scripts/walkthrough.py", *walkthroughs, "docs/plans.md", "docs/cli.md"):
        (workspace / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, workspace / name)
    output = run(python, "scripts/demo.py", cwd=workspace)
    if "docs-editors has 3 members" not in output:
        raise SystemExit(f"the demo removed nobody:\n{output}")
    for name in walkthroughs:
        run(python, name, "--check", cwd=workspace)
    print("wheel: installed into a clean environment; the demo, the plans and the command line ran with it")


def use_copy(workspace: Path) -> None:
    """Replay the cassettes through a copy of the package that has another name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tools = [each for each in project["dependency-groups"]["test"] if each.startswith(("pytest>", "vcrpy>"))]
    python = clean_environment(workspace, *project["project"]["dependencies"], *tools)
    ignored = shutil.ignore_patterns("__pycache__", "sandbox", "cli")
    shutil.copytree(ROOT / PACKAGE, workspace / VENDORED, ignore=ignored)
    shutil.copytree(REPLAY.parent / "cassettes", workspace / "cassettes")
    test = REPLAY.read_text(encoding="utf-8").replace(PACKAGE, VENDORED)
    (workspace / REPLAY.name).write_text(test, encoding="utf-8")
    output = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", REPLAY.name, cwd=workspace)
    print(f"copy: as {VENDORED}, without sandbox and command line: {output.strip().splitlines()[-1]}")


def clean_environment(folder: Path, *requirements: str) -> str:
    """Return the interpreter of a new environment that holds these requirements and nothing else."""
    folder.mkdir()
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python")
    run(python, "-m", "pip", "install", "--quiet", *requirements, cwd=folder)
    return python


def run(*command: str, cwd: Path) -> str:
    """Run a command and return what it prints.

    Raises:
        SystemExit: it failed; its output is in the message.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


if __name__ == "__main__":
    sys.exit(main())
