"""The demo of fleets, with fewer people."""

from __future__ import annotations

import pytest
from walkthroughs import fleet_demo


def test_everything_ends_as_intended_although_a_worker_is_killed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fleet_demo, "LEAVERS", 40)
    monkeypatch.setattr(fleet_demo, "RATE", 12.0)
    assert fleet_demo.main() == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "kill -9 of worker" in printed.out
    assert "and has taken over, after" in printed.out
    assert "320 changes, 320 intended" in printed.out


def test_the_demo_takes_no_other_word(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import demo

    monkeypatch.setattr("sys.argv", ["scripts/demo", "fleets"])
    assert demo.main() == 2
    assert capsys.readouterr().err == "usage: scripts/demo [fleet]\n"
