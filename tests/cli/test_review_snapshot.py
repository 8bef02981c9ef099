"""``review snapshot``: the file, the summary, incomplete groups, and going on after an interruption."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from shell import ADA, ADMINS, EDITORS, Shell

from confluence_groups_sdk import ApiToken, ConfluenceGroups
from confluence_groups_sdk.cli.commands.review import snapshot
from confluence_groups_sdk.membership import Progress
from confluence_groups_sdk.review import Snapshot, take_snapshot
from confluence_groups_sdk.sandbox import Answer, Group

LONG_AGO = datetime(2026, 8, 1, tzinfo=UTC).timestamp()
SPENT = Answer(status=429, headers={"Retry-After": "3600"})


def test_a_snapshot_is_saved_and_summarised(shell: Shell) -> None:
    ended = shell.run("review", "snapshot", "--out", "q4.snapshot")
    assert (ended.code, ended.err) == (0, "")
    taken = Snapshot.load(shell.folder / "q4.snapshot")
    fields = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in ended.out.splitlines() if "  " in line)
    assert fields == {
        "field": "value",
        "file": "q4.snapshot",
        "site": taken.site,
        "selection": "all groups",
        "groups": "3",
        "memberships": str(sum(len(group.members) for group in taken.groups)),
        "people": "5",
        "apps": "1",
        "incomplete": "0",
        "calls": str(taken.calls),
        "points": str(taken.points),
        "started_at": taken.started_at,
        "ended_at": taken.ended_at,
        "digest": taken.digest,
    }
    assert ended.out.endswith(
        "\n\nsaved as q4.snapshot\nnext: confluence-groups review sheet q4.snapshot --xlsx --out q4.xlsx\n"
    )
    assert stat.S_IMODE((shell.folder / "q4.snapshot").stat().st_mode) == 0o600
    assert sorted(each.name for each in shell.folder.iterdir()) == ["home", "q4.snapshot"], "no progress file is left"


def test_json_and_csv_have_the_summary(shell: Shell) -> None:
    ended = shell.run("review", "snapshot", "--out", "a", "-o", "json")
    found = json.loads(ended.out)
    assert (found["groups"], found["incomplete"], len(found["digest"])) == (3, 0, 64)
    assert ended.err.startswith("saved as a\nnext: confluence-groups review sheet a ")
    ended = shell.run("review", "snapshot", "--all", "--out", "b", "-o", "csv")
    assert ended.out.startswith("file,site,selection,groups,memberships,people,apps,incomplete,calls,points,")


def test_groups_are_selected(shell: Shell) -> None:
    assert shell.run("review", "snapshot", "--access", "admin", "--group", "docs-editors", "--out", "some").code == 0
    taken = Snapshot.load(shell.folder / "some")
    assert [group.id for group in taken.groups] == [ADMINS, EDITORS]
    ended = shell.run("review", "snapshot", "--all", "--access", "admin", "--out", "other")
    assert (ended.code, ended.err) == (2, "error: give either --all, or --access and --group\n")
    ended = shell.run("review", "snapshot", "--group", "nowhere", "--out", "other")
    assert ended.code == 2
    assert "nowhere" in ended.err
    assert not (shell.folder / "other").exists()


def test_an_existing_file_is_replaced_only_on_request(shell: Shell) -> None:
    (shell.folder / "q4").write_text("precious")
    ended = shell.run("review", "snapshot", "--out", "q4")
    assert ended.code == 2
    assert "q4 exists already" in ended.err
    assert shell.sandbox.requests == []
    assert shell.run("review", "snapshot", "--out", "q4", "--force").code == 0
    assert Snapshot.load(shell.folder / "q4").is_complete


def test_a_file_that_appears_meanwhile_is_not_replaced(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading may take hours, and another process may save its snapshot meanwhile."""

    def save_another(*arguments: Any) -> Callable[[Progress], None]:
        (shell.folder / "q4").write_text("precious")
        return watch(*arguments)

    watch = snapshot._watch
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "_watch", save_another)
        ended = shell.run("review", "snapshot", "--out", "q4")
    assert (ended.code, ended.out) == (2, "")
    assert "q4 exists already" in ended.err
    assert (shell.folder / "q4").read_text() == "precious"
    assert shell.run("review", "snapshot", "--out", "q4", "--force").code == 0


