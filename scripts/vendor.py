#!/usr/bin/env python3
"""Copy the package into another one, where it works under any name: vendor.py src/bigger_sdk/_vendor/confluence_groups

The copy has the licence in it, and vendored.json, which tells what it is and what was left out: the next run goes by
it, unless --without says otherwise. With --check it writes nothing, and exits 1 where the copy was edited or is not
what a run would write; how they differ is on standard output. It exits 2 where something else is there.
"""

from __future__ import annotations

import argparse
import difflib
import keyword
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from copies import PARTS, Copy, read_copy, read_project
from run_command import run_command
from specgen import codegen
from specgen.problems import SpecError

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("destination", metavar="DEST", type=Path, help="the folder that becomes the package")
    parser.add_argument(
        "--without",
        metavar="PARTS",
        type=parts,
        help=f"what to leave out, of {','.join(PARTS)}; as last time where not given; '' for nothing",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where anything differs")
    parser.add_argument("--force", action="store_true", help="replace a copy that was edited, too")
    options = parser.parse_args(arguments)
    if options.check and options.force:
        parser.error("--force: nothing is written with --check")
    try:
        if options.check:
            return check(options.destination, options.without)
        return copy(options.destination, options.without, force=options.force)
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.filename or 'the output'}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted: run it again, to put in order what may be half done", file=sys.stderr)
        return 130
    return 2


def parts(text: str) -> frozenset[str]:
    """Return the parts that are named, with commas between them."""
    named = frozenset(filter(None, (name.strip() for name in text.split(","))))
    if unknown := sorted(named - set(PARTS)):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(PARTS)}")
    return named


def copy(destination: Path, without: frozenset[str] | None, *, force: bool) -> int:
    """Write the copy, or replace one that was not edited.

    Raises:
        SpecError: it must not stand there, or would not work.
    """
    place = placed(destination)
    refuse_foreign_leftovers(place, force=force)
    for leftover in codegen.leftovers(place):
        print(f"an interrupted run left {leftover}: put in order first")
    codegen.recover(place)
    present = read_copy(place, str(destination))
    edits = [f"{name} ({how})" for name, how in present.edits()] if present else []
    if edits and not force:
        raise SpecError(str(destination), "", f"it was edited: {', '.join(edits)}; see --check; --force replaces it")
    wanted = read_project(ROOT, remembered(without, present))
    if present == wanted:
        print(f"{destination}: nothing has changed: {wanted}")
    else:
        codegen.swap(place, wanted.written())
        print(f"{destination}: {wanted}")
    return 0


def check(destination: Path, without: frozenset[str] | None) -> int:
    """Name all that is not as it was copied, or not as a run would write it, and show the difference.

    Raises:
        SpecError: no copy of ours is there.
    """
    place = placed(destination)
    found = [f"{leftover}: left by an interrupted run; run it again" for leftover in codegen.leftovers(place)]
    present = read_copy(place, str(destination))
    if not present and not found:
        raise SpecError(str(destination), "", "there is no copy here")
    if present:
        wanted = read_project(ROOT, remembered(without, present))
        found += [f"{destination}/{name}: {how}" for name, how in present.edits()]
        found += [f"{destination}{line}" for line in behind(present, wanted)]
        sys.stdout.writelines(differences(present, wanted, destination))
        if not found:
            print(f"{destination}: as copied, and as a run would write it: {wanted}")
    sys.stdout.flush()  # the difference first, where both go to one place
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


def placed(destination: Path) -> Path:
    """Return where a copy may be put.

    Raises:
        SpecError: it may not stand there, or could not be imported from there.
    """
    place = Path(os.path.abspath(destination))
    if place.is_symlink():
        problem = "a link: give the folder itself"
    elif not place.name.isidentifier() or keyword.iskeyword(place.name):
        problem = "no package can have this name: it must be a Python identifier"
    elif file := next((each for each in place.parents if os.path.lexists(each) and not each.is_dir()), None):
        problem = f"{file} is no folder"
    elif place.resolve().is_relative_to(ROOT):
        problem = "inside this project: give a folder of yours"
    else:
        return place
    raise SpecError(str(destination), "", problem)


def refuse_foreign_leftovers(place: Path, *, force: bool) -> None:
    """See that what an interrupted run left beside the copy was really left by one, since it is removed.

    Raises:
        SpecError: it may be somebody's.
    """
    for leftover in codegen.leftovers(place):
        try:
            found = read_copy(leftover, str(leftover))
        except SpecError:
            raise SpecError(str(leftover), "", "in the way of a run, and not left by one: move it away") from None
        left = {name for name, content in found.tree.items() if content} if found else set()  # a kill leaves empty ones
        if found and not force and any(name in left for name, _ in found.edits()):
            raise SpecError(str(leftover), "", "not as a run leaves it: move it away, or --force removes it")


def remembered(without: frozenset[str] | None, present: Copy | None) -> frozenset[str]:
    """Return what to leave out: what is asked for, else what was last time."""
    if without is not None:
        return without
    return present.without if present else frozenset()


def behind(present: Copy, wanted: Copy) -> Iterator[str]:
    """Yield in what a copy, as it was made, is not what a run would write, a line each."""
    if present.version != wanted.version:
        yield f": version {present.version}, a run would write {wanted.version}"
    if present.fragment != wanted.fragment:
        yield ": made from another OpenAPI fragment"
    if present.without != wanted.without:
        yield f": {present.extent}, a run would write {wanted.extent}"
    for name in sorted(present.files.keys() | wanted.files.keys()):
        if name not in present.files:
            yield f"/{name}: a run would add it"
        elif name not in wanted.files:
            yield f"/{name}: a run would remove it"
        elif present.files[name] != wanted.files[name]:
            yield f"/{name}: behind"


def differences(present: Copy, wanted: Copy, destination: Path) -> Iterator[str]:
    """Yield, as a unified diff, how a run would change the files of the copy."""
    for name in sorted(present.tree.keys() | wanted.tree.keys()):
        old, new = present.tree.get(name), wanted.tree.get(name)
        if old != new:
            before = f"{destination}/{name}" if old is not None else os.devnull
            after = f"{wanted.version}/{name}" if new is not None else os.devnull
            yield from unified(lines(old), lines(new), before, after)


def unified(old: list[str], new: list[str], before: str, after: str) -> Iterable[str]:
    for line in difflib.unified_diff(old, new, before, after):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def lines(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", "backslashreplace").splitlines(keepends=True)


if __name__ == "__main__":
    run_command(main)
