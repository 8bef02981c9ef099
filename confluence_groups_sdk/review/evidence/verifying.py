"""Verifying evidence: every byte is as it was written, and the parts belong together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from attrs import evolve

from ..._support.files import read_regular
from ..._support.public import public
from ..._support.strict_json import sha256
from ..._version import __version__
from ...errors import ConfigurationError, ReviewError
from ..pages.evidence_page import render_summary
from .archive import read_archive
from .consistency import find_contradictions
from .manifest import MANIFEST, Manifest, describe_file, parse_manifest
from .parts import SUMMARY, Parts
from .report import EvidenceReport
from .writing import describe


@public
def verify_evidence(path: str | os.PathLike[str], *, expect_hash: str | None = None) -> EvidenceReport:
    """Verify evidence: each byte, the digests, and that sheets, decisions, plan, journal and later snapshot agree.

    A hash is neither a signature nor a timestamp: somebody who changes the evidence can compute new hashes. Compare
    ``manifest_hash`` with one that was stored or signed elsewhere.

    Args:
        path: the zip file.
        expect_hash: the manifest's SHA-256, as it was stored elsewhere.

    Returns:
        What the evidence shows. Evidence with ``problems`` is not verified.

    Raises:
        ReviewError: the file cannot be read.
        ConfigurationError: a sheet is a workbook, and python-calamine is not installed.
    """
    try:
        data = read_regular(path)
    except OSError as error:
        raise ReviewError(f"{path}: the evidence cannot be read ({error.strerror or error})") from None
    archive = read_archive(data)
    manifest_hash = sha256(archive.files.get(MANIFEST, b""))
    problems = list(archive.problems)
    if expect_hash is not None and expect_hash.strip().lower() != manifest_hash:
        problems.append(f"{MANIFEST}: its SHA-256 is {manifest_hash}, not {expect_hash}")
    report = EvidenceReport(manifest_hash=manifest_hash, problems=tuple(problems))
    try:
        manifest = _check_manifest(archive.files)
        if problems:
            return report
        return evolve(_verify_parts(archive.files, manifest), manifest_hash=manifest_hash)
    except ReviewError as error:
        return evolve(report, problems=(*problems, *_not_named(error.problems or [str(error)], problems)))


def _not_named(found: Iterable[str], problems: Iterable[str]) -> list[str]:
    """Return the problems of files that the other problems do not name."""
    named = {problem.partition(":")[0] for problem in problems}
    return [problem for problem in found if problem.partition(":")[0] not in named]


def _check_manifest(files: Mapping[str, bytes]) -> Manifest:
    """Check that the files are those of the manifest.

    Raises:
        ReviewError: they are not.
    """
    if MANIFEST not in files:
        raise ReviewError(f"{MANIFEST}: the file is missing: this is not evidence, or it was cut")
    manifest = parse_manifest(files[MANIFEST])
    if problems := tuple(manifest.differences(files)):
        raise ReviewError("files were changed:", problems=problems)
    return manifest


def _verify_parts(files: Mapping[str, bytes], manifest: Manifest) -> EvidenceReport:
    parts = Parts.from_files({name: data for name, data in files.items() if name != MANIFEST})
    problems = find_contradictions(parts)
    report = describe(parts)
    for name in ("site", "snapshot", "decisions", "plan", "journal", "after"):
        if getattr(manifest, name) != getattr(report, name):
            problems.append(
                f"{MANIFEST}: {name} is {getattr(manifest, name)}, and the files have {getattr(report, name)}"
            )
    if problems:
        return evolve(report, problems=(*problems, *report.problems))
    return _check_summary(files, parts, report, manifest)


def _check_summary(
    files: Mapping[str, bytes], parts: Parts, report: EvidenceReport, manifest: Manifest
) -> EvidenceReport:
    """Check that the summary says what the files say. Only the version that made it writes it in the same words."""
    others = {name: describe_file(data) for name, data in files.items() if name not in (MANIFEST, SUMMARY)}
    try:
        is_same = render_summary(parts, report, others).encode() == files[SUMMARY]
    except ConfigurationError:
        return _leave_unchecked(report, f"{SUMMARY} was not compared with the files: that needs jinja2")
    if is_same:
        return report
    if manifest.version != __version__:
        return _leave_unchecked(
            report,
            f"{SUMMARY} is not what this version writes about these files: verify the evidence with version "
            f"{manifest.version} before you rely on that page",
        )
    return evolve(report, problems=(*report.problems, f"{SUMMARY}: it is not the summary of these files"))


def _leave_unchecked(report: EvidenceReport, why: str) -> EvidenceReport:
    return evolve(report, has_checked_summary=False, open_points=(*report.open_points, why))
