"""The file of a journal: what has happened to it, and where a new one is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from confluence_groups_sdk.membership.execution.append_only_file import AppendOnly, write_beside


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "plan.journal"


def test_only_reading_reveals_an_edit_that_keeps_the_length(path: Path) -> None:
    file = AppendOnly(path)
    file.append(b"one\n")
    assert file.find_damage(read=True) is None
    path.write_bytes(b"two\n")
    assert file.find_damage() is None
    assert file.find_damage(read=True) == "was edited"
    file.close()


def test_a_new_file_gets_the_first_free_number(path: Path) -> None:
    names = []
    for number in range(3):
        file = write_beside(path, b"%d" % number)
        file.close()
        names.append(file.path.name)
        assert file.path.read_bytes() == b"%d" % number
    assert names == ["plan.recovered.journal", "plan.recovered-2.journal", "plan.recovered-3.journal"]


@pytest.mark.parametrize("folder_is_removed", [False, True])
def test_the_next_folder_is_used_if_the_new_file_cannot_be_written(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder_is_removed: bool
) -> None:
    sync = AppendOnly.sync

    def fail(file: AppendOnly) -> None:
        if file.path.parent != path.parent:
            return sync(file)
        if folder_is_removed:
            shutil.rmtree(path.parent)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AppendOnly, "sync", fail)
    monkeypatch.chdir(tmp_path)
    file = write_beside(path, b"all\n")
    file.close()
    assert (file.path, file.path.read_bytes()) == (tmp_path / "plan.recovered.journal", b"all\n")
    assert not path.parent.exists() or not list(path.parent.iterdir()), "no part of it is left"
