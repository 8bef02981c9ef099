"""``confluence-groups review evidence`` and ``verify``: the proof of a review."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ....errors import InputError
from ....membership import Plan
from ....review import Decisions, EvidenceReport, Snapshot, verify_evidence, write_evidence
from ...command import command
from ...exit_codes import INCOMPLETE, USAGE
from ...options import Format, OutputOptions
from ...output_files import check_target
from ...program import PROGRAM
from ...terminal import print_err, print_out
from ..plans import Force
from .decide import AllowOwnAccess, SnapshotArgument, list_sheets
from .section import app

EvidenceArgument = Annotated[Path, typer.Argument(metavar="EVIDENCE", help="An evidence file.", dir_okay=False)]


@command(
    app,
    "evidence",
    "confluence-groups review evidence q4.snapshot --sheets returned/*.xlsx --plan q4.plan.json "
    "--journal q4.plan.journal --after q4-after.snapshot",
    "confluence-groups review evidence q4.snapshot --sheets returned --plan q4.plan.json --out q4.zip",
)
def evidence(
    *,
    snapshot: SnapshotArgument,
    more_sheets: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SHEET]...", help="More sheets, as a pattern after --sheets gives them."),
    ] = None,
    sheets: Annotated[
        list[Path],
        typer.Option("--sheets", metavar="SHEET...", help="The returned sheets, or folders with nothing else."),
    ],
    plan: Annotated[
        Path, typer.Option("--plan", metavar="FILE", help="The plan that review decide made.", dir_okay=False)
    ],
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            metavar="FILE",
            help="The journal of apply; leave it out if the plan has no changes.",
            dir_okay=False,
        ),
    ] = None,
    after: Annotated[
        Path | None,
        typer.Option(
            "--after",
            metavar="FILE",
            help="A snapshot taken after apply; leave it out if the plan has no changes.",
            dir_okay=False,
        ),
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(
            "--decisions",
            metavar="FILE",
            help="The decisions that review decide saved. Default: read the sheets again.",
            dir_okay=False,
        ),
    ] = None,
    allow_own_access: AllowOwnAccess = False,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Save the evidence to this file.", dir_okay=False)
    ] = Path("evidence.zip"),
    output: OutputOptions,
    force: Force = False,
) -> None:
    """Write one file that shows who reviewed, what was decided and done, and what a later snapshot shows.

    The same files give the same bytes. The exit code is 4 if the later snapshot does not
    confirm the removals.
    """
    _check_format(output)
    check_target(out, force=force)
    written = write_evidence(
        out,
        snapshot=Snapshot.load(snapshot),
        sheets=list_sheets([*sheets, *(more_sheets or ())]),
        decisions=Decisions.load(decisions) if decisions else None,
        plan=Plan.load(plan),
        journal=journal,
        after=Snapshot.load(after) if after else None,
        allow_own_access=allow_own_access,
    )
    _print(written, output)
    steps = [
        "",
        f"saved as {out}",
        "keep the manifest's SHA-256 elsewhere, or sign the manifest: summary.html in the evidence says how",
        f"next: {PROGRAM} review verify {shlex.quote(str(out))} --expect-hash {written.manifest_hash}",
    ]
    (print_out if output.format is Format.TABLE else print_err)(*steps)
    if not written.is_verified:
        print_err("the later snapshot does not confirm the removals:", *written.problems)
        raise typer.Exit(INCOMPLETE)


@command(
    app,
    "verify",
    "confluence-groups review verify evidence.zip",
    "confluence-groups review verify evidence.zip --expect-hash HASH",
)
def verify(
    *,
    evidence: EvidenceArgument,
    expect_hash: Annotated[
        str | None,
        typer.Option("--expect-hash", metavar="HASH", help="Fail unless the manifest has this SHA-256."),
    ] = None,
    output: OutputOptions,
) -> None:
    """Verify evidence: every byte, every digest, and that its parts agree. The exit code is 2 if anything is wrong."""
    _check_format(output)
    report = verify_evidence(evidence, expect_hash=expect_hash)
    _print(report, output)
    if not report.is_verified:
        number = len(report.problems)
        print_err(f"error: {evidence} is not verified: {number} problem{'s' * (number != 1)}")
        print_err(*(f"  {problem}" for problem in report.problems))
        raise typer.Exit(USAGE)
    done = print_out if output.format is Format.TABLE else print_err
    exception = "" if report.has_checked_summary else ", except for summary.html"
    done(f"{evidence} is verified{exception}: nothing was changed, and its parts agree")
    if number := len(report.open_points):
        done(f"verified does not mean done: {number} point{'s are' if number > 1 else ' is'} open, see above")
    if expect_hash is None:
        done(
            "a hash is neither a signature nor a timestamp: compare the manifest's SHA-256 with the one that was kept "
            "elsewhere, with --expect-hash"
        )


def _check_format(output: OutputOptions) -> None:
    if output.format is Format.CSV:
        raise InputError("a report on evidence has no rows for CSV: give -o json, or leave -o out")


def _print(report: EvidenceReport, output: OutputOptions) -> None:
    if output.format is Format.JSON:
        print_out(*json.dumps(report.as_json(), indent=1).splitlines())
    else:
        print_out(*_lines(report))


def _lines(report: EvidenceReport) -> Iterator[str]:
    digests = {
        "site": report.site,
        "snapshot": report.snapshot,
        "decisions": report.decisions,
        "plan": report.plan,
        "journal": report.journal,
        "later": report.after,
        "manifest": report.manifest_hash,
    }
    yield from (f"{f'{name}:':<11}{digest}" for name, digest in digests.items() if digest)
    if report.counts:
        yield f"{'counts:':<11}{', '.join(f'{number} {name}' for name, number in report.counts.items())}"
    yield from (f"{'open:':<11}{point}" for point in report.open_points)
