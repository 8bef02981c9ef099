#!/usr/bin/env python3
"""Copy the package into another one, where it works under any name: vendor.py src/bigger_sdk/_vendor/confluence_groups

Of a clone, only the files that git tracks are copied. The copy includes the licence; vendored.json, which records its
version, the address, commit and state of the clone, and the omitted parts; and vendored.py, which checks the copy where
there is no clone. The next run omits the same parts unless --without is given, and prints what has changed. With
--check, write nothing, show the differences on standard output, and exit 1 if the copy was edited or is outdated. Exit
2 if the folder contains something else.
"""

from __future__ import annotations

if __name__ == "__main__":
    from run_command import exit_on_interrupt

    exit_on_interrupt()

import argparse
import difflib
import keyword
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from codegen import file_tree
from packaging.version import InvalidVersion, Version
from postman_openapi.losses import SpecError
from releasing.changelog import parse_sections
from run_command import run_command
from vendoring.copies import MANIFEST, PACKAGE, PARTS, Copy, read_copy, read_project
from vendoring.dependencies import dependency_advice
from vendoring.hosts import data_file_advice
from vendoring.origin import CLEAN, DIRTY, is_earlier, untracked_files

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("destination", metavar="DEST", type=Path, help="the folder of the copy")
    parser.add_argument(
        "--without",
        metavar="PARTS",
        type=parts,
        help=f"omit these of {','.join(PARTS)}; default: the parts omitted last time; '' for none",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a difference")
    parser.add_argument("--force", action="store_true", help="also replace an edited copy")
    parser.add_argument("--downgrade", action="store_true", help="also replace a copy of a later version or commit")
    options = parser.parse_args(arguments)
    if options.check and (options.force or options.downgrade):
        parser.error(f"{'--force' if options.force else '--downgrade'}: --check writes nothing")
    try:
        if options.check:
            return check(options.destination, options.without)
        return copy(options.destination, options.without, force=options.force, downgrade=options.downgrade)
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.filename or 'the output'}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted: run it again to complete it", file=sys.stderr)
        return 130
    return 2


def parts(text: str) -> frozenset[str]:
    """Parse part names separated by commas."""
    named = frozenset(filter(None, (name.strip() for name in text.split(","))))
    if unknown := sorted(named - set(PARTS)):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(PARTS)}")
    return named


def copy(destination: Path, without: frozenset[str] | None, *, force: bool, downgrade: bool) -> int:
    """Write the copy, or replace one that was not edited.

    Raises:
        SpecError: the folder cannot hold a copy, or the copy would not work.
    """
    place = checked_folder(destination)
    refuse_foreign_leftovers(place, force=force)
    for leftover in file_tree.find_leftovers(place):
        print(f"an interrupted run left {leftover}: completing it first")
    file_tree.recover(place)
    present = read_copy(place, str(destination))
    edits = [f"{name} ({edit})" for name, edit in present.edits()] if present else []
    if edits and not force:
        raise SpecError(str(destination), "", f"it was edited: {', '.join(edits)}; see --check; --force replaces it")
    wanted = read_project(ROOT, parts_to_omit(without, present))
    if present and not downgrade:
        refuse_downgrade(present, wanted, destination)
    if present == wanted and (wanted.origin.tree != CLEAN or present.origin.tree == CLEAN):  # its origin stays true
        print(f"{destination}: nothing has changed: {wanted}")
        return 0
    file_tree.swap(place, wanted.files_to_write())
    print(f"{destination}: {wanted}")
    for line in changes(present, wanted) if present else ():
        print(line)
    if wanted.origin.tree == DIRTY:
        print("note: the clone has changes that were not committed; the copy is marked as dirty", file=sys.stderr)
    if untracked := untracked_files(ROOT, PACKAGE):
        print(f"note: git does not track these files, so they are not copied: {', '.join(untracked)}", file=sys.stderr)
    advice = [*data_file_advice(place, [*wanted.files, MANIFEST]), *dependency_advice(place, ROOT)]
    for line in advice:
        print(f"note: {line}" if line.startswith(("setuptools", "the copy needs")) else line)
    return 0


def refuse_downgrade(present: Copy, wanted: Copy, destination: Path) -> None:
    """Check that a run does not replace a copy of a later version, or of a later commit.

    Raises:
        SpecError: it would.
    """
    problem = ""
    if parse_version(present.version) > parse_version(wanted.version):
        problem = f"version {present.version} is later than {wanted.version}"
    elif present != wanted and is_earlier(ROOT, wanted.origin.commit, present.origin.commit):
        problem = f"{present.origin} is later than this clone's {wanted.origin}"
    if problem:
        raise SpecError(str(destination), "", f"{problem}: --downgrade replaces it")


