#!/usr/bin/env python3
"""Build the distributions and refuse what must not be released; the change log and the public surface, too.

Without options: all checks below, then the two files are left in dist/ where nothing keeps them from being released.
With --quick: without the installations, and nothing is left. With --accept: nothing is built; fragment and public
surface, as they are now, become what later changes are compared with (openapi/released/).

The checks: CHANGELOG.md has a section for the version in _version.py. A public surface that differs from the accepted
one has a line in it. Both distributions are built twice, in folders, with file times and modes and in processes that
have nothing in common, the wheel once from the sdist: same bytes. They hold what scripts/releasing/contents.py says,
with the metadata of pyproject.toml, and `twine check --strict` passes. Each is installed into a clean environment on
the lowest and on the newest dependencies that pyproject.toml allows; the cassettes replay there, and with the wheel
and its extras the demo and the programs and commands of the documents run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from releasing import accepted
from releasing.archives import members
from releasing.builds import ONE, OTHER, Distributions, build, not_reproducible, source_files
from releasing.changelog import UNDATED, Section, section_of, wrong_changelog
from releasing.contents import wrong_contents, wrong_metadata
from releasing.environments import CheckFailed, refuse, run
from releasing.installs import NEWEST, Bounds, install_runtime, pip_install, replay, run_programs, versions
from releasing.project import Project
from run_command import run_command
from specgen.files import read_text, write_whole
from specgen.problems import SpecError

ROOT = Path(__file__).resolve().parents[1]
CHANGELOG = ROOT / "CHANGELOG.md"
DIST = ROOT / "dist"


class Checks:
    """Runs checks, prints a line for each, and goes on: one run names all that is wrong."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def run(self, name: str, check: Callable[..., str], *arguments: object) -> bool:
        """Run a check, which returns what it found, and return whether it passed."""
        try:
            print(f"{name}: {check(*arguments)}", flush=True)
        except (CheckFailed, SpecError) as failure:
            print(f"{name}: failed", flush=True)
            self.failures.append(f"{name}: {failure}")
            return False
        return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument("--quick", action="store_true", help="install nothing, leave nothing in dist/")
    alone.add_argument("--accept", action="store_true", help="update openapi/released/, and print what was written")
    options = parser.parse_args()

    checks = Checks()
    told = checks.run("changelog", check_changelog)
    if options.accept:
        if told:
            checks.run("accepted", accept)
    else:
        if told:
            checks.run("surface", check_surface)
        with tempfile.TemporaryDirectory() as folder:
            check_distributions(checks, Path(folder), quick=options.quick)
    for failure in checks.failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if checks.failures else 0


def section() -> Section:
    return section_of(read_text(CHANGELOG, CHANGELOG.name), Project.read(ROOT).version)


def check_changelog() -> str:
    refuse(wrong_changelog(read_text(CHANGELOG, CHANGELOG.name), Project.read(ROOT).version))
    return f"[{section().version}] - {section().date}, {len(section().entries)} entries"


def check_surface() -> str:
    refuse(accepted.unaccepted(ROOT, section()))
    return "the snapshot is the accepted one, and nothing has changed since without a line in the change log"


def accept() -> str:
    return f"wrote {', '.join(accepted.accept(ROOT, section()))}"


def check_distributions(checks: Checks, workspace: Path, *, quick: bool) -> None:
    """Build, look into what was built, and unless ``quick`` install it and leave it in dist/."""
    builds: list[Distributions] = []
    if not checks.run("built", build_twice, workspace, builds):
        return
    built, again = builds
    checks.run("reproducible", check_reproducible, built, again)
    checks.run("contents", check_contents, built)
    checks.run("metadata", check_metadata, built)
    checks.run("twine", check_twine, built)
    if quick:
        return
    for archive in (built.wheel, built.sdist):
        for name in ("lowest", "newest"):
            checks.run(f"{kind(archive)} on the {name}", check_installed, archive, name, workspace)
    if not checks.failures:
        checks.run("dist", leave, built)


def build_twice(workspace: Path, builds: list[Distributions]) -> str:
    builds += [build(ROOT, workspace, ONE), build(ROOT, workspace, OTHER, "--sdist", "--wheel")]
    return ", ".join(f"{each.name} ({len(members(each))} files)" for each in (builds[0].sdist, builds[0].wheel))


def check_reproducible(built: Distributions, again: Distributions) -> str:
    refuse(not_reproducible(built, again))
    return "two builds in other folders, with other file times, modes, time zone and hash seed: the same bytes"


def check_contents(built: Distributions) -> str:
    source = source_files(ROOT)
    refuse([*wrong_contents(built.sdist, source), *wrong_contents(built.wheel, source)])
    return "nothing is missing, nothing else is in them"


def check_metadata(built: Distributions) -> str:
    project = Project.read(ROOT)
    refuse([*wrong_metadata(built.sdist, project), *wrong_metadata(built.wheel, project)])
    return f"{project.name} {project.version}, Python {project.requires_python}, extras {', '.join(project.extras)}"


def check_twine(built: Distributions) -> str:
    run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", str(built.sdist), str(built.wheel), cwd=ROOT)
    return "nothing to say"


def check_installed(archive: Path, name: str, workspace: Path) -> str:
    """Replay the cassettes with an installed distribution; with the wheel, run the programs on its extras, too."""
    project = Project.read(ROOT)
    bounds = Bounds.lowest(project) if name == "lowest" else NEWEST
    folder = workspace / f"{kind(archive)}-{name}"
    python = install_runtime(folder, archive, bounds)
    found = f"{versions(python, folder, project.dependencies)}: {replay(python, ROOT, folder)}"
    if kind(archive) == "wheel":
        pip_install(python, folder, f"{archive}[{','.join(project.extras)}]", *bounds.extras)
        run_programs(python, ROOT, folder)
        found += f"; {versions(python, folder, project.behind_extras())}: the demo and the documents run"
    return found


def kind(archive: Path) -> str:
    return "wheel" if archive.suffix == ".whl" else "sdist"


def leave(built: Distributions) -> str:
    """Put the distributions into dist/, unless they are not of a commit, or the change log has no date for them."""
    kept = list(not_ready())
    if kept:
        return f"nothing is left there: {'; '.join(kept)}"
    DIST.mkdir(exist_ok=True)
    for archive in (built.sdist, built.wheel):
        write_whole(DIST / archive.name, archive.read_bytes())
    return f"upload with: python -m twine upload dist/{built.sdist.name} dist/{built.wheel.name}"


def not_ready() -> Iterator[str]:
    if section().date == UNDATED:
        yield f"CHANGELOG.md has no date yet for [{section().version}]"
    try:
        if run("git", "status", "--porcelain", cwd=ROOT):
            yield "not everything is committed"
    except (CheckFailed, OSError):
        yield "this is no git checkout"


if __name__ == "__main__":
    run_command(main)
