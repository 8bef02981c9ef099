"""Each distribution in a clean environment, on the lowest and on the newest dependencies that it allows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .bounds import lowest
from .environments import CheckFailed, clean_environment, run
from .project import Project

REPLAY = "test_cassettes.py"
WALKTHROUGHS = ("scripts/plans_walkthrough.py", "scripts/cli_walkthrough.py")
SHARED = ("scripts/run_command.py", "scripts/walkthrough.py")
PROGRAMS = ("scripts/demo.py", *SHARED, *WALKTHROUGHS, "docs/plans.md", "docs/cli.md")
REMOVED = "docs-editors has 3 members"


@frozen
class Bounds:
    """Which of the allowed releases an environment gets, as requirements beside the distribution."""

    name: str
    build: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    @classmethod
    def lowest(cls, project: Project) -> Bounds:
        return cls(
            "lowest",
            build=tuple(lowest(project.build_requires)),
            runtime=tuple(lowest(project.dependencies)),
            extras=tuple(lowest([*project.dependencies, *project.behind_extras()])),
        )


NEWEST = Bounds("newest")  # what pip installs unless told otherwise


def install_runtime(folder: Path, archive: Path, bounds: Bounds) -> str:
    """Install a distribution without extras into a new environment, and return its interpreter."""
    if archive.suffix == ".whl" or not bounds.build:
        return clean_environment(folder, str(archive), *bounds.runtime)
    # Not every pip has an option for the backend to build with; each takes the one that is there when it is told to.
    python = clean_environment(folder, *bounds.build)
    pip_install(python, folder, "--no-build-isolation", "--check-build-dependencies", str(archive), *bounds.runtime)
    return python


def pip_install(python: str, folder: Path, *arguments: str) -> None:
    run(python, "-m", "pip", "install", "--quiet", *arguments, cwd=folder)


def replay(python: str, root: Path, folder: Path) -> str:
    """Replay the cassettes with what an environment holds, and return the tests' last line."""
    pip_install(python, folder, *Project.read(root).tools("pytest>", "vcrpy>"))
    shutil.copy(root / "tests" / REPLAY, folder)
    shutil.copytree(root / "tests" / "cassettes", folder / "cassettes")
    output = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", REPLAY, cwd=folder)
    return output.strip().splitlines()[-1]


def run_programs(python: str, root: Path, folder: Path) -> None:
    """Run the demo, the programs of docs/plans.md and the commands of docs/cli.md with what an environment holds.

    Raises:
        CheckFailed: one fails, or prints something else than the documents show.
    """
    for name in PROGRAMS:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, folder / name)
    output = run(python, "scripts/demo.py", cwd=folder)
    if REMOVED not in output:
        raise CheckFailed(f"the demo removed nobody:\n{output}")
    for name in WALKTHROUGHS:
        run(python, name, "--check", cwd=folder)


def versions(python: str, folder: Path, requirements: Iterable[str]) -> str:
    """Return which releases of these requirements are installed, in words."""
    listed = json.loads(run(python, "-m", "pip", "list", "--format", "json", cwd=folder))
    held = {canonicalize_name(each["name"]): each["version"] for each in listed}
    names = dict.fromkeys(canonicalize_name(Requirement(each).name) for each in requirements)
    return ", ".join(f"{name} {held[name]}" for name in names)
