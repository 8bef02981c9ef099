"""The decorator that makes a function a command, and turns option classes into options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import attrs
import typer

from .exit_codes import reported
from .program import PROGRAM


def command(app: typer.Typer, name: str, *examples: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Build a decorator that adds a function to an application as a command.

    The fields of option classes become options of the command. Errors become messages and exit codes.

    Args:
        app: the application.
        name: the command's name.
        examples: commands to show at the end of its help; ``confluence-groups`` becomes the program's real name.
    """
    shown = [example.replace("confluence-groups", PROGRAM, 1) for example in examples]

    def register(function: Callable[..., None]) -> Callable[..., None]:
        epilog = "\n\n".join(["For example:", *shown])
        app.command(name, epilog=epilog, no_args_is_help=False)(_with_flat_options(function))
        return function

    return register


def _with_flat_options(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function with the fields of the option classes as parameters, which Typer turns into options."""
    original = inspect.signature(function, eval_str=True).parameters.values()
    classes = {each.name: _resolve(each.annotation) for each in original if attrs.has(each.annotation)}
    parameters: list[inspect.Parameter] = []
    for each in original:
        if each.name in classes:
            parameters += _field_parameters(classes[each.name])
        else:
            parameters.append(each.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(function)
    def run(**values: Any) -> None:
        with reported(verbose=bool(values.get("verbose"))):
            function(**_build_options(values, classes))

    del run.__wrapped__  # set by wraps; inspect would follow it to the original signature
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what inspect looks for first
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _resolve(kind: type[Any]) -> type[Any]:
    return attrs.resolve_types(kind, include_extras=True)


def _field_parameters(kind: type[Any]) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for field in attrs.fields(kind)
    ]


def _build_options(values: dict[str, Any], classes: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Move the values of option classes' fields into objects of these classes."""
    built = {
        name: kind(**{field.name: values.pop(field.name) for field in attrs.fields(kind)})
        for name, kind in classes.items()
    }
    return {**values, **built}
