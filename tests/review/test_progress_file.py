"""The progress file of a snapshot: from any part of it that survives a crash, the next run makes the same snapshot."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import forked
import killed_snapshot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taking_fakes import client, fill, members_read, timeless

from confluence_groups_sdk import ApiToken, ConfigurationError, ReviewError
from confluence_groups_sdk.membership import Progress
from confluence_groups_sdk.review import Snapshot, take_snapshot
from confluence_groups_sdk.review.taking.progress_file import BEGINNING
from confluence_groups_sdk.sandbox import Answer, Credentials, Faults, Group, Person, Sandbox

GROUPS = 8


class Taken(NamedTuple):
    """A site, its snapshot, and the progress file of an uninterrupted run."""

    sandbox: Sandbox
    snapshot: Snapshot
    progress: bytes
    folder: Path

    @property
    def lines(self) -> list[bytes]:
        return self.progress.splitlines(keepends=True)

    def resume(self, progress: bytes, **options: Any) -> Snapshot:
        path = self.folder / "progress"
        path.write_bytes(progress)
        with client(self.sandbox) as groups:
            return take_snapshot(groups, resume=path, **options)


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    folder = tmp_path_factory.mktemp("taken")
    with Sandbox() as sandbox:
        fill(sandbox, GROUPS)
        sandbox.directory.add_person(Person("é😀", "Zoë\u2028😀", "zoe@example.com"))
        sandbox.directory.add_group(Group("zz", "Ünïcode"), ["é😀", "id-0001"])
        with client(sandbox) as groups:
            snapshot = take_snapshot(groups, resume=folder / "whole")
        yield Taken(sandbox, snapshot, (folder / "whole").read_bytes(), folder)


def test_it_has_a_private_line_for_each_group(taken: Taken) -> None:
    assert stat.S_IMODE((taken.folder / "whole").stat().st_mode) == 0o600
    lines = [json.loads(line) for line in taken.lines]
    assert [line["group"]["id"] for line in lines[1:]] == [group.id for group in taken.snapshot.groups]
    assert lines[0]["site"] == taken.snapshot.site
    described = [account_id for line in lines[1:] for account_id in line["users"]]
    assert len(described) == len(set(described)), "each user is described once"
    assert lines[-1]["calls"] == taken.snapshot.calls
    for line in taken.lines:
        canonical = json.dumps(json.loads(line), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert line.decode() == canonical + "\n"


@settings(max_examples=40)
@given(data=st.data())
def test_whatever_prefix_survives_the_snapshot_is_the_same(taken: Taken, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(taken.progress)))
    finished = max(taken.progress[:length].count(b"\n") - 1, 0)
    before = len(taken.sandbox.requests)
    snapshot = taken.resume(taken.progress[:length])
    assert timeless(snapshot) == timeless(taken.snapshot)
    assert snapshot.true_digest() == snapshot.digest
    assert len(taken.sandbox.requests) < 10_000, "the sandbox remembers all of them"
    read = members_read(taken.sandbox, before)
    assert sorted(read) == [group.id for group in taken.snapshot.groups[finished:]], "none is read twice"


@settings(max_examples=40)
@given(data=st.data())
def test_any_changed_byte_is_noticed_and_its_line_is_named(taken: Taken, data: st.DataObject) -> None:
    place = data.draw(st.integers(len(BEGINNING), len(taken.progress) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda each: each not in (taken.progress[place], ord("\n"))))
    changed = taken.progress[:place] + bytes([byte]) + taken.progress[place + 1 :]
    number = taken.progress[:place].count(b"\n") + 1
    with pytest.raises(ReviewError, match=rf"progress: line {number} is damaged .*delete this file"):
        taken.resume(changed)
    assert (taken.folder / "progress").read_bytes() == changed, "it stays as it is"


@pytest.mark.parametrize("change", [lambda lines: lines[:2] + lines[3:], lambda lines: [lines[0], *lines[2:1:-1]]])
def test_missing_and_moved_lines_are_noticed(taken: Taken, change: Callable[[list[bytes]], list[bytes]]) -> None:
    with pytest.raises(ReviewError, match=r"line \d is damaged"):
        taken.resume(b"".join(change(taken.lines)))


def test_other_files_stay_unchanged(taken: Taken) -> None:
    for content in (b"precious", b'{"format":"confluence-groups-plan/1"}\n', b"\n"):
        with pytest.raises(ReviewError, match="this is not a progress file and stays unchanged"):
            taken.resume(content)
        assert (taken.folder / "progress").read_bytes() == content


def test_it_belongs_to_one_selection_site_and_user(taken: Taken, sandbox: Sandbox) -> None:
    with pytest.raises(ReviewError, match=r"for other groups \(all groups\): give each snapshot its own"):
        taken.resume(taken.progress, groups=["docs-editors"])
    with client(sandbox) as groups, pytest.raises(ReviewError, match="for another site"):
        take_snapshot(groups, resume=taken.folder / "progress")
    other: Credentials = taken.sandbox.sign_up("id-0001")
    with (
        client(taken.sandbox, auth=ApiToken(*other)) as groups,
        pytest.raises(ReviewError, match=r"of another user \(5b10a2844c20165700ede21a\)"),
    ):
        take_snapshot(groups, resume=taken.folder / "progress")


def test_groups_are_listed_again(tmp_path: Path) -> None:
    """What the lists say is as of the last run: names, access, and which groups there are."""
    with Sandbox() as sandbox:
        fill(sandbox, 3)
        path = tmp_path / "progress"
        with client(sandbox) as groups:
            before = take_snapshot(groups, resume=path)
            sandbox.directory.groups.pop("g-00")
            sandbox.directory.add_group(Group("new", "New", access=frozenset({"admin"})), ["id-0002"])
            after = take_snapshot(groups, resume=path)
    assert {group.id for group in after.groups} == {group.id for group in before.groups} - {"g-00"} | {"new"}
    assert after.group("new") is not None
    assert after.started_at == before.started_at
    assert after.calls > before.calls


def test_users_are_described_as_the_last_run_has_seen_them(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        fill(sandbox, 3)
        path = tmp_path / "progress"
        with client(sandbox) as groups:
            before = take_snapshot(groups, resume=path)
            sandbox.directory.add_person(Person("id-0001", "New name", "new@example.com", is_guest=True))
            sandbox.directory.add_group(Group("new", "New", access=frozenset()), ["id-0000", "id-0001"])
            after = take_snapshot(groups, resume=path)
            last_line = json.loads(path.read_bytes().splitlines()[-1])
            again = take_snapshot(groups, resume=path)
    assert (before.users["id-0001"].name, before.users["id-0001"].is_guest) == ("P id-0001", False)
    assert (after.users["id-0001"].name, after.users["id-0001"].is_guest) == ("New name", True)
    assert last_line["users"].keys() == {"id-0001"}, "only what changed is written again"
    assert timeless(again) == timeless(after)


def test_a_group_that_could_not_be_read_is_read_again(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        ids = fill(sandbox, 3)
        path = tmp_path / "progress"
        with client(sandbox) as groups:
            sandbox.directory.add_group(Group("zz", "odd"), ["id-0001"])

            def fail_once(progress: Progress) -> None:
                if progress.done == len(ids) - 2:
                    sandbox.answer_next(Answer(status=500))

            first = take_snapshot(groups, resume=path, workers=1, on_progress=fail_once)
            assert [group.is_complete for group in first.groups].count(False) == 1
            before = len(sandbox.requests)
            second = take_snapshot(groups, resume=path)
    assert second.is_complete
    assert list(members_read(sandbox, before)) == [group.id for group in first.groups if not group.is_complete]


def test_only_one_process_uses_it(taken: Taken) -> None:
    code = (
        "import sys; from pathlib import Path; from confluence_groups_sdk._support.files import lock_file\n"
        "with lock_file(Path(sys.argv[1]), 'x', ValueError): print('locked', flush=True); sys.stdin.read()"
    )
    path = taken.folder / "progress"
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(ReviewError, match="another process is using this progress file: wait for it, or end it"):
            taken.resume(taken.progress)
        process.communicate("")
    assert timeless(taken.resume(taken.progress)) == timeless(taken.snapshot)


def test_it_needs_filelock(taken: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "filelock", None)
    with pytest.raises(ConfigurationError, match=r"a progress file needs filelock: .*\[files\]"):
        taken.resume(taken.progress)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "link to a pipe", "nowhere"])
def test_special_files_are_refused_at_once(taken: Taken, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "progress"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path = Path(os.devnull)
    elif kind == "nowhere":
        path = tmp_path / "missing" / "progress"
    else:
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to("pipe")
    with client(taken.sandbox) as groups, pytest.raises(ReviewError, match=r"must be a file|folder does not exist"):
        take_snapshot(groups, resume=path)


def test_a_link_leads_to_the_file(taken: Taken, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(taken.progress[:-5])
    real.chmod(0o644)
    link.symlink_to(real)
    with client(taken.sandbox) as groups:
        take_snapshot(groups, resume=link)
    assert link.is_symlink()
    assert real.read_bytes().count(b"\n") == len(taken.lines)
    assert stat.S_IMODE(real.stat().st_mode) == 0o600, "personal data is private"


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(
    taken: Taken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = 0

    def fail_later(_descriptor: int) -> None:
        nonlocal synced
        synced += 1
        if synced > 4:
            raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "progress"
    with client(taken.sandbox) as groups:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail_later)
            with pytest.raises(ReviewError, match=r"cannot be written \(No space left on device\): free some disk"):
                take_snapshot(groups, resume=path)
        assert timeless(take_snapshot(groups, resume=path)) == timeless(taken.snapshot)


def test_kills_and_faults_do_not_change_the_snapshot(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        ids = fill(sandbox, 30)
        with client(sandbox) as groups:
            expected = take_snapshot(groups)
        sandbox.faults = Faults(error_rate=0.05, drop_before=0.05, drop_after=0.05, seed=5)
        progress, out = tmp_path / "progress", tmp_path / "snapshot"
        for number, (spot, count) in enumerate(
            [(spot, count) for count in (1, 4, 7) for spot in killed_snapshot.SPOTS]
        ):
            done = finished_in(progress)
            before = len(sandbox.requests)
            process = run(sandbox, progress, out, spot, count)
            assert process.returncode == -signal.SIGKILL, (number, process.stderr)
            assert done.isdisjoint(members_read(sandbox, before)), "finished groups are not read again"
            assert finished_in(progress) >= done
        done, before = finished_in(progress), len(sandbox.requests)
        assert 0 < len(done) < len(ids)
        process = run(sandbox, progress, out, "never", 1)
        assert process.returncode == 0, process.stderr
        assert done.isdisjoint(members_read(sandbox, before))
        assert done | set(members_read(sandbox, before)) == set(ids)
        assert timeless(Snapshot.load(out)) == timeless(expected)


def run(sandbox: Sandbox, progress: Path, out: Path, spot: str, count: int) -> forked.Ended:
    to = (str(progress), str(out), spot, str(count))
    return forked.run(killed_snapshot.main, sandbox.url, *sandbox.admin, *to)


def finished_in(progress: Path) -> set[str]:
    """Return the ids of the groups in the complete lines of a progress file."""
    content = progress.read_bytes() if progress.exists() else b""
    lines = [json.loads(line) for line in content.split(b"\n")[:-1]]
    return {line["group"]["id"] for line in lines if "group" in line}
