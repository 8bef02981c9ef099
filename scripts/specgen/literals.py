"""The version that a package gives as a literal, read without running it."""

from __future__ import annotations

import ast

from .problems import SpecError


def literal_version(module: str, where: str) -> str:
    """Return the version in the text of a module.

    Raises:
        SpecError: there is none, or it is no literal.
    """
    try:
        for statement in ast.parse(module).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id="__version__")], value=ast.Constant(value=str(version))):
                    return version
    except (SyntaxError, ValueError):
        pass  # what is no Python has no version either
    raise SpecError(where, "", 'no line such as __version__ = "0.1.0"')
