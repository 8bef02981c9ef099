"""Every change is on disk before it is sent: with a file that loses unsynced data, and with a full disk."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from membership_fakes import (
    OPEN,
    TEAM,
    ForgetfulFile,
    all_counts,
    client,
    entries,
    members,
    people,
    removals,
    team,
    writes,
)

from confluence_groups_sdk import JournalError
from confluence_groups_sdk.membership import Outcome, Progress, apply, plan_sync, read_journal
from confluence_groups_sdk.membership.execution import journal
from confluence_groups_sdk.sandbox import Sandbox


class PowerCutError(Exception):
    """The power fails."""


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "AppendOnly", ForgetfulFile)


class CheckingTransport(httpx.HTTPTransport):
    """A transport that checks the journal on disk when a change is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.unknown: list[str] = []
        self.sent = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method in ("POST", "DELETE"):
            self.sent += 1
            synced = ForgetfulFile.opened.synced
            text = request.read().decode() + str(parse_qs(request.url.query.decode()))
            known = [each["account_id"] for entry in entries(synced) for each in entry.get("intents", [])]
            if not any(account_id in text for account_id in known):
                self.unknown.append(text)
        return super().handle_request(request)


@pytest.fixture
def witness() -> Iterator[tuple[CheckingTransport, httpx.Client]]:
    transport = CheckingTransport()
    with httpx.Client(transport=transport, trust_env=False) as http:
        yield transport, http


def test_every_change_is_on_disk_before_it_is_sent(
    sandbox: Sandbox, tmp_path: Path, witness: tuple[CheckingTransport, httpx.Client]
) -> None:
    ids = team(sandbox, 200)
    joining = people(sandbox, 50, first=500)
    with client(sandbox, http_client=witness[1]) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[*ids[150:], *joining], guards=OPEN)
        report = apply(groups, plan, journal=tmp_path / "journal")
    assert report.counts == {Outcome.REMOVED: 150, Outcome.ADDED: 50}
    assert witness[0].sent == 200
    assert witness[0].unknown == []


@pytest.mark.parametrize("seed", range(6))
def test_a_power_cut_loses_nothing(
    sandbox: Sandbox, tmp_path: Path, witness: tuple[CheckingTransport, httpx.Client], seed: int
) -> None:
    ids = team(sandbox, 150)
    path = tmp_path / "journal"
    moments = random.Random(seed).sample(range(5, 140), 3)
    with client(sandbox, http_client=witness[1]) as groups:
        plan = removals(groups, ids[:140])

        for moment in [*sorted(moments), None]:

            def cut(progress: Progress, moment: int | None = moment) -> None:
                if moment is not None and progress.phase == "removing" and len(members(sandbox)) <= 150 - moment:
                    raise PowerCutError

            try:
                report = apply(groups, plan, journal=path, on_progress=cut)
            except PowerCutError:
                path.write_bytes(ForgetfulFile.opened.synced)
                read_journal(path)  # the rest of it is undamaged
    assert report.unfinished == ()
    assert members(sandbox) == ids[140:]
    assert all_counts(report) == {Outcome.REMOVED: 140}
    assert witness[0].unknown == []


def test_the_journal_file_survives_a_power_cut(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (leaver, *_) = team(sandbox)
    seen: list[tuple[Path, int]] = []
    monkeypatch.setattr(journal, "sync_folder", lambda folder: seen.append((folder, len(writes(sandbox)))))
    with client(sandbox) as groups:
        apply(groups, removals(groups, [leaver]), journal=tmp_path / "journal")
    assert seen == [(tmp_path, 0)]
    (first, *_) = entries(tmp_path / "journal")
    assert first["format"].startswith("confluence-groups-journal/")


def test_nothing_is_sent_if_the_disk_fails(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox)

    def refuse() -> None:
        if b"intents" in ForgetfulFile.opened.read():
            raise OSError(errno.EIO, "Input/output error")

    with client(sandbox) as groups:
        plan = removals(groups, ids[:30])

        def break_it(_progress: Progress) -> None:
            ForgetfulFile.opened.on_sync = refuse

        with pytest.raises(JournalError, match=r"journal: the journal cannot be written \(Input/output error\)"):
            apply(groups, plan, journal=tmp_path / "journal", on_progress=break_it)
        assert writes(sandbox) == []
        assert apply(groups, plan, journal=tmp_path / "journal").unfinished == ()
    assert members(sandbox) == ids[30:]


@pytest.mark.parametrize("free_bytes", [0, 100, 700, 30_000, 37_000])
def test_a_full_disk_stops_the_run_which_can_be_resumed(sandbox: Sandbox, tmp_path: Path, free_bytes: int) -> None:
    ids = team(sandbox, 150)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:140])

        def fill(_progress: Progress) -> None:
            if ForgetfulFile.opened.free_bytes is None:
                ForgetfulFile.opened.free_bytes = free_bytes

        with pytest.raises(JournalError, match="No space left"):
            apply(groups, plan, journal=tmp_path / "journal", on_progress=fill)
        known = [each["account_id"] for entry in is_complete(tmp_path / "journal") for each in entry.get("intents", [])]
        assert set(ids) - set(members(sandbox)) <= set(known)
        assert len(writes(sandbox)) <= len(known)
        report = apply(groups, plan, journal=tmp_path / "journal")
    assert all_counts(report) == {Outcome.REMOVED: 140}
    assert members(sandbox) == ids[140:]


def is_complete(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    return entries(data[: data.rfind(b"\n") + 1])
