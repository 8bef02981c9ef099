"""Use each distribution in a clean environment, on the lowest and on the newest dependencies that it allows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from releasing.environments import CheckFailed, clean_environment, pip_install, run
from releasing.project import Project, pin_lowest

REPLAY = "test_cassettes.py"
WALKTHROUGHS = ("scripts/plans_walkthrough.py", "scripts/cli_walkthrough.py")
PROGRAMS = ("scripts/demo.py", "scripts/run_command.py", *WALKTHROUGHS, "docs/plans.md", "docs/cli.md")
REMOVED = "docs-editors has 3 members"


@frozen
class Bounds:
    """Requirements beside the distribution that select one of the allowed sets of releases."""

    build: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    @classmethod
    def lowest(cls, project: Project) -> Bounds:
        """Return the lowest releases that a project allows."""
        return cls(
            build=tuple(pin_lowest(project.build_requires)),
            runtime=tuple(pin_lowest(project.dependencies)),
            extras=tuple(pin_lowest([*project.dependencies, *project.behind_extras()])),
        )


NEWEST = Bounds()  # pip's own choice


def install_runtime(folder: Path, archive: Path, bounds: Bounds) -> str:
    """Install a distribution without extras into a new environment, and return its interpreter."""
    if archive.suffix == ".whl" or not bounds.build:
        return clean_environment(folder, str(archive), *bounds.runtime)
    # Not every pip can choose the release of the build backend, but every pip can use an installed one.
    python = clean_environment(folder, *bounds.build)
    pip_install(python, folder, "--no-build-isolation", "--check-build-dependencies", str(archive), *bounds.runtime)
    return python


def replay(python: str, root: Path, folder: Path) -> str:
    """Replay the cassettes in an environment, and return the last line of the tests."""
    pip_install(python, folder, *Project.read(root).tools("pytest>", "vcrpy>"))
    shutil.copy(root / "tests" / REPLAY, folder)
    shutil.copytree(root / "tests" / "cassettes", folder / "cassettes")
    output = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", REPLAY, cwd=folder)
    return output.strip().splitlines()[-1]


def run_programs(python: str, root: Path, folder: Path) -> None:
    """Run the demo, the programs of docs/plans.md and the commands of docs/cli.md in an environment.

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
    for name in WALKTHROUGHS:
        run(python, name, "--check", cwd=folder)


def installed_versions(python: str, folder: Path, requirements: Iterable[str]) -> str:
    """Return the installed releases of these requirements, as text."""
    listed = json.loads(run(python, "-m", "pip", "list", "--format", "json", cwd=folder))
    held = {canonicalize_name(each["name"]): each["version"] for each in listed}
    names = dict.fromkeys(canonicalize_name(Requirement(each).name) for each in requirements)
    return ", ".join(f"{name} {held[name]}" for name in names)
