"""Write the reference of the command line from the Typer application."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from confluence_groups_sdk.cli.app import app
from confluence_groups_sdk.cli.program import PROGRAM

SPECIAL = re.compile(r"([\\`*_\[\]<>|])")
EXAMPLE_START = "For example:"


def format_cli_reference() -> str:
    """Return the page with all commands."""
    root = typer.main.get_command(app)
    parts = [
        "# Command-line reference\n",
        f"{escape(root.help or '')} How to use it: [the command line](../cli.md).\n",
        f"{escape(root.epilog or '')}\n",
    ]
    for name, command in _commands(PROGRAM, root):
        parts += _format_command(name, command)
    return "\n".join(parts)


def list_commands() -> list[str]:
    """Return the full names of all commands."""
    return [name for name, _ in _commands(PROGRAM, typer.main.get_command(app))]


def escape(text: str) -> str:
    """Return a text as Markdown that shows the same."""
    return SPECIAL.sub(r"\\\1", re.sub(r"(?<!\n)\n(?!\n)", " ", text.strip()))


def _commands(prefix: str, group: Any) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        full = f"{prefix} {name}"
        if hasattr(command, "commands"):
            yield from _commands(full, command)
        elif not command.hidden:
            yield full, command


def _format_command(name: str, command: Any) -> Iterator[str]:
    yield f"## {name.removeprefix(f'{PROGRAM} ')}\n"
    yield f"{escape(command.help or '')}\n"
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    yield f"```text\n{' '.join([name, *(_argument_name(each) for each in arguments), '[OPTIONS]'])}\n```\n"
    if arguments:
        rows = [f"| `{_argument_name(each)}` | {escape(getattr(each, 'help', '') or '')} |" for each in arguments]
        yield "\n".join(["| argument | |", "|---|---|", *rows, ""])
    panels: dict[str, list[Any]] = {}
    for each in options:
        panels.setdefault(getattr(each, "rich_help_panel", None) or "option", []).append(each)
    for panel, members in panels.items():
        rows = [f"| {_option_name(each)} | {_option_text(each)} |" for each in members]
        yield "\n".join([f"| {escape(panel)} | |", "|---|---|", *rows, ""])
    examples = (command.epilog or "").partition(EXAMPLE_START)[2].split("\n\n")
    if shown := [example.strip() for example in examples if example.strip()]:
        yield "\n".join([f"{EXAMPLE_START}\n", "```text", *shown, "```", ""])


def _argument_name(argument: Any) -> str:
    name = argument.human_readable_name.strip("[].").upper()
    shown = name if argument.required else f"[{name}]"
    return f"{shown}..." if argument.nargs == -1 else shown


def _option_name(option: Any) -> str:
    names = ", ".join(f"`{each}`" for each in [*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} `{_value_name(option)}`"


def _value_name(option: Any) -> str:
    if option.metavar:
        return str(option.metavar)
    choices = getattr(option.type, "choices", None)
    return "\\|".join(map(str, choices)) if choices else str(option.type.name).upper()


def _option_text(option: Any) -> str:
    parts = [escape(option.help or "")]
    if option.required:
        parts.append("Required.")
    if _has_shown_default(option):
        parts.append(f"Default: `{getattr(option.default, 'value', option.default)}`.")
    return " ".join(filter(None, parts))


def _has_shown_default(option: Any) -> bool:
    is_value = isinstance(option.default, (int, float, str)) and not isinstance(option.default, bool)
    return is_value and option.show_default is not False and option.default != ""
