"""Ctrl-C and SIGTERM end the command ``sandbox`` in order, whenever they come."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sandbox_signals

TIMEOUT_S = 60  # seconds for a process that usually ends in one


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str) -> str:
    """Run the process, and return its output."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    command = [sys.executable, sandbox_signals.__file__, kind, name]
    try:
        ended = subprocess.run(command, capture_output=True, check=False, encoding="utf-8", timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as hang:
        last = (hang.stdout or b"").decode().splitlines()[-1:]
        pytest.fail(f"the command did not end after a signal ({last})")
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return ended.stdout


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_signal_before_any_step_ends_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    shown = run(tmp_path, monkeypatch, "steps", name)
    steps = int(shown.rpartition("steps: ")[2])
    assert steps > 40
    assert shown.count("the sandbox has ended") > steps // 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal masks")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_signal_that_does_not_interrupt_the_wait_ends_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert "the sandbox has ended" in run(tmp_path, monkeypatch, "elsewhere", name)
