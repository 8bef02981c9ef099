#!/usr/bin/env python3
"""Derive the OpenAPI fragment from the Postman items, the generated package from the fragment, and the synchronous
client from the asynchronous one. These files change in no other way.

Without options, write all of them and openapi/spec.lock.json. With --check, write nothing, and exit 1 if a file differs
from the output or if the package's version is lower than the changes since the last release require. Both exit 1 if an
item has a loss that openapi/accepted-losses.yaml does not list, or if an example or the hand-written facade disagrees
with the fragment: each line names the file, the cause and what to edit. With --verbose, they also list the accepted
losses, the overlay's actions and, even if no file differs, the changes since the last release. With --compare, print
how another OpenAPI document differs from the fragment, and exit 1 if a difference is not listed in
openapi/known-differences.yaml. With --import, split a Postman export into item files; if one would say something else,
show the difference, write nothing and exit 1. Exit 2 if an input cannot be used.
"""

from __future__ import annotations

if __name__ == "__main__":
    import gc

    from run_command import exit_on_interrupt

    exit_on_interrupt()
    gc.disable()  # the process is short, and makes little garbage that has cycles

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from codegen import file_tree, pipeline
from codegen.adding.report import report_lacks
from codegen.facade.check import find_problems
from codegen.fragment.gaps import OVERLAY
from codegen.importing.addresses import read_servers
from codegen.item_import import DIFFERENT, SAME, SplitExport, split_export
from codegen.pipeline import FRAGMENT, ITEMS, PACKAGE, PROJECT, Built
from codegen.sync_client import DERIVED
from openapi_diff.compare import KNOWN, compare, read_document, read_known, report_lines
from openapi_diff.documents import Document
from postman_openapi.files import read_text, write_atomically
from postman_openapi.json_nodes import parse_json
from postman_openapi.losses import SpecError
from postman_openapi.merging import path_shape
from postman_openapi.yaml_io import read_yaml
from run_command import run_command

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true", help="write nothing; exit 1 on a difference")
    modes.add_argument("--compare", metavar="OTHER", type=Path, help="compare this OpenAPI document, in JSON or YAML")
    modes.add_argument("--import", dest="export", metavar="FILE", type=Path, help="split an export into item files")
    parser.add_argument("--verbose", action="store_true", help="list accepted losses, overlay actions and changes")
    parser.add_argument("--folder", metavar="NAME", help="with --import: only this folder; A/B for B in A")
    parser.add_argument("--replace", action="store_true", help="with --import: replace files that differ")
    options = parser.parse_args(arguments)
    if options.export is None and (options.folder is not None or options.replace):
        parser.error("--folder and --replace need --import")
    try:
        if options.export:
            return import_items(options.export, options.folder, replace=options.replace)
        if options.compare:
            return compare_with(options.compare)
        return check(verbose=options.verbose) if options.check else regenerate(verbose=options.verbose)
    except SpecError as error:
        print_errors([error], is_export=options.export is not None)
    except ExceptionGroup as group:  # several inputs cannot be used
        print_errors(group.exceptions, is_export=options.export is not None)
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted: run it again to complete it", file=sys.stderr)
        return 130
    for name in pipeline.inputs_changed_since_lock(ROOT):
        change = "has changed" if (ROOT / name).exists() else "is gone"
        print(f"note: {name} {change} since the last run", file=sys.stderr)
    return 2


def print_errors(errors: Iterable[Exception], *, is_export: bool) -> None:
    """Print errors on standard error, each with the line of its input; those of an export have positions in an item."""
    for error in errors:
        text = pipeline.describe_error(ROOT, error) if isinstance(error, SpecError) and not is_export else str(error)
        print(f"error: {text}", file=sys.stderr)


def regenerate(*, verbose: bool) -> int:
    """Write all derived files, and report losses, overlay actions and changes."""
    package = ROOT / PACKAGE
    for leftover in file_tree.find_leftovers(package):
        print(f"an interrupted run left {leftover.relative_to(ROOT)}: completing it first")
    file_tree.recover(package)
    if mismatches := list(pipeline.tool_mismatches(ROOT)):
        raise SpecError(PROJECT, "/dependency-groups/codegen", "; ".join(mismatches))
    built = pipeline.build(ROOT)
    found = list(pipeline.differences(ROOT, built))
    report(built, changes=bool(found) or verbose, verbose=verbose)
    for difference in found:
        print(f"writing: {difference}")
    pipeline.write(ROOT, built)
    print("done" if found else "done: nothing has changed")
    return print_problems(problems(built))


