"""Build the distributions twice under conditions that have nothing in common.

The inputs that decide the bytes are pinned: the backend in the dependency group ``release``, used without build
isolation, and the time in the archives, which is the backend's own default.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from attrs import Factory, frozen
from pathspec import GitIgnoreSpec

from releasing.archives import first_difference, read_members
from releasing.environments import run

EPOCH_S = 1580601600  # 2020-02-02: hatchling's default without SOURCE_DATE_EPOCH


@frozen
class Conditions:
    """Conditions that must not affect a build: folder, modes and times of the files, and the process."""

    folder: str
    umask: int
    time: int  # seconds since 1970
    variables: Mapping[str, str] = Factory(dict)


FIRST_BUILD = Conditions("one", 0o022, 1_700_000_000, {"TZ": "UTC", "PYTHONHASHSEED": "1"})
SECOND_BUILD = Conditions("quite/another", 0o077, 1_000_000_001, {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "2"})


class Distributions(NamedTuple):
    """The two files of a release."""

    sdist: Path
    wheel: Path


def source_files(root: Path) -> list[str]:
    """Return the files of a folder that .gitignore does not exclude, as paths from the folder."""
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
    """Copy the source files of a folder, with the modes and times of the conditions."""
    folder = workspace / conditions.folder / "source"
    for name in source_files(root):
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, copy)
        copy.chmod((0o777 if os.access(root / name, os.X_OK) else 0o666) & ~conditions.umask)
        os.utime(copy, (conditions.time, conditions.time))
    return folder


def build(root: Path, workspace: Path, conditions: Conditions, *kinds: str) -> Distributions:
    """Build both distributions from a copy of a folder; without ``kinds``, build the wheel from the sdist."""
    source = copy_source(root, workspace, conditions)
    dist = source.parent / "dist"
    variables = {**conditions.variables, "SOURCE_DATE_EPOCH": str(EPOCH_S)}
    run(*_build_command(*kinds, outdir=dist, source=source), cwd=workspace, variables=variables, umask=conditions.umask)
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    return Distributions(sdist, wheel)


def build_wheel(root: Path, folder: Path) -> Path:
    """Build only the wheel of a folder."""
    run(*_build_command("--wheel", outdir=folder, source=root), cwd=root)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _build_command(*kinds: str, outdir: Path, source: Path) -> list[str]:
    return [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(outdir), str(source)]


def reproducibility_problems(one: Distributions, other: Distributions) -> Iterator[str]:
    """Yield the first difference between two builds, and the first file with the time of the build."""
    for archive, again in zip(one, other, strict=True):
        if difference := first_difference(archive, again):
            yield f"{archive.name}: two builds differ: {difference}"
        if late := next((each for each in read_members(archive) if each.time != EPOCH_S), None):
            yield f"{archive.name}: {late.name} has time {late.time}, not {EPOCH_S}: it is the time of the build"
