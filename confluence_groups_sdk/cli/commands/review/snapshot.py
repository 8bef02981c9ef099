"""``confluence-groups review snapshot``."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from ...._core.limits.rate_limiter import RateLimiter
from ...._support.clock import utc_timestamp
from ...._support.text import format_count
from ....errors import APIError, IncompleteReadError, InputError
from ....membership import Progress
from ....review import Snapshot, take_snapshot
from ...command import command
from ...exit_codes import INCOMPLETE
from ...options import ConnectionOptions, Format, OutputOptions
from ...output_files import check_target
from ...program import PROGRAM
from ...rendering.progress_bar import OnProgress, progress_bar
from ...rendering.tables import Column, write_one
from ...session.client_factory import open_client
from ...terminal import print_err, print_out
from ..groups import AccessType
from .section import app

COLUMNS = tuple(
    Column(name)
    for name in (
        *("file", "site", "selection", "groups", "memberships", "people", "apps", "incomplete"),
        *("calls", "points", "started_at", "ended_at", "digest"),
    )
)


@command(
    app,
    "snapshot",
    "confluence-groups review snapshot --out q4.snapshot",
    "confluence-groups review snapshot --access admin --access site-admin --group docs-editors --out q4.snapshot",
)
def snapshot(
    *,
    connection: ConnectionOptions,
    output: OutputOptions,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Save the snapshot to this file.", dir_okay=False)],
    access: Annotated[
        list[AccessType] | None, typer.Option("--access", help="The groups that give this access (repeatable).")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="GROUP", help="A group, by id or exact name (repeatable)."),
    ] = None,
    all_groups: Annotated[bool, typer.Option("--all", help="All groups; this is the default.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Record who is in which group, and which access the groups give.

    After an interruption, the same command continues where it ended.
    """
    if all_groups and (access or group):
        raise InputError("give either --all, or --access and --group")
    progress_file = Path(f"{out}.progress")
    _delete_finished(progress_file, out)
    check_target(out, force=force)
    rate_limiter = RateLimiter()
    seen: list[Progress] = []
    with (
        open_client(connection, rate_limiter) as client,
        progress_bar(rate_limiter) as show_progress,
        _continued_by(progress_file),
    ):
        taken = take_snapshot(
            client,
            groups=group or None,
            access=[each.value for each in access or ()] or None,
            resume=progress_file,
            on_progress=_watch(progress_file, show_progress, seen),
        )
        check_target(out, force=force)  # reading may take hours
        taken.save(out)
    _delete(progress_file)
    _report(taken, out, output, read_before=seen[0].done)
    if not taken.is_complete:
        raise typer.Exit(INCOMPLETE)


def _delete_finished(progress_file: Path, out: Path) -> None:
    """Delete the progress of a run that was killed after it had saved its snapshot: a new one must not go on from it.

    The progress of a later run, which would replace the snapshot, is newer than the snapshot.
    """
    with suppress(OSError):
        if progress_file.stat().st_mtime_ns <= out.stat().st_mtime_ns:
            _delete(progress_file)


def _delete(progress_file: Path) -> None:
    target = progress_file.resolve()  # the path may be a link
    for path in (target, Path(f"{target}.lock")):
        path.unlink(missing_ok=True)


@contextmanager
def _continued_by(progress_file: Path) -> Iterator[None]:
    """If reading fails or is interrupted, say that the same command continues."""
    try:
        yield
    except (KeyboardInterrupt, APIError, IncompleteReadError):
        if progress_file.exists():
            print_err("", f"what was read is in {progress_file}: the same command continues from there")
        raise


def _watch(progress_file: Path, show_progress: OnProgress | None, seen: list[Progress]) -> Callable[[Progress], None]:
    """Return a callback that says first how much an earlier run has read, and then moves the bar.

    Args:
        progress_file: the progress file, as the earlier run left it.
        show_progress: moves the bar; None if there is none.
        seen: gets the progress at the beginning of this run.
    """
    changed_at = utc_timestamp(progress_file.stat().st_mtime) if progress_file.exists() else None

    def watch(progress: Progress) -> None:
        if not seen and progress.done:
            print_err(
                f"continuing from {progress_file}, last changed at {changed_at}: {progress.done} of {progress.total} "
                "groups were read before",
                "to read them again, delete this file first",
            )
        if not seen:
            seen.append(progress)
        if show_progress:
            show_progress(progress)

    return watch


def _report(taken: Snapshot, out: Path, output: OutputOptions, *, read_before: int) -> None:
    """Print a summary, what limits it, and the next step.

    Args:
        taken: the snapshot.
        out: its file.
        output: how the summary is printed.
        read_before: the number of groups that earlier runs have read.
    """
    write_one(summarize(taken, out), COLUMNS, output)
    if read_before:
        print_err(
            f"note: earlier runs, from {taken.started_at} on, have read {format_count(read_before, 'group')}: "
            "the snapshot shows their members as of then"
        )
    for group in taken.groups:
        if not group.is_complete:
            print_err(f"incomplete: {group.name} ({group.id}): {group.known_by}")
        elif group.unlisted:
            print_err(
                f"note: {group.name} ({group.id}) lists {len(group.members):,} members, and the server states "
                f"{group.stated_total:,}, which may include deactivated ones"
            )
    sheet = shlex.join(["review", "sheet", str(out), "--xlsx", "--out", str(out.with_suffix(".xlsx"))])
    lines = [f"saved as {out}", f"next: {PROGRAM} {sheet}"]
    if output.format is Format.TABLE:
        print_out("", *lines)
    else:
        print_err(*lines)


def summarize(taken: Snapshot, out: Path) -> dict[str, Any]:
    """Return the numbers of a snapshot, by column."""
    apps = sum(user.is_app is True for user in taken.users.values())
    return {
        "file": str(out),
        "site": taken.site,
        "selection": str(taken.selection),
        "groups": len(taken.groups),
        "memberships": sum(len(group.members) for group in taken.groups),
        "people": len(taken.users) - apps,
        "apps": apps,
        "incomplete": sum(not group.is_complete for group in taken.groups),
        "calls": taken.calls,
        "points": taken.points,
        "started_at": taken.started_at,
        "ended_at": taken.ended_at,
        "digest": taken.digest,
    }