def changes(present: Copy, wanted: Copy) -> Iterator[str]:
    """Yield what a run has changed: version, origin, files, and the entries of the change log."""
    if present.version != wanted.version:
        yield f"  version {present.version} -> {wanted.version}"
    if present.origin != wanted.origin:
        yield f"  {present.origin} -> {wanted.origin}"
    words = {"missing": "added", "added": "removed", "changed": "changed"}
    for name, difference in file_tree.compare_files(present.files, wanted.files, **words):
        yield f"  {difference}: {name}"
    log = ROOT / "CHANGELOG.md"
    for section in parse_sections(log.read_text(encoding="utf-8")) if log.is_file() else ():
        if parse_version(present.version) < parse_version(section.version) <= parse_version(wanted.version):
            yield from (f"  {section.version}: {entry}" for entry in section.entries)


def parse_version(text: str) -> Version:
    """Return a version for comparisons; any text that is none comes before all others."""
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0.dev0")


def check(destination: Path, without: frozenset[str] | None) -> int:
    """Report edits of the copy and, if this is a complete clone, outdated files; show the differences.

    Raises:
        SpecError: the folder is not a copy.
    """
    place = checked_folder(destination)
    found = [f"{leftover}: left by an interrupted run; run it again" for leftover in file_tree.find_leftovers(place)]
    present = read_copy(place, str(destination))
    if not present and not found:
        raise SpecError(str(destination), "", "there is no copy here")
    if present:
        edits = [f"{destination}/{name}: {edit}" for name, edit in present.edits()]
        found += edits
        if not (ROOT / PACKAGE).is_dir():
            print(f"{destination}: {'edited' if edits else 'unedited'}: {present}, {present.origin}")
            print(f"there is no clone at {ROOT}, so it is unknown whether the copy is outdated")
        else:
            wanted = read_project(ROOT, parts_to_omit(without, present))
            behind = [f"{destination}{line}" for line in outdated(present, wanted)]
            found += behind
            sys.stdout.writelines(differences(present, wanted, destination))
            verdict = f"{'edited' if edits else 'unedited'} and {'outdated' if behind else 'up to date'}"
            print(f"{destination}: {verdict}: {present if found else wanted}")
    sys.stdout.flush()  # so that the differences come first if both streams go to one place
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


def checked_folder(destination: Path) -> Path:
    """Return the absolute path of a folder for a copy.

    Raises:
        SpecError: a copy cannot be there, or could not be imported from there.
    """
    place = Path(os.path.abspath(destination))
    if place.is_symlink():
        problem = "it is a link: give the folder itself"
    elif not place.name.isidentifier() or keyword.iskeyword(place.name):
        problem = "not a package name: it must be a Python identifier"
    elif file := next((each for each in place.parents if os.path.lexists(each) and not each.is_dir()), None):
        problem = f"{file} is not a folder"
    elif place.resolve().is_relative_to(ROOT):
        problem = "it is inside this project: give a folder of yours"
    else:
        return place
    raise SpecError(str(destination), "", problem)


def refuse_foreign_leftovers(place: Path, *, force: bool) -> None:
    """Check that leftovers beside the copy come from an interrupted run, because they will be removed.

    Raises:
        SpecError: they could be someone's own files.
    """
    for leftover in file_tree.find_leftovers(place):
        try:
            found = read_copy(leftover, str(leftover))
        except SpecError:
            raise SpecError(str(leftover), "", "in the way, and not from an interrupted run: move it away") from None
        left = {name for name, content in found.tree.items() if content} if found else set()  # a kill leaves empty ones
        if found and not force and any(name in left for name, _ in found.edits()):
            raise SpecError(str(leftover), "", "it was edited: move it away, or remove it with --force")


def parts_to_omit(without: frozenset[str] | None, present: Copy | None) -> frozenset[str]:
    """Return the given parts, or those omitted last time."""
    if without is not None:
        return without
    return present.without if present else frozenset()


def outdated(present: Copy, wanted: Copy) -> Iterator[str]:
    """Yield how an unedited copy differs from a new one."""
    if present.version != wanted.version:
        yield f": version {present.version}; a run would write {wanted.version}"
    if present.fragment != wanted.fragment:
        yield ": from another OpenAPI fragment"
    if present.without != wanted.without:
        yield f": {present.extent}; a run would write {wanted.extent}"
    words = {"missing": "a run would add it", "added": "a run would remove it", "changed": "outdated"}
    for name, difference in file_tree.compare_files(present.files, wanted.files, **words):
        yield f"/{name}: {difference}"


def differences(present: Copy, wanted: Copy, destination: Path) -> Iterator[str]:
    """Yield the changes that a run would make, as a unified diff."""
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
