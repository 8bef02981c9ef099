"""docs/cli.md: the output of its commands, the exit codes and the options."""

from __future__ import annotations

import inspect
import re

from walkthroughs import cli_walkthrough

from confluence_groups_sdk.cli import exit_codes
from confluence_groups_sdk.cli.commands import apply

TEXT = cli_walkthrough.DOCUMENT.read_text(encoding="utf-8")


def test_page_shows_the_output_of_its_commands() -> None:
    assert cli_walkthrough.normalize(cli_walkthrough.render(TEXT)) == cli_walkthrough.normalize(TEXT)


def test_no_output_is_empty() -> None:
    blocks = cli_walkthrough.SESSION.findall(TEXT)
    assert len(blocks) == TEXT.count("```console") == 7
    assert all(line for _, _, shown, _ in blocks for line in shown.splitlines()[1:2])


def test_page_lists_all_exit_codes() -> None:
    table = TEXT.partition("| exit code | |")[2]
    codes = {name: value for name, value in vars(exit_codes).items() if name.isupper() and type(value) is int}
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [0, *sorted({*codes.values()})]


def test_page_lists_all_options_of_apply() -> None:
    options = {f"--{name.replace('_', '-')}" for name in inspect.signature(apply.apply).parameters}
    known = {"--plan", "--connection", "--confirmation"}
    assert all(f"`{option}" in TEXT or f" {option}" in TEXT for option in options - known)


def test_page_is_short() -> None:
    assert len(TEXT.encode()) < 15_600
