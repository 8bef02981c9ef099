"""Write scripts/requirements.txt: the exact versions and hashes that development and CI install.

It covers all extras, the dependency group dev and what builds the package, for the Pythons and platforms of PYTHONS and
PLATFORMS. Without options, keep each version that pyproject.toml still allows; with --upgrade, take the newest. uv
resolves; it asks pip's index-url, and no extra index, which may have only some files of a release. The file has the
hashes of all files that the index lists, and does not name the index. With --check, write nothing, ask no index, and
fail if the file does not have what pyproject.toml requires.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from attrs import frozen
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from postman_openapi.files import read_text, write_atomically
from postman_openapi.losses import SpecError
from run_command import run_command

from releasing.environments import CheckFailed, fail_on, index_variables, run
from releasing.project import PYPROJECT, Project

LOCKED = "scripts/requirements.txt"
GROUP = "dev"
HEADER = f"""\
# What development and CI install: all extras and the dependency group {GROUP}, for each Python and platform.
# Written by scripts/lock; scripts/lock --upgrade takes the newest releases. Do not edit.
"""
PYTHONS = ("3.11.0", "3.11.9", "3.12.0", "3.13.0", "3.14.0")
PLATFORMS = (("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt"))
_PIN = re.compile(r"([a-z0-9-]+)==([^\s;]+)(?: ; (\S.*?))?((?: --hash=sha256:[0-9a-f]{64})+)")


@frozen
class Pin:
    """A line of the file: one version of a package, perhaps only for some Pythons or platforms."""

    name: str
    version: str
    requirement: Requirement


def parse_pins(text: str) -> Iterator[Pin | str]:
    """Yield each pin, and each line that is none as text."""
    for line in re.sub(r" \\\n *", " ", text).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        yield _parse_pin(line.strip()) or line


def _parse_pin(line: str) -> Pin | None:
    found = _PIN.fullmatch(line)
    if not found:
        return None
    name, version, marker, _ = found.groups()
    try:
        Version(version)
        return Pin(name, version, Requirement(f"{name}=={version}{f' ; {marker}' if marker else ''}"))
    except (InvalidVersion, InvalidRequirement):
        return None


def read_pins(root: Path) -> list[Pin]:
    return [each for each in parse_pins(_read(root)) if isinstance(each, Pin)]


def _read(root: Path) -> str:
    try:
        return read_text(root / LOCKED, LOCKED)
    except SpecError as error:
        raise CheckFailed(f"{error}: run scripts/lock") from None


def environments() -> Iterator[dict[str, str]]:
    """Yield the values of markers for each Python and platform."""
    for python, (platform, system, os_name) in product(PYTHONS, PLATFORMS):
        yield {
            "python_full_version": python,
            "python_version": python.rpartition(".")[0],
            "sys_platform": platform,
            "platform_system": system,
            "os_name": os_name,
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }


def lock_problems(root: Path) -> Iterator[str]:
    """Yield why the file does not have what pyproject.toml requires."""
    parsed = list(parse_pins(_read(root)))
    for line in parsed:
        if isinstance(line, str):
            yield f"{LOCKED}: {line[:80]}: this is not NAME==VERSION with sha256 hashes"
    pins = [each for each in parsed if isinstance(each, Pin)]
    required = list(Project.read(root).requirements(GROUP))
    found = (_problem(each, pins, environment) for environment in environments() for each in required)
    yield from dict.fromkeys(each for each in found if each)


def _problem(required: Requirement, pins: list[Pin], environment: dict[str, str]) -> str:
    if required.marker and not required.marker.evaluate(environment):
        return ""
    locked = [
        each.version
        for each in pins
        if each.name == canonicalize_name(required.name)
        and (not each.requirement.marker or each.requirement.marker.evaluate(environment))
    ]
    if len(locked) == 1 and required.specifier.contains(Version(locked[0]), prereleases=True):
        return ""
    return f"{LOCKED}: {required}: {' and '.join(locked) or 'nothing'} is locked: run scripts/lock"


def lock(root: Path, *, upgrade: bool) -> str:
    """Return the text of the file as it should be."""
    options = ("--universal", "--python-version", Project.read(root).lowest_python, "--all-extras", "--group", GROUP)
    output = ("--generate-hashes", "--annotation-style", "line", "--no-header", "--no-emit-index-url", "--quiet")
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "requirements.txt")
        if not upgrade and (root / LOCKED).exists():
            written.write_bytes((root / LOCKED).read_bytes())  # uv keeps these versions if it can
        command = (sys.executable, "-m", "uv", "pip", "compile", PYPROJECT, *options, *output)
        index = {name: value for name, value in index_variables().items() if name == "UV_DEFAULT_INDEX"}
        run(*command, "--output-file", str(written), cwd=root, variables=index)
        return HEADER + written.read_text(encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/lock", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--upgrade", action="store_true", help="take the newest releases")
    modes.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the file does not fit")
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[2]
    if not options.check:
        write_atomically(root / LOCKED, lock(root, upgrade=options.upgrade).encode())
    fail_on(lock_problems(root))
    print(f"{LOCKED}: {len(read_pins(root))} packages")
    return 0


if __name__ == "__main__":
    run_command(main)
