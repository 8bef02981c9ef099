"""Use each distribution in a clean environment, on the lowest and on the newest dependencies that it allows."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from packaging.version import Version

from releasing.environments import CheckFailed, Install, clean_environment, install, run
from releasing.project import PYPROJECT

REPLAY = "test_cassettes.py"
WALKTHROUGH = "scripts/walkthrough.py"
DOCUMENTS = tuple(
    f"docs/{name}.md"
    for name in ("plans", "cli", "access-review", "off-boarding", "start-service", "start-shell", "sync")
)
PROGRAMS = ("scripts/demo.py", "scripts/run_command.py", WALKTHROUGH, *DOCUMENTS)
NEWER_TYPER = Version("0.28")
SHELL_TESTS = ("change_commands", "doctor", "messages", "output", "profiles", "read_commands")
FAST = "not piped_output and not ascii_terminal"
REMOVED = "docs-editors has 3 members"


def install_runtime(folder: Path, archive: Path, build_requires: Iterable[str], install: Install) -> str:
    """Install a distribution without extras into a new environment, and return its interpreter."""
    python = clean_environment(folder)
    if archive.suffix == ".whl":
        install(python, str(archive))
    else:  # an isolated build would have the newest backend
        install(python, *build_requires)
        install(python, "--no-build-isolation", str(archive))
    return python


def replay(python: str, root: Path, folder: Path) -> str:
    """Replay the cassettes in an environment, and return the last line of the tests."""
    install(python, "--group", f"{root / PYPROJECT}:replay")
    shutil.copy(root / "tests" / REPLAY, folder)
    shutil.copytree(root / "tests" / "cassettes", folder / "cassettes")
    output = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", REPLAY, cwd=folder)
    return output.strip().splitlines()[-1]


def run_programs(python: str, root: Path, folder: Path) -> None:
    """Run the demo, the programs and commands of the documents with real output, in an environment.

    Raises:
        CheckFailed: one fails, or its output differs from the document.
    """
    for name in PROGRAMS:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, folder / name)
    shutil.copytree(root / "scripts/walkthroughs", folder / "scripts/walkthroughs")
    output = run(python, "scripts/demo.py", cwd=folder)
    if REMOVED not in output:
        raise CheckFailed(f"the demo removed nobody:\n{output}")
    run(python, WALKTHROUGH, "--check", cwd=folder)


def test_command_line(python: str, root: Path, folder: Path) -> str:
    """Test the command line in an environment, and return the last line of the tests.

    The environment has none of the groups that bring the generator, which holds Typer back, so it has the newest Typer.

    Raises:
        CheckFailed: a test fails, or Typer is older than the generator allows.
    """
    install(python, "--group", f"{root / PYPROJECT}:shell")
    found = run(python, "-c", "import typer; print(typer.__version__)", cwd=folder).strip()
    if Version(found) < NEWER_TYPER:
        raise CheckFailed(f"Typer {found} is not newer than the one that the generator allows: nothing was tested")
    shutil.copytree(root / "tests", folder / "tests", ignore=shutil.ignore_patterns("scripts", "__pycache__"))
    shutil.copy(root / PYPROJECT, folder)
    files = [f"tests/cli/test_{name}.py" for name in SHELL_TESTS]
    output = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", FAST, *files, cwd=folder)
    return f"Typer {found}: {output.strip().splitlines()[-1]}"


def installed_versions(python: str) -> str:
    """Return the installed releases as text."""
    pip = (sys.executable, "-m", "pip", "--python", python)
    return ", ".join(run(*pip, "list", "--format", "freeze", cwd=Path(python).parent).split())
