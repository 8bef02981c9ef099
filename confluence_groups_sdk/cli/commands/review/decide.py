"""``confluence-groups review decide``: read the returned sheets, and plan the decided removals."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ...._core.limits.rate_limiter import RateLimiter
from ...._support.text import format_count
from ....errors import InputError
from ....membership import Plan
from ....review import Decision, Decisions, Snapshot, plan_decisions, read_decisions
from ...command import command
from ...exit_codes import REFUSED
from ...options import ConnectionOptions, Format, OutputOptions, PlanGuardOptions
from ...output_files import check_distinct, check_target
from ...problems import report_problems
from ...program import PROGRAM
from ...rendering.plan_summary import summary_lines
from ...rendering.progress_bar import progress_bar
from ...rendering.tables import Column, write_rows
from ...session.client_factory import open_client
from ...terminal import print_err, print_out
from ..plans import Force, ProblemsFile
from .section import app

COLUMNS = (Column("group"), Column("group_id", in_table=False), Column("account_id"), Column("name"), Column("email"))
MAX_UNDECIDED = 20  # rows of the table; JSON and CSV have all of them
SnapshotArgument = Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="The snapshot file.", dir_okay=False)]
AllowOwnAccess = Annotated[
    bool,
    typer.Option("--allow-own-access", help="Allow reviewers to decide about their own access; it is recorded."),
]


@command(
    app,
    "decide",
    "confluence-groups review decide q4.snapshot returned/*.xlsx --plan q4.plan.json",
    "confluence-groups review decide q4.snapshot returned --plan q4.plan.json --problems problems.txt",
)
def decide(
    *,
    snapshot: SnapshotArgument,
    sheets: Annotated[
        list[Path], typer.Argument(metavar="SHEET...", help="The returned sheets, or folders with nothing else.")
    ],
    connection: ConnectionOptions,
    guards: PlanGuardOptions,
    output: OutputOptions,
    plan: Annotated[
        Path, typer.Option("--plan", metavar="FILE", help="Save the plan to this file.", dir_okay=False)
    ] = Path("plan.json"),
    decisions: Annotated[
        Path | None,
        typer.Option(
            "--decisions",
            metavar="FILE",
            help="Save the decisions to this file. Default: the plan's name with .decisions.json.",
            dir_okay=False,
        ),
    ] = None,
    allow_own_access: AllowOwnAccess = False,
    problems: ProblemsFile = None,
    force: Force = False,
) -> None:
    """Read the decisions in returned sheets, list what is undecided, and plan the decided removals.

    Nothing is removed until you apply the plan. JSON and CSV output has the undecided memberships.
    """
    taken = Snapshot.load(snapshot)
    decisions_file = decisions or plan.with_name(
        f"{plan.name.removesuffix('.json').removesuffix('.plan')}.decisions.json"
    )
    returned = list_sheets(sheets)
    results = [plan, decisions_file, *([problems] if problems else [])]
    check_distinct(results, [snapshot, *returned])
    check_target(plan, force=force)
    with report_problems(problems, output, force=force):
        decided = read_decisions(taken, returned, allow_own_access=allow_own_access)
    if not _is_saved(decisions_file, decided):
        check_target(decisions_file, force=force)
    rate_limiter = RateLimiter()
    with (
        report_problems(problems, output, force=force),
        open_client(connection, rate_limiter) as client,
        progress_bar(rate_limiter) as on_progress,
    ):
        made = plan_decisions(client, taken, decided, guards=guards.build_guards(client), on_progress=on_progress)
    decided.save(decisions_file)
    made.save(plan)
    _report(taken, decided, made, output)
    saved = f"saved as {plan} and {decisions_file}; nothing was removed"
    prove = _prove_command(snapshot, sheets, plan, decisions_file)
    steps = [saved, *_next_steps(taken, snapshot, made, plan, prove)]
    (print_out if output.format is Format.TABLE else print_err)("", *steps)
    if made.refused:
        refused = format_count(len(made.refused), "change")
        print_err(f"refused: guards refused {refused}, which the plan does not contain (exit code {REFUSED})")
        raise typer.Exit(REFUSED)


def list_sheets(given: Iterable[Path]) -> list[Path]:
    """Return the files, and the files in the folders, without hidden ones.

    Raises:
        InputError: a folder has no files.
    """
    found: list[Path] = []
    for path in given:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(each for each in path.iterdir() if not each.name.startswith((".", "~$")) and each.is_file())
        if not inside:
            raise InputError(f"{path}: the folder has no sheets")
        found += inside
    return found


def _is_saved(path: Path, decided: Decisions) -> bool:
    """Check whether a file has these decisions, because an earlier run was killed after it wrote them."""
    try:
        return path.is_file() and path.read_bytes() == decided.as_bytes()
    except OSError:
        return False


def _report(taken: Snapshot, decided: Decisions, made: Plan, output: OutputOptions) -> None:
    print_decisions(taken, decided, output)
    if output.format is Format.TABLE:
        print_out("", *summary_lines(made))


def print_decisions(taken: Snapshot, decided: Decisions, output: OutputOptions) -> None:
    """Print the number of decisions, and the memberships that are undecided."""
    undecided = len(decided.undecided)
    if output.format is not Format.TABLE:
        write_rows(_undecided_rows(taken, decided), COLUMNS, output)
        print_err(_describe(decided))
        return
    print_out(_describe(decided))
    if undecided:
        print_out("", "undecided:")
        write_rows(_undecided_rows(taken, decided)[:MAX_UNDECIDED], COLUMNS, output)
        if undecided > MAX_UNDECIDED:
            print_out(f"and {undecided - MAX_UNDECIDED} more: -o csv lists all of them")


def _describe(decided: Decisions) -> str:
    counts = [f"{len(decided.of(each))} {each.value}" for each in Decision]
    sheets = format_count(len(decided.sheets), "sheet")
    return f"{sheets}: {', '.join(counts)}, {len(decided.undecided)} undecided"


def _undecided_rows(taken: Snapshot, decided: Decisions) -> list[dict[str, Any]]:
    """Return the memberships without a decision, in the order of a review sheet."""
    names = {group.id: group.name for group in taken.groups}
    rows = [
        {
            "group": names[group_id],
            "group_id": group_id,
            "account_id": account_id,
            "name": taken.users[account_id].name,
            "email": taken.users[account_id].email,
        }
        for group_id, account_id in decided.undecided
    ]
    return sorted(rows, key=lambda row: (row["group"].casefold(), row["group_id"], (row["name"] or "").casefold()))


def _next_steps(taken: Snapshot, snapshot: Path, made: Plan, plan: Path, prove: str) -> Iterator[str]:
    if not made.changes:
        yield f"prove it:    {prove}"
        return
    after = Path(f"{snapshot.stem}-after.snapshot")
    same = [f"--access {shlex.quote(each)} " for each in taken.selection.access]
    same += [f"--group {shlex.quote(each)} " for each in taken.selection.group_ids]
    yield f"approve it:  {PROGRAM} plan show {_quote(plan)} --html {_quote(plan.with_suffix('.html'))}"
    yield f"apply it:    {PROGRAM} apply {_quote(plan)} --expect-digest {made.digest}"
    yield f"look again:  {PROGRAM} review snapshot {''.join(same)}--out {_quote(after)}"
    yield f"prove it:    {prove} --journal {_quote(plan.with_suffix('.journal'))} --after {_quote(after)}"


def _prove_command(snapshot: Path, sheets: Iterable[Path], plan: Path, decisions_file: Path) -> str:
    command_line = f"{PROGRAM} review evidence {_quote(snapshot)} --sheets {_quote(*_shorten(sheets))}"
    return f"{command_line} --plan {_quote(plan)} --decisions {_quote(decisions_file)}"


def _quote(*paths: Path) -> str:
    return " ".join(shlex.quote(str(path)) for path in paths)


def _shorten(sheets: Iterable[Path]) -> list[Path]:
    """Return the sheets, or their folder if they are many in one folder."""
    given = list(sheets)
    folders = {each.parent for each in given}
    return [folders.pop()] if len(given) > 3 and len(folders) == 1 else given
