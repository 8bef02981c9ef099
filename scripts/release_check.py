#!/usr/bin/env python3
"""Build the distributions, and refuse a release that breaks one of the rules below.

Without options, run all checks, and leave the two files in dist/ if the release is ready. With --quick, install nothing
and leave nothing. With --accept, build nothing; the present fragment and public API become the base of later
comparisons (openapi/released/).

The checks: scripts/requirements.txt has what pyproject.toml requires. Neither the lowest versions that pyproject.toml
allows nor the versions in that file are before the fixes that scripts/releasing/advisories.py lists; without --quick,
the check also asks pip-audit, and says whether it had data. CHANGELOG.md has a section for the version in
_version.py. If the public API differs from the accepted one, the section has a new entry. Both distributions are built
twice, in different folders and processes and with different file times and modes, the wheel once from the sdist: the
bytes are the same. They contain what scripts/releasing/contents.py lists and the metadata of pyproject.toml, where each
requirement has a lower bound, and `twine check --strict` passes. Once pyproject.toml has the repository's address, the
long description has no relative link; without --quick, it is also rendered as an index renders it, and the packages of
the newest environment are listed in a CycloneDX file beside the distributions. Each distribution is installed into a
clean environment, on the lowest and on the newest dependencies that pyproject.toml allows; the cassettes replay there,
and the wheel with all extras runs the demo, docs/plans.md and docs/cli.md.
"""

from __future__ import annotations

if __name__ == "__main__":
    from run_command import exit_on_interrupt

    exit_on_interrupt()

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from postman_openapi.files import read_text, write_atomically
from postman_openapi.losses import SpecError
from releasing import accepted
from releasing.advisories import check_advisories
from releasing.archives import read_members
from releasing.builds import (
    FIRST_BUILD,
    SECOND_BUILD,
    Distributions,
    build,
    reproducibility_problems,
    source_files,
)
from releasing.changelog import UNDATED, Section, changelog_problems, find_section
from releasing.contents import content_problems, long_description, metadata_problems
from releasing.environments import CheckFailed, fail_on, install, lowest_installer, run
from releasing.installs import install_runtime, installed_versions, replay, run_programs
from releasing.locked import LOCKED, lock_problems, read_pins
from releasing.long_description import relative_links
from releasing.project import PYPROJECT, REPOSITORY, Project
from releasing.sbom import sbom_problems, write_sbom
from run_command import run_command

ROOT = Path(__file__).resolve().parents[1]
CHANGELOG = ROOT / "CHANGELOG.md"
DIST = ROOT / "dist"