def check(*, verbose: bool) -> int:
    """Report every difference from the output of a run."""
    found = [*pipeline.tool_mismatches(ROOT)]
    found += [
        f"{path.relative_to(ROOT)}: left by an interrupted run; run scripts/regenerate.py to complete it"
        for path in pipeline.interrupted_files(ROOT)
    ]
    built = pipeline.build(ROOT)
    found += pipeline.differences(ROOT, built)
    problem = report(built, changes=bool(found) or verbose, verbose=verbose)
    if found:
        found.append("run scripts/regenerate.py, and commit the files that it writes")
    return print_problems([*found, *problems(built), *([problem] if problem else [])])


def problems(built: Built) -> Iterator[str]:
    """Yield the losses that are not accepted, and where examples or the facade disagree with the fragment."""
    yield from built.losses.problems()
    yield from (f"example: {difference}" for difference in built.examples)
    found = find_problems(ROOT, built.document, FRAGMENT, built.tree)
    yield from (f"facade: {problem}" for problem in found)
    if found:
        yield f"facade: {len(found)} to edit before the package can make its calls again"


def print_problems(problems: Iterable[str]) -> int:
    """Print problems on standard error; return the exit code."""
    lines = list(problems)
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


def report(built: Built, *, changes: bool, verbose: bool) -> str | None:
    """Print losses, overlay actions and changes since the last release; return the problem with the version.

    Args:
        built: the output of the run.
        changes: list the changes since the last release instead of counting them.
        verbose: also list the accepted losses and the actions.
    """
    from versioning.version_check import check_version  # loads griffe, which the other modes do not need

    version = check_version(ROOT, built.document, built.files[FRAGMENT], {DERIVED: built.files[DERIVED].decode()})
    for line in built.losses.lines(verbose=verbose):
        print(line)
    for action in built.applied if verbose else ():
        print(f"overlay: {action.target}: {action.matches} {'match' if action.matches == 1 else 'matches'}")
    print(f"overlay: {len(built.applied)} actions, {sum(action.matches for action in built.applied)} matches")
    *since, required = version.lines()
    for line in since if changes else ():
        print(line)
    if since and not changes:
        print(f"changes since the last release: {len(since)}; --verbose lists them")
    print(required)
    return version.problem


def compare_with(other: Path) -> int:
    """Report how another document differs from the fragment; return 1 if a difference is unknown."""
    comparison = compare(read_document(ROOT / FRAGMENT), read_document(other))
    known, unknown = report_lines(comparison, read_known(ROOT))
    for line in known:
        print(line)
    for line in unknown:
        print(line, file=sys.stderr)
    if unknown:
        print(f"change {OVERLAY} or an item, or add the difference and its reason to {KNOWN}", file=sys.stderr)
    return 1 if unknown else 0


def import_items(export: Path, folder: str | None, *, replace: bool) -> int:
    """Write the items of an export, all or none; a file that differs needs ``replace``."""
    present = {Path(name).name: read_text(ROOT / name, name) for name in pipeline.item_names(ROOT)}
    document = parse_json(read_text(export, str(export), is_export=True), str(export))
    servers = read_servers(read_yaml(read_text(ROOT / OVERLAY, OVERLAY), OVERLAY))
    found = split_export(document, folder, present, servers, pipeline.read_tags(ROOT))
    for each in found.items:
        print(f"{each.state}: {ITEMS}/{each.name}: {each.title}")
    for note in found.notes:
        print(f"note: {note}")
    for name in found.gone:
        print(f"gone: {ITEMS}/{name}: the export has at least half of its folder, but not this one")
    if not replace and any(each.state == DIFFERENT for each in found.items):
        sys.stdout.writelines(each.diff for each in found.items)
        sys.stdout.flush()
        print("nothing was written: look at the differences, then add --replace", file=sys.stderr)
        return 1
    for each in found.items:
        if each.state != SAME:
            write_atomically(ROOT / ITEMS / each.name, each.content)
    for line in lacking(found):
        print(line)
    print("now run scripts/regenerate.py; facts that the items cannot express belong in the overlay")
    return 0


def lacking(found: SplitExport) -> Iterator[str]:
    """Yield what the imported operations still lack, each with the text to paste."""
    try:
        document, requests = pipeline.merge(ROOT)
    except (SpecError, ExceptionGroup) as error:
        yield f"note: the overlay does not fit the items, so nothing is known about the operations: {error}"
        return
    names = {f"{ITEMS}/{each.name}" for each in found.items}
    imported = {(each.method, path_shape(each.path)) for name, each in requests.items() if name in names}
    yield from report_lacks(ROOT, Document(document, FRAGMENT), imported)


if __name__ == "__main__":
    run_command(main)
