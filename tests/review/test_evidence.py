"""Evidence: reproducible, verified byte by byte, and honest about what is undecided, not done or not known."""

from __future__ import annotations

import io
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from review_fakes import csv_bytes, rows_of, save
from review_runs import GROUPS, GUARDS, OTHER, TEAM, Review, connect, decide, finish, plan_review, prepare

from confluence_groups_sdk import ConflictError, ConfluenceGroups, InputError, ReviewError
from confluence_groups_sdk._support.strict_json import sha256
from confluence_groups_sdk.membership import Guards, SkippedChange, apply, plan_removals, read_journal
from confluence_groups_sdk.membership.execution.journal_format import format_chain
from confluence_groups_sdk.review import Decisions, plan_decisions, read_decisions, take_snapshot, verify_evidence
from confluence_groups_sdk.review.evidence.archive import format_archive, read_archive
from confluence_groups_sdk.review.evidence.manifest import MANIFEST, describe_file, parse_manifest
from confluence_groups_sdk.review.pages.evidence_page import CHECK_SIGNATURE, SIGN
from confluence_groups_sdk.sandbox import Faults, Sandbox


@pytest.fixture
def review(sandbox: Sandbox, tmp_path: Path) -> Iterator[Review]:
    """A finished review whose parts are all as they should be."""
    ids = prepare(sandbox)
    with connect(sandbox) as client:
        yield finish(client, plan_review(client, tmp_path, decide(ids)))


def test_evidence_of_a_finished_review_is_verified(review: Review) -> None:
    written = review.write()
    assert written.is_verified
    assert written.counts == {"keep": 12, "remove": 2, "exception": 1, "undecided": 0, "removed": 2}
    assert written.open_points == ()
    assert verify_evidence(review.evidence) == written
    for given in (written.manifest_hash, f" {written.manifest_hash.upper()}\n"):  # as PowerShell writes it
        assert verify_evidence(review.evidence, expect_hash=given).is_verified
    assert review.evidence.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(review.evidence) as archive:
        assert archive.testzip() is None
        parts = ["after.json", "decisions.json", "journal.jsonl", MANIFEST, "plan.json"]
        sheets = ["sheets/other-id.csv", "sheets/team-id.csv"]
        assert archive.namelist() == [*parts, *sheets, "snapshot.json", "summary.html"]
        assert sha256(archive.read(MANIFEST)) == written.manifest_hash
        assert archive.read("journal.jsonl") == review.journal.read_bytes()


def test_the_same_parts_give_the_same_bytes(review: Review, tmp_path: Path) -> None:
    review.decisions.save(tmp_path / "decisions.json")
    moved = [save(tmp_path, f"elsewhere/{sheet.name}", sheet.read_bytes()) for sheet in reversed(review.sheets)]
    review.write()
    review.write("again.zip", sheets=moved, decisions=Decisions.load(tmp_path / "decisions.json"))
    assert (tmp_path / "again.zip").read_bytes() == review.evidence.read_bytes()


def test_an_archive_has_one_form() -> None:
    """If this fails, evidence that was written earlier can no longer be verified."""
    data = b"".join(format_archive({"b/ü.csv": b"two", "a": b""}))
    assert sha256(data) == "30826a7aa59dfc023523691ae449a5e82678123d6aa62cf2bb2a6f6313102676"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a": b"", "b/ü.csv": b"two"}
    assert read_archive(data).files == {"a": b"", "b/ü.csv": b"two"}


# --- changed bytes


