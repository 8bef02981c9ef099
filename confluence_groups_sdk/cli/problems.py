"""The problems that prevent a plan: printed, or written to a file, as text or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from .._support.text import escape_controls, format_count
from ..errors import InputError
from .exit_codes import USAGE
from .options import Format, OutputOptions
from .output_files import check_target, write_file
from .rendering.error_message import message_of, print_error
from .rendering.tables import Column, write_rows
from .terminal import print_err


@contextmanager
def report_problems(path: Path | None, output: OutputOptions, *, force: bool) -> Iterator[None]:
    """Report the problems of an `InputError` where the user wants them.

    Args:
        path: the file for the problems: JSON if its name ends in ``.json`` or the output is JSON, otherwise a line for
            each problem. Without a file, all problems are printed.
        output: the format of the output; JSON and CSV go to standard output.
        force: whether the file may be replaced if it exists.

    Raises:
        typer.Exit: with code 2, if there were problems.
        InputError: the file cannot be written.
    """
    if path is not None:
        check_target(path, force=force)
    try:
        yield
    except InputError as error:
        if not error.problems:
            raise
        if path is not None:
            as_json = output.format is Format.JSON or path.suffix.lower() == ".json"
            write_file(path, _to_json(error) if as_json else _to_lines(error), force=force)
        _print(error, path, output)
        raise typer.Exit(USAGE) from None


def _print(error: InputError, path: Path | None, output: OutputOptions) -> None:
    if output.format is Format.JSON:
        print(_to_json(error), end="")
    elif output.format is Format.CSV:
        write_rows(({"problem": each} for each in error.problems), [Column("problem")], output)
    if path is not None:
        print_err(f"error: {message_of(error)}", f"  {format_count(len(error.problems), 'problem')}: see {path}")
    elif output.format is Format.TABLE:
        print_error(error, verbose=False)
    else:
        print_err(f"error: {message_of(error)}")


def _to_json(error: InputError) -> str:
    content = {"error": message_of(error), "problems": list(error.problems)}
    return json.dumps(content, indent=1) + "\n"  # ASCII, so that no name controls a terminal


def _to_lines(error: InputError) -> str:
    return "".join(f"{escape_controls(each)}\n" for each in error.problems)