class Checks:
    """Runs checks and prints a line for each; goes on after a failure, so that one run names all failures."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def run(self, name: str, check: Callable[..., str], *arguments: object) -> bool:
        """Run a check, print its result, and return whether it passed."""
        try:
            print(f"{name}: {check(*arguments)}", flush=True)
        except (CheckFailed, SpecError) as failure:
            print(f"{name}: failed", flush=True)
            self.failures.append(f"{name}: {failure}")
            return False
        return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--quick", action="store_true", help="install nothing, leave nothing in dist/")
    modes.add_argument("--accept", action="store_true", help="update openapi/released/, and print the written files")
    options = parser.parse_args()

    checks = Checks()
    readable = checks.run("changelog", check_changelog)
    if options.accept:
        if readable:
            checks.run("accepted", accept)
    else:
        checks.run("requirements", check_requirements)
        checks.run("advisories", lambda: check_advisories(ROOT, quick=options.quick))
        if readable:
            checks.run("surface", check_surface)
        with tempfile.TemporaryDirectory() as folder:
            check_distributions(checks, Path(folder), quick=options.quick)
    for failure in checks.failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if checks.failures else 0


def section() -> Section:
    return find_section(read_text(CHANGELOG, CHANGELOG.name), Project.read(ROOT).version)


def check_changelog() -> str:
    fail_on(changelog_problems(read_text(CHANGELOG, CHANGELOG.name), Project.read(ROOT).version))
    return f"[{section().version}] - {section().date}, {len(section().entries)} entries"


def check_requirements() -> str:
    fail_on(lock_problems(ROOT))
    return f"{LOCKED} has what {PYPROJECT} requires: {len(read_pins(ROOT))} packages, each with hashes"


def check_surface() -> str:
    fail_on(accepted.acceptance_problems(ROOT, section()))
    return "the snapshot is the accepted one, and the change log covers all changes since"


def accept() -> str:
    return f"wrote {', '.join(accepted.accept(ROOT, section()))}"


def check_distributions(checks: Checks, workspace: Path, *, quick: bool) -> None:
    """Build and check the distributions; unless ``quick``, install them and leave them in dist/."""
    builds: list[Distributions] = []
    if not checks.run("built", build_twice, workspace, builds):
        return
    built, again = builds
    checks.run("reproducible", check_reproducible, built, again)
    checks.run("contents", check_contents, built)
    checks.run("metadata", check_metadata, built)
    checks.run("twine", check_twine, built)
    checks.run("description", check_description, built, quick)
    if quick:
        return
    boms: list[Path] = []
    checks.run("sbom", check_sbom, built, workspace / "sbom", boms)
    for archive in built:
        for name in ("lowest", "newest"):
            checks.run(f"{kind(archive)} on the {name}", check_installed, archive, name, workspace)
    if not checks.failures:
        checks.run("dist", leave, [*built, *boms])


def build_twice(workspace: Path, builds: list[Distributions]) -> str:
    builds += [build(ROOT, workspace, FIRST_BUILD), build(ROOT, workspace, SECOND_BUILD, "--sdist", "--wheel")]
    return ", ".join(f"{each.name} ({len(read_members(each))} files)" for each in builds[0])


def check_reproducible(built: Distributions, again: Distributions) -> str:
    fail_on(reproducibility_problems(built, again))
    return "two builds with different folders, file times, modes, time zones and hash seeds have the same bytes"


def check_contents(built: Distributions) -> str:
    source = source_files(ROOT)
    fail_on(chain.from_iterable(content_problems(archive, source) for archive in built))
    return "no file is missing, and no other file is in them"


def check_metadata(built: Distributions) -> str:
    project = Project.read(ROOT)
    found = chain.from_iterable(metadata_problems(archive, project) for archive in built)
    fail_on([*found, *project.unbounded_requirements()])
    return f"{project.name} {project.version}, Python {project.requires_python}, extras {', '.join(project.extras)}"


def check_twine(built: Distributions) -> str:
    run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, built), cwd=ROOT)
    return "passed"


def check_description(built: Distributions, quick: bool) -> str:
    """Check the links of the long description; unless ``quick``, also render it."""
    repository = Project.read(ROOT).repository
    text = long_description(built.wheel)
    if repository:
        fail_on(f"a relative link, which leads nowhere on an index: {each}" for each in relative_links(text))
    if not quick:
        from readme_renderer.markdown import render

        if not render(text):
            raise CheckFailed("it cannot be rendered: install the dependency group release")
    links = f"links lead to {repository}" if repository else f"links are relative: {PYPROJECT} has no {REPOSITORY}"
    return f"{links}, {'not rendered' if quick else 'rendered'}"


def check_sbom(built: Distributions, folder: Path, boms: list[Path]) -> str:
    project = Project.read(ROOT)
    written = write_sbom(built.wheel, ROOT, folder)
    text = written.read_text(encoding="utf-8")
    fail_on(f"{written.name}: {each}" for each in sbom_problems(text, project))
    boms.append(written)
    return f"{written.name}: {len(json.loads(text)['components'])} packages"


def check_installed(archive: Path, name: str, workspace: Path) -> str:
    """Replay the cassettes with an installed distribution; with the wheel and its extras, also run the programs."""
    project = Project.read(ROOT)
    lowest = name == "lowest"
    select = lowest_installer(ROOT / PYPROJECT) if lowest else install
    folder = workspace / f"{kind(archive)}-{name}"
    python = install_runtime(folder, archive, project.build_requires, select)
    found = replay(python, ROOT, folder)
    if kind(archive) == "wheel":
        select(python, f"{archive}[{','.join(project.extras)}]", *(["--all-extras"] if lowest else []))
        run_programs(python, ROOT, folder)
        found += "; the demo and the documents run"
    return f"{found}: {installed_versions(python)}"


def kind(archive: Path) -> str:
    return "wheel" if archive.suffix == ".whl" else "sdist"


def leave(files: Sequence[Path]) -> str:
    """Put the distributions and the list of packages into dist/ if nothing blocks the release."""
    if reasons := list(release_blockers()):
        return f"left nothing there: {'; '.join(reasons)}"
    DIST.mkdir(exist_ok=True)
    for file in files:
        write_atomically(DIST / file.name, file.read_bytes())
    archives = " ".join(f"dist/{file.name}" for file in files if file.suffix != ".json")
    return f"upload with: python -m twine upload {archives}"


def release_blockers() -> Iterator[str]:
    if section().date == UNDATED:
        yield f"CHANGELOG.md has no date yet for [{section().version}]"
    if not Project.read(ROOT).repository:
        yield f"{PYPROJECT} has no {REPOSITORY}, so that the links of the long description lead nowhere"
    try:
        if run("git", "status", "--porcelain", cwd=ROOT):
            yield "not everything is committed"
    except (CheckFailed, OSError):
        yield "this is not a git checkout"


if __name__ == "__main__":
    run_command(main)
