"""docs/events.md: its program and its list of events."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import fields_dict
from fakes import FakeClock

import confluence_groups_sdk
from confluence_groups_sdk import AttemptEnded, CallEnded, Event
from confluence_groups_sdk._support.observing import open_telemetry
from confluence_groups_sdk.sandbox import Answer, Sandbox

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
PROGRAM, TELEMETRY = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_program_prints_what_happens(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    program = PROGRAM.replace("https://your-domain.atlassian.net", sandbox.url)
    program = program.replace('"me@example.com", "token"', f'"{sandbox.admin.email}", "{sandbox.admin.token}"')
    program = program.replace("observe=observe)", "observe=observe, clock=clock)")
    names: dict[str, Any] = {"clock": FakeClock()}
    exec(compile(program, "events.md", "exec"), names)
    sandbox.answer_next(Answer(429, {"Retry-After": "7"}))
    with names["groups"] as groups:
        groups.current_user()
    lines = capsys.readouterr().out.splitlines()
    assert "all calls wait for 7 s" in lines
    assert any(re.fullmatch(r"getCurrentUser: RateLimitError, again in \d+\.\d s", line) for line in lines)


def test_the_page_has_all_events_with_their_fields() -> None:
    shown = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|$", PAGE, re.MULTILINE))
    assert set(shown) == {each.__name__ for each in Event.__subclasses__()}
    assert all(hasattr(confluence_groups_sdk, name) for name in shown)
    for event in set(Event.__subclasses__()) - {CallEnded}:  # its row says which fields of AttemptEnded it has
        assert set(fields_dict(event)) - {"at"} <= set(re.findall(r"`(\w+)`", shown[event.__name__])), event
    same = set(fields_dict(AttemptEnded)) - {"attempt", "retry_in"}
    assert set(fields_dict(CallEnded)) == same | {"attempts"}


def test_the_program_with_opentelemetry_prints_a_span(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", TELEMETRY], capture_output=True, check=False, cwd=tmp_path, encoding="utf-8"
    )
    assert (result.returncode, result.stderr) == (0, "")
    span, end = json.JSONDecoder().raw_decode(result.stdout)
    assert result.stdout[end:].strip() == "Ada Okafor"
    section = PAGE.partition("## OpenTelemetry")[2]
    assert span["name"] == "getCurrentUser"
    assert all(f"`{name}`" in section for name in span["attributes"])


def test_the_page_has_all_metrics() -> None:
    created = re.findall(r'f"\{PREFIX\}(\.[\w.]+)", ?\s*"', inspect.getsource(open_telemetry._Meter))
    shown = re.findall(r"^\| `confluence_groups(\.[\w.]+)` \|", PAGE, re.MULTILINE)
    assert len(created) == 8
    assert sorted(shown) == sorted(created)
