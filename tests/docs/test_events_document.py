"""docs/events.md: its program and its list of events."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock

import confluence_groups_sdk
from confluence_groups_sdk import Event
from confluence_groups_sdk.sandbox import Answer, Sandbox

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
(PROGRAM,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


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


def test_the_page_has_all_events() -> None:
    shown = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert shown == {each.__name__ for each in Event.__subclasses__()}
    assert all(hasattr(confluence_groups_sdk, name) for name in shown)
