"""docs/cli.md shows what its commands print, and all that they offer."""

from __future__ import annotations

import inspect
import re

import cli_walkthrough

from confluence_groups_sdk.cli import applying, exit_codes

TEXT = cli_walkthrough.DOCUMENT.read_text(encoding="utf-8")


def test_it_shows_what_its_commands_print() -> None:
    assert cli_walkthrough.comparable(cli_walkthrough.written(TEXT)) == cli_walkthrough.comparable(TEXT)


def test_no_output_is_empty() -> None:
    blocks = cli_walkthrough.SESSION.findall(TEXT)
    assert len(blocks) == TEXT.count("```console") == 7
    assert all(line for _, _, shown, _ in blocks for line in shown.splitlines()[1:2])


def test_it_has_all_exit_codes() -> None:
    table = TEXT.partition("| exit code | |")[2]
    codes = {name: value for name, value in vars(exit_codes).items() if name.isupper() and type(value) is int}
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [0, *sorted(codes.values())]


def test_it_has_all_options_of_apply() -> None:
    options = {f"--{name.replace('_', '-')}" for name in inspect.signature(applying.apply).parameters}
    known = {"--plan", "--connecting", "--changing"}
    assert all(f"`{option}" in TEXT or f" {option}" in TEXT for option in options - known)


def test_it_stays_short() -> None:
    assert len(TEXT.encode()) < 14_000
