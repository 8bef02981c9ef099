"""Building the distributions, twice and under conditions that have nothing in common.

What decides the bytes is pinned: the backend in the dependency group ``release``, used without an environment of its
own, and the time that archives record, which is the backend's own where nothing else is set.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import Factory, frozen
from pathspec import GitIgnoreSpec

from .archives import first_difference, members
from .environments import run

EPOCH = 1580601600  # 2020-02-02, what hatchling records without SOURCE_DATE_EPOCH, and a plain build with it


@frozen
class Conditions:
    """What must make no difference to a build: where, with which modes and times of the files, and in which process."""

    folder: str
    umask: int
    time: int
    variables: Mapping[str, str] = Factory(dict)


ONE = Conditions("one", 0o022, 1_700_000_000, {"TZ": "UTC", "PYTHONHASHSEED": "1"})
OTHER = Conditions("quite/another", 0o077, 1_000_000_001, {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "2"})


@frozen
class Distributions:
    """The two files of a release."""

    sdist: Path
    wheel: Path


def source_files(root: Path) -> list[str]:
    """Return what a build may see of a folder: all files that .gitignore does not name, as paths from the folder."""
    ignored = GitIgnoreSpec.from_lines([*(root / ".gitignore").read_text(encoding="utf-8").splitlines(), ".git"])

    def walk(folder: Path) -> Iterator[str]:
        for path in folder.iterdir():
            name = path.relative_to(root).as_posix()
            if path.is_dir() and not ignored.match_file(f"{name}/"):
                yield from walk(path)
            elif not path.is_dir() and not ignored.match_file(name):
                yield name

    return sorted(walk(root))


def copy_source(root: Path, workspace: Path, conditions: Conditions) -> Path:
    """Copy a folder's source files as a checkout under these conditions would have them."""
    folder = workspace / conditions.folder / "source"
    for name in source_files(root):
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, copy)
        copy.chmod((0o777 if os.access(root / name, os.X_OK) else 0o666) & ~conditions.umask)
        os.utime(copy, (conditions.time, conditions.time))
    return folder


def build(root: Path, workspace: Path, conditions: Conditions, *kinds: str) -> Distributions:
    """Build both distributions of a copy of a folder; without ``kinds`` the wheel is built from the sdist."""
    source = copy_source(root, workspace, conditions)
    dist = source.parent / "dist"
    run(
        *(sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(dist), str(source)),
        cwd=workspace,
        variables={**conditions.variables, "SOURCE_DATE_EPOCH": str(EPOCH)},
        umask=conditions.umask,
    )
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    return Distributions(sdist, wheel)


def build_wheel(root: Path, folder: Path) -> Path:
    """Build the wheel of a folder alone, and return it."""
    run(*(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(root)), cwd=root)
    (wheel,) = folder.glob("*.whl")
    return wheel


def not_reproducible(one: Distributions, other: Distributions) -> Iterator[str]:
    """Yield where two builds of the same source differ, and files whose time is the clock's."""
    pairs = ((one.sdist, other.sdist), (one.wheel, other.wheel))
    for archive, twin in pairs:
        difference = first_difference(archive, twin)
        if difference:
            yield f"{archive.name}: two builds differ: {difference}"
        late = next((each for each in members(archive) if each.time != EPOCH), None)
        if late:
            yield f"{archive.name}: {late.name} is of {late.time}, not of {EPOCH}: the time of the build is in it"