def part_of(data: bytes, position: int) -> str:
    """Return the file whose content has this byte; empty for a header."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            start = info.header_offset + 30 + len(info.filename.encode())
            if start <= position < start + info.file_size:
                return info.filename
    return ""


def small_evidence() -> bytes:
    files = {"after.json": b"{}", "sheets/a.csv": b"x", "sheets/b.csv": b"y", "summary.html": b"<p>"}
    from confluence_groups_sdk.review.evidence.manifest import Manifest

    manifest = Manifest(
        site="s",
        snapshot="0" * 64,
        decisions="1" * 64,
        plan="2" * 64,
        journal=None,
        after=None,
        files={name: describe_file(data) for name, data in files.items()},
    )
    return b"".join(format_archive(files | {MANIFEST: manifest.as_bytes()}))


def find_changes(data: bytes) -> list[str]:
    """Return what the first two checks of `verify_evidence` find: the archive, and its manifest."""
    archive = read_archive(data)
    if archive.problems:
        return archive.problems
    if MANIFEST not in archive.files:
        return ["no manifest"]
    try:
        return list(parse_manifest(archive.files[MANIFEST]).differences(archive.files))
    except ReviewError as error:
        return [str(error)]


def test_every_changed_byte_is_found_and_its_part_named() -> None:
    data = small_evidence()
    assert find_changes(data) == []
    for position in range(len(data)):
        part = part_of(data, position)
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(data)
            changed[position] ^= flip
            problems = find_changes(bytes(changed))
            assert any(part in problem for problem in problems) if part else problems, (position, part, problems)


def test_every_cut_and_every_addition_is_found() -> None:
    data = small_evidence()
    for length in range(len(data)):
        assert find_changes(data[:length]), length
    for more in (b"\0", b"PK\x05\x06", data):
        assert "added after the end" in find_changes(data + more)[0]
        assert find_changes(more + data)


def test_bytes_of_real_evidence_are_found(review: Review) -> None:
    review.write()
    data = review.evidence.read_bytes()
    for position in range(0, len(data), len(data) // 300):
        changed = bytearray(data)
        changed[position] ^= 0x20
        review.evidence.write_bytes(changed)
        report = verify_evidence(review.evidence)
        assert not report.is_verified
        part = part_of(data, position)
        assert any(part in problem for problem in report.problems), (part, report.problems)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda files: files.pop("plan.json"), "plan.json: the file is missing"),
        (lambda files: files.update({"extra.txt": b"x"}), "extra.txt: the manifest does not have this file"),
        (lambda files: files.update({"plan.json": b"{}"}), "plan.json: its content was changed"),
        (lambda files: files.pop(MANIFEST), "manifest.json: the file is missing: this is not evidence"),
        (
            lambda files: files.update({MANIFEST: b" " + files[MANIFEST]}),
            "manifest.json: it was written in another form",
        ),
        (lambda files: files.update({MANIFEST: b"{}"}), "manifest.json: this is not a manifest"),
    ],
)
def test_another_archive_with_other_files_is_not_verified(
    review: Review, change: Callable[[dict[str, bytes]], object], problem: str
) -> None:
    review.write()
    files = read_archive(review.evidence.read_bytes()).files
    change(files)
    review.evidence.write_bytes(b"".join(format_archive(files)))
    assert verify_evidence(review.evidence).problems[0].startswith(problem)


def test_duplicate_names_are_refused() -> None:
    [header, content, _] = format_archive({"a": b"one"})
    assert read_archive(2 * (header + content)).problems == [
        "a: it follows a, but files are sorted by name, and each occurs once"
    ]


def test_names_that_are_not_utf_8_cannot_hide_a_file() -> None:
    """Both names are shown alike, so that the content of one would replace that of the other."""
    from confluence_groups_sdk.review.evidence import archive

    entries, data = [], b""
    for name, content in ((b"a\\xff", b"hidden"), (b"a\xff", b"shown")):
        entries.append(archive.Entry(name, zlib.crc32(content), len(content), len(data)))
        data += entries[-1].local_header + content
    problems = read_archive(data + archive._format_end(entries, len(data))).problems
    assert problems == ["a\\xff: the name of the file is not UTF-8"]


@pytest.mark.parametrize(
    "name", ["sheets/../../evil.csv", "sheets//evil.csv", "sheets/a\\b.csv", "sheets/..", "sheets/"]
)
def test_sheets_have_no_paths(review: Review, name: str) -> None:
    """A program that extracts the evidence would write the sheet elsewhere."""
    review.write()
    files = {name: read_archive(review.evidence.read_bytes()).files["sheets/team-id.csv"]}
    found = read_archive(review.evidence.read_bytes()).files | files
    manifest = parse_manifest(found.pop(MANIFEST))
    new = evolve(manifest, files={each: describe_file(data) for each, data in found.items()})
    review.evidence.write_bytes(b"".join(format_archive(found | {MANIFEST: new.as_bytes()})))
    assert verify_evidence(review.evidence).problems[0] == f"{name}: evidence has no such file"


def forge(evidence: Path, **files: bytes) -> None:
    """Replace files of evidence, and compute all hashes again, as a forger would."""
    found = read_archive(evidence.read_bytes()).files
    manifest = parse_manifest(found.pop(MANIFEST))
    found |= {name.replace("_", "."): data for name, data in files.items()}
    new = evolve(manifest, files={name: describe_file(data) for name, data in found.items()})
    evidence.write_bytes(b"".join(format_archive(found | {MANIFEST: new.as_bytes()})))


def test_a_forger_who_computes_the_hashes_again_changes_the_hash_of_the_manifest(review: Review) -> None:
    stored = review.write().manifest_hash
    forge(review.evidence, summary_html=b"<p>All is well.</p>")
    [problem] = verify_evidence(review.evidence).problems
    assert problem == "summary.html: it is not the summary of these files"
    assert "manifest.json: its SHA-256 is" in verify_evidence(review.evidence, expect_hash=stored).problems[0]


def test_a_forged_decision_contradicts_the_sheets(review: Review) -> None:
    review.write()
    first = evolve(review.decisions.decided[0], comment="forged")
    forged = evolve(review.decisions, decided=(first, *review.decisions.decided[1:]), digest="")
    forge(review.evidence, decisions_json=forged.as_bytes())
    problems = verify_evidence(review.evidence).problems
    assert problems[0] == "decisions.json: they are not the decisions in the sheets"
    assert problems[1] == "decisions.json: the decision differs from the sheets: P id-000 (id-000) in Other"


def test_a_summary_of_another_version_is_not_compared(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    review.write()
    monkeypatch.setattr("confluence_groups_sdk.review.evidence.verifying.__version__", "99.0")
    report = verify_evidence(review.evidence)
    assert report.is_verified
    assert report.has_checked_summary

    forge(review.evidence, summary_html=b"<p>All is well.</p>")
    forged = verify_evidence(review.evidence)
    assert not forged.has_checked_summary
    assert "summary.html is not what this version writes" in forged.open_points[-1]


@pytest.mark.parametrize("time", ["2026-11-29T12:00:00", "yesterday", ""])
def test_malformed_times_count_as_early(review: Review, time: str) -> None:
    assert review.after
    groups = tuple(evolve(group, read_at=time or "x") for group in review.after.groups)
    assert "before the run" in review.write(after=evolve(review.after, groups=groups, digest="")).problems[0]
    assert not verify_evidence(review.evidence).is_verified
    with pytest.raises(ReviewError, match="the parts do not belong"):
        review.write(after=evolve(review.after, ended_at=time or "x", digest=""))


# --- parts of different reviews


def test_parts_of_other_reviews_are_refused(review: Review, sandbox: Sandbox, tmp_path: Path) -> None:
    with connect(sandbox) as client:
        stranger = plan_removals(client, [(TEAM, "id-005")], guards=GUARDS)
        other_run = plan_removals(client, [(OTHER, "id-000")], guards=GUARDS)
        apply(client, other_run, journal=tmp_path / "other.journal")
    edited = save(tmp_path, f"edited/{review.sheets[0].name}", review.sheets[0].read_bytes().replace(b"left", b"gone"))
    assert review.after
    first, *others = review.plan.changes
    cases: list[tuple[dict[str, Any], str]] = [
        ({"plan": stranger}, "plan.json: nobody decided this removal: P id-005 (id-005) in Team"),
        ({"plan": stranger}, "plan.json: a decided removal is missing: P id-000 (id-000) in Team"),
        ({"plan": evolve(review.plan, asked="something", digest="")}, "plan.json: it was not made from the snapshot"),
        (
            {"plan": evolve(review.plan, changes=(evolve(first, reason="approved by the CEO"), *others), digest="")},
            "plan.json: the reason is not the decision in the sheets: P id-000 (id-000) in Team",
        ),
        (
            {"plan": evolve(review.plan, refused=(SkippedChange(change=first, why="no"),), digest="")},
            "plan.json: the removal occurs twice: P id-000 (id-000) in Team",
        ),
        ({"after": review.snapshot}, "after.json: it is the snapshot that was reviewed"),
        ({"journal": tmp_path / "other.journal"}, "journal.jsonl: it is of another plan"),
        ({"journal": None}, "journal.jsonl: it is missing, although the plan has 2 changes"),
        ({"after": None}, "after.json: a later snapshot is missing"),
        ({"after": evolve(review.after, site="x", digest="")}, "after.json: it is of another site (x)"),
        (
            {"after": evolve(review.after, ended_at="2020-01-01T00:00:00Z", digest="")},
            "after.json: it was taken before the snapshot that was reviewed",
        ),
        (
            {"sheets": [edited, review.sheets[1]], "decisions": review.decisions},
            "sheets/team-id.csv: this is not the sheet that the decisions were read from",
        ),
        (
            {"decisions": evolve(review.decisions, snapshot="0" * 64, digest="")},
            "decisions.json: they are about another snapshot",
        ),
    ]
    for changes, problem in cases:
        with pytest.raises(ReviewError) as caught:
            review.write(**changes)
        assert any(each.startswith(problem) for each in caught.value.problems), (problem, caught.value.problems)
    assert not review.evidence.exists()


def test_unusable_parts_are_refused(review: Review, tmp_path: Path) -> None:
    with pytest.raises(ReviewError, match="none: the journal cannot be read"):
        review.write(journal=tmp_path / "none")
    review.journal.write_bytes(review.journal.read_bytes().replace(b"P id-000", b"P id-009", 1))
    with pytest.raises(ReviewError, match=r"journal: line \d+ is damaged"):
        review.write()
    with pytest.raises(InputError, match="no sheet was given"):
        review.write(sheets=[])
    with pytest.raises(ReviewError, match="the snapshot was edited"):
        review.write(snapshot=evolve(review.snapshot, calls=999))
    with pytest.raises(ReviewError, match="the evidence cannot be read"):
        verify_evidence(tmp_path / "none")
    (tmp_path / "empty").write_bytes(b"")
    assert verify_evidence(tmp_path / "empty").problems


# --- what is open


def test_a_removal_that_the_later_snapshot_still_shows_is_a_problem(review: Review, sandbox: Sandbox) -> None:
    sandbox.directory.add_member(TEAM, "id-000")
    with connect(sandbox) as client:
        after = take_snapshot(client, groups=GROUPS)
    written = review.write(after=after)
    [problem] = written.problems
    assert problem.startswith("after.json: P id-000 (id-000) is still in Team, although the journal says removed")
    assert verify_evidence(review.evidence) == written
    assert "The later snapshot does not confirm the removals" in summary_of(review)


def test_a_group_that_was_read_before_the_run_began_shows_nothing(review: Review) -> None:
    assert review.after
    early = [evolve(group, read_at="2026-01-01T00:00:00Z") for group in review.after.groups]
    written = review.write(after=evolve(review.after, groups=tuple(early), digest=""))
    [problem] = written.problems
    assert "after.json: the members of Team were read on 2026-01-01T00:00:00Z, before the run" in problem


def test_what_the_later_snapshot_does_not_show_is_open(review: Review) -> None:
    assert review.after
    groups = {group.id: group for group in review.after.groups}
    partly = evolve(groups[TEAM], is_complete=False, known_by="403")
    for after in (
        evolve(review.after, groups=(groups[OTHER], partly), digest=""),
        evolve(review.after, groups=(groups[OTHER],), digest=""),
        evolve(review.after, groups=(groups[OTHER], evolve(groups[TEAM], unidentified=1)), digest=""),
    ):
        written = review.write(after=after)
        assert written.is_verified
        expected = "2 made removals, which the later snapshot cannot show: P id-000 in Team; P id-001 in Team"
        assert expected in written.open_points
    selection = evolve(review.after.selection, all_groups=True)
    gone = evolve(review.after, groups=(groups[OTHER],), selection=selection, digest="")
    assert review.write(after=gone).open_points == ()


def refuse(patch: pytest.MonkeyPatch, account_id: str) -> None:
    """Let the removal of an account conflict with the present state."""
    remove = ConfluenceGroups.remove_member

    def fail(self: ConfluenceGroups, **ids: str) -> None:
        if ids["account_id"] == account_id:
            raise ConflictError("409 Conflict", status_code=409)
        remove(self, **ids)

    patch.setattr(ConfluenceGroups, "remove_member", fail)


def test_undecided_refused_failed_and_new_memberships_are_open(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = prepare(sandbox)
    decided = decide(ids) | {(TEAM, each): {"decision": "remove", "reviewer": "Rita"} for each in ids[:5]}
    del decided[OTHER, ids[0]]
    decided[OTHER, ids[1]] = {"decision": "keep", "reviewer": ids[1]}
    with connect(sandbox) as client:
        review = plan_review(client, tmp_path, decided, allow_own_access=True)
        sandbox.directory.remove_member(TEAM, ids[1])
        guards = Guards(protected_accounts=[ids[0]], allow_apps=True, max_fraction=1.0, max_removals=None)
        plan = plan_decisions(client, review.snapshot, review.decisions, guards=guards)
        review = evolve(review, plan=plan)
        refuse(monkeypatch, ids[2])
        apply(client, plan, journal=review.journal)
        sandbox.directory.remove_member(TEAM, ids[7])
        sandbox.directory.add_member(OTHER, ids[9])
        review = evolve(review, after=take_snapshot(client, groups=GROUPS))
    written = review.write(allow_own_access=True)
    points = "\n".join(written.open_points)
    assert written.is_verified
    for expected in (
        "1 membership is undecided",
        "1 decision about the reviewer's own access, which was allowed",
        "guards were overridden: allow_apps, max_fraction=1.0, max_removals=no limit",
        "1 decided removal, skipped by the plan: P id-001 in Team (not a member)",
        f"1 decided removal, refused by a guard: P {ids[0]} in Team",
        "1 decided removal, failed: ",
        "new in the later snapshot, and so not reviewed: 1 membership",
        "not listed any more, although nobody decided a removal: 1 membership",
    ):
        assert expected in points, (expected, points)
    assert verify_evidence(review.evidence) == written
    page = summary_of(review)
    assert all(point.replace("'", "&#39;") in page for point in written.open_points)


def test_a_journal_that_ends_in_the_middle_of_a_line_is_evidence_of_an_unfinished_run(review: Review) -> None:
    lines = review.journal.read_bytes().splitlines(keepends=True)
    review.journal.write_bytes(b"".join(lines[:2]) + lines[2][:20])
    written = review.write()
    assert written.is_verified
    assert "the plan was not finished" in "\n".join(written.open_points)
    assert verify_evidence(review.evidence) == written


def test_a_removal_whose_response_was_lost_is_open(review: Review) -> None:
    """Somebody else may have made it."""
    state = read_journal(review.journal)
    lost = {key: evolve(result, settled=True) for key, result in state.results.items()}
    review.journal.write_bytes(format_chain(evolve(state, results=lost)))
    written = review.write()
    assert written.open_points == (
        "2 made removals, whose response was lost, so that somebody else may have made them: P id-000 in Team; "
        "P id-001 in Team",
    )
    assert verify_evidence(review.evidence) == written
    assert "the response was lost, so that somebody else may have made it" in summary_of(review)


def test_groups_that_the_later_snapshot_does_not_have_are_open(review: Review) -> None:
    assert review.after
    team = tuple(group for group in review.after.groups if group.id == TEAM)
    written = review.write(after=evolve(review.after, groups=team, digest=""))
    assert written.open_points == (
        "the later snapshot does not show all members of 1 group (Other), so other changes of it are not known",
    )


def test_a_list_of_groups_that_was_read_before_the_run_shows_no_deleted_group(review: Review) -> None:
    assert review.after
    early = evolve(
        review.after,
        groups=(),
        selection=evolve(review.after.selection, all_groups=True),
        started_at="2026-01-01T00:00:00Z",
        digest="",
    )
    [problem] = review.write(after=early).problems
    assert "after.json: the members of Team were read on 2026-01-01T00:00:00Z, before the run" in problem


@pytest.mark.parametrize("made_at", ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"])
def test_times_that_are_out_of_order_are_open(review: Review, made_at: str) -> None:
    plan = evolve(review.plan, made_at=made_at, digest="")
    state = evolve(read_journal(review.journal), plan=plan.digest)
    review.journal.write_bytes(format_chain(state))
    [point] = review.write(plan=plan).open_points
    early, late = sorted([made_at, review.snapshot.ended_at if made_at < "2021" else state.began_at])
    assert point.startswith("the times are out of order: the ")
    assert early in point
    assert late in point


def test_a_review_without_removals_needs_no_journal(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = prepare(sandbox)
    with connect(sandbox) as client:
        review = plan_review(client, tmp_path, {(TEAM, ids[0]): {"decision": "keep"}})
    written = review.write(journal=None)
    assert written.is_verified
    assert (written.journal, written.after) == (None, None)
    assert verify_evidence(review.evidence) == written


def test_exceptions_that_end_later_stay_verified(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = prepare(sandbox)
    with connect(sandbox) as client:
        taken = take_snapshot(client, groups=GROUPS)
        until = taken.ended_at[:10]
        sheet = tmp_path / "s.csv"
        sheet.write_bytes(csv_bytes(rows_of(taken, {(TEAM, ids[0]): {"decision": "exception", "until": until}})))
        plan = plan_decisions(client, taken, read_decisions(taken, [sheet], today=None))
    review = Review(
        folder=tmp_path,
        snapshot=taken,
        sheets=[sheet],
        decisions=read_decisions(taken, [sheet]),
        plan=plan,
        journal=tmp_path / "journal",
    )
    assert review.write(journal=None).is_verified


def test_faults_during_apply_are_in_the_evidence(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = prepare(sandbox)
    with connect(sandbox) as client:
        review = plan_review(client, tmp_path, decide(ids))
        sandbox.faults = Faults(error_rate=0.2, drop_after=0.2, drop_before=0.1, seed=3)
        apply(client, review.plan, journal=review.journal)
        sandbox.faults = Faults()
        review = evolve(review, after=take_snapshot(client, groups=GROUPS))
    assert review.write().is_verified
    assert verify_evidence(review.evidence).is_verified


# --- the summary


def summary_of(review: Review) -> str:
    with zipfile.ZipFile(review.evidence) as archive:
        return archive.read("summary.html").decode()


def test_the_summary_has_what_an_auditor_asks(review: Review) -> None:
    review.write()
    page = summary_of(review)
    for expected in ("Rita", "Otto", "2099-12-31", "left", "removed", "not listed", review.plan.digest):
        assert expected in page
    for expected in (SIGN, "openssl ts -query", "A hash is neither a signature nor a timestamp"):
        assert expected in page
    assert "Everything was decided, and done as decided" in page


def test_names_cannot_run_scripts_on_the_summary(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = prepare(sandbox)
    evil = "<script>alert(1)</script>\u202e"
    sandbox.directory.add_person(evolve(sandbox.directory.people[ids[0]], display_name=evil))
    decided = {(TEAM, ids[0]): {"decision": "exception", "until": "2099-01-01", "reviewer": evil, "comment": evil}}
    with connect(sandbox) as client:
        review = plan_review(client, tmp_path, decided, allow_own_access=True)
    review.write(journal=None, decisions=review.decisions)
    page = summary_of(review)
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in page


def test_the_signing_commands_work(review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    review.write()
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(review.evidence) as archive:
        (tmp_path / MANIFEST).write_bytes(archive.read(MANIFEST))
    for command in (
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out private.pem",
        "openssl pkey -in private.pem -pubout -out public.pem",
        SIGN,
        CHECK_SIGNATURE,
        "openssl ts -query -data manifest.json -sha256 -cert -out manifest.tsq",
    ):
        subprocess.run(command.split(), check=True, capture_output=True)
    assert (tmp_path / "manifest.tsq").stat().st_size
