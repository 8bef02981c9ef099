"""Writing evidence: one zip file, which has the same bytes for the same parts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from attrs import evolve

from ..._support.files import write_atomically
from ..._support.public import public
from ..._support.strict_json import sha256
from ...errors import ReviewError
from ...membership import Plan
from ..decisions.reading import load_sheets
from ..model.decisions import Decisions
from ..model.snapshot import Snapshot
from ..pages.evidence_page import render_summary
from ..sheets.rows import snapshot_day
from .archive import format_archive
from .consistency import find_contradictions, find_failures
from .manifest import MANIFEST, Manifest, describe_file
from .parts import SUMMARY, Journal, Parts
from .removals import list_removals
from .report import EvidenceReport, count, find_open_points


@public
def write_evidence(
    path: str | os.PathLike[str],
    *,
    snapshot: Snapshot,
    sheets: Iterable[str | os.PathLike[str]],
    decisions: Decisions | None = None,
    plan: Plan,
    journal: str | os.PathLike[str] | None = None,
    after: Snapshot | None = None,
    allow_own_access: bool = False,
) -> EvidenceReport:
    """Write evidence of a review to a file that only its owner can read, completely or not at all.

    The same parts give the same bytes. The evidence is also written if removals failed or are unfinished, and if the
    later snapshot does not confirm the removals; the report and the summary say so.

    Args:
        path: the zip file; an existing one is replaced.
        snapshot: the snapshot that was reviewed.
        sheets: the returned sheets.
        decisions: the decisions in these sheets; None to read them again.
        plan: the plan from `plan_decisions`.
        journal: the path of the journal of `apply`, whose last run may have been killed; None if the plan has no
            changes.
        after: a snapshot that was taken after `apply`; None if the plan has no changes.
        allow_own_access: whether reviewers were allowed to decide about their own access; only without ``decisions``.

    Returns:
        What the evidence shows.

    Raises:
        InputError: a sheet cannot be used; the error lists the problems of all sheets.
        ReviewError: the parts are not those of one review, or are damaged, or the file cannot be written; the error
            lists all problems.
        PlanError: the plan was edited.
        ConfigurationError: jinja2 or python-calamine is not installed.
    """
    loaded = load_sheets(sheets)
    for taken in filter(None, (snapshot, after)):
        taken.check_digest()
    plan.check_digest()
    if decisions is None:
        decisions = loaded.parse(snapshot, allow_own_access=allow_own_access, today=snapshot_day(snapshot))
    loaded.check()
    parts = Parts(
        snapshot=snapshot,
        sheets=loaded.contents,
        decisions=decisions,
        plan=plan,
        journal=Journal.load(journal) if journal is not None else None,
        after=after,
    )
    if problems := find_contradictions(parts):
        raise ReviewError(
            "the parts do not belong to one review, so no evidence was written:", problems=tuple(problems)
        )
    report = describe(parts)
    files = build_files(parts, report)
    try:
        write_atomically(Path(path), format_archive(files))
    except OSError as error:
        raise ReviewError(f"{path}: the evidence cannot be written ({error.strerror or error})") from None
    return evolve(report, manifest_hash=sha256(files[MANIFEST]))


def describe(parts: Parts) -> EvidenceReport:
    """Build the report on parts that belong together, without the hash of the manifest."""
    removals = list_removals(parts)
    return EvidenceReport(
        manifest_hash="",
        site=parts.snapshot.site,
        snapshot=parts.snapshot.digest,
        decisions=parts.decisions.digest,
        plan=parts.plan.digest,
        journal=parts.journal.state.last_hash if parts.journal else None,
        after=parts.after.digest if parts.after else None,
        counts=count(parts, removals),
        problems=tuple(find_failures(parts, removals)),
        open_points=tuple(find_open_points(parts, removals)),
    )


def build_files(parts: Parts, report: EvidenceReport) -> dict[str, bytes]:
    """Return all files of the evidence by name."""
    files = parts.as_files()
    files[SUMMARY] = render_summary(parts, report, {name: describe_file(data) for name, data in files.items()}).encode()
    manifest = Manifest(
        site=report.site,
        snapshot=report.snapshot,
        decisions=report.decisions,
        plan=report.plan,
        journal=report.journal,
        after=report.after,
        files={name: describe_file(data) for name, data in files.items()},
    )
    return files | {MANIFEST: manifest.as_bytes()}