def test_no_progress_is_left_where_a_link_leads(shell: Shell) -> None:
    (shell.folder / "q4.progress").symlink_to("elsewhere")
    assert shell.run("review", "snapshot", "--out", "q4").code == 0
    assert sorted(each.name for each in shell.folder.iterdir()) == ["home", "q4", "q4.progress"]
    assert not (shell.folder / "q4.progress").exists(), "the link leads nowhere, as before"


def test_the_progress_of_a_saved_snapshot_is_not_continued(shell: Shell) -> None:
    with ConfluenceGroups(shell.sandbox.url, auth=ApiToken(*shell.sandbox.admin)) as client:
        take_snapshot(client, resume="q4.progress").save("q4")  # as if the command had been killed then
    shell.sandbox.directory.add_member(EDITORS, ADA)
    assert "exists already" in shell.run("review", "snapshot", "--out", "q4").err
    assert shell.run("review", "snapshot", "--out", "q4", "--force").code == 0
    group = Snapshot.load("q4").group(EDITORS)
    assert group is not None
    assert ADA in group.members


def test_an_incomplete_group_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.sandbox.directory.add_group(Group("odd", "Odd\x1b group", access=frozenset()))
    page = {"results": [None], "start": 0, "limit": 200, "size": 1, "_links": {}}
    watch = snapshot._watch

    def watch_and_answer(*arguments: Any) -> Callable[[Progress], None]:
        update = watch(*arguments)

        def answered(progress: Progress) -> None:
            update(progress)
            if progress.done == 0:
                shell.sandbox.answer_next(Answer(status=200, body=json.dumps(page)))

        return answered

    monkeypatch.setattr(snapshot, "_watch", watch_and_answer)
    ended = shell.run("review", "snapshot", "--group", "odd", "--out", "q4")
    assert ended.code == 4
    assert "incomplete: Odd\\x1b group (odd): 1 member has no account id\n" in ended.err
    assert not Snapshot.load(shell.folder / "q4").is_complete


@pytest.mark.parametrize("kind", ["quota", "interrupt", "lost"])
def test_the_same_command_continues(shell: Shell, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    for number in range(30):
        shell.sandbox.directory.add_group(Group(f"g{number:02}", f"G{number}", access=frozenset()), [ADA])
    watch, ending = snapshot._watch, {"quota": SPENT, "lost": Answer(status=401)}

    def watch_and_end(*arguments: Any) -> Callable[[Progress], None]:
        update = watch(*arguments)

        def ended_at(progress: Progress) -> None:
            update(progress)
            if progress.done == 10:
                if kind == "interrupt":
                    raise KeyboardInterrupt
                shell.sandbox.answer_next(ending[kind])

        return ended_at

    command = ("review", "snapshot", "--out", "q4")
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "_watch", watch_and_end)
        ended = shell.run(*command)
    assert ended.code == (130 if kind == "interrupt" else 1)
    assert "what was read is in q4.progress: the same command continues from there\n" in ended.err
    assert not (shell.folder / "q4").exists()
    before = len(shell.sandbox.requests)
    os.utime(shell.folder / "q4.progress", (LONG_AGO, LONG_AGO))
    ended = shell.run(*command)
    assert ended.code == 0
    done = re.match(
        r"continuing from q4\.progress, last changed at 2026-08-01T00:00:00Z: (\d+) of 33 groups were read before\n"
        r"to read them again, delete this file first\n",
        ended.err,
    )
    assert done is not None
    taken = Snapshot.load(shell.folder / "q4")
    assert f"note: earlier runs, from {taken.started_at} on, have read {done[1]} groups: the snapshot" in ended.err
    assert int(done[1]) >= 10
    assert len(shell.sandbox.requests) - before == 1 + 4 + 33 - int(done[1])
    assert Snapshot.load(shell.folder / "q4").is_complete


def test_nothing_is_continued_before_a_group_is_read(shell: Shell) -> None:
    shell.sandbox.answer_next(Answer(status=401))
    ended = shell.run("review", "snapshot", "--out", "q4")
    assert ended.code == 1
    assert "continues" not in ended.err


def test_a_damaged_progress_file_is_named(shell: Shell) -> None:
    (shell.folder / "q4.progress").write_text("precious")
    ended = shell.run("review", "snapshot", "--out", "q4")
    assert (ended.code, ended.out) == (2, "")
    assert "q4.progress: this is not a progress file and stays unchanged" in ended.err


def test_verbose_shows_the_calls(shell: Shell) -> None:
    ended = shell.run("review", "snapshot", "--out", "q4", "--verbose")
    assert ended.err.count("getGroupMembersByGroupId") == 3
