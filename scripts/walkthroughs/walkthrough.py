"""Render a document anew or compare it with its present output; the code that all walkthroughs share."""

from __future__ import annotations

import difflib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from confluence_groups_sdk.sandbox import Credentials, Sandbox

DOCS = Path(__file__).resolve().parents[2] / "docs"
FILE = re.compile(r"<!-- (?:file|program): (\S+) -->\n```(?:text|python)\n(.*?)```", re.DOTALL)
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
HOST = re.compile(r"127\.0\.0\.1:\d+")
JOURNAL_LINES = re.compile(r"\b\d+ lines\b")  # results that arrive together share a line
VARYING = {"DIGEST": DIGEST, "MOMENT": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")}

Conversion = Callable[[str], str]


def update_document(document: Path, *, render: Conversion, normalize: Conversion, check: bool) -> int:
    """Write a document anew, or only compare it; return the exit code.

    Args:
        document: contains programs or commands, and their output below them.
        render: returns the document with the present output.
        normalize: returns a document without the parts that vary between runs.
        check: whether to write nothing; a difference is then an error.
    """
    old = document.read_text(encoding="utf-8")
    new = render(old)
    if normalize(old) == normalize(new):
        print(f"{document.name} shows the present output")
        return 0
    if check:
        texts = (normalize(old).splitlines(), normalize(new).splitlines())
        print(*difflib.unified_diff(*texts, document.name, "present output", lineterm=""), sep="\n", file=sys.stderr)
        print(f"{document.name} does not show the present output: run {sys.argv[0]}", file=sys.stderr)
        return 1
    document.write_text(new, encoding="utf-8")
    print(f"wrote {document.name}")
    return 0


def render_outputs(
    document: str,
    *,
    outputs: re.Pattern[str],
    add_people: Callable[[Sandbox], None],
    output_of: Callable[[re.Match[str], Sandbox, Path], str],
) -> str:
    """Return a document with the present outputs.

    Args:
        document: the text; the files and programs that it contains are written into a folder first.
        outputs: matches each output as its third group, between the first and the fourth.
        add_people: adds the people of the document to the sandbox.
        output_of: returns the present output for a match.
    """
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        add_people(sandbox)
        for name, content in FILE.findall(document):
            (folder / name).write_text(content, encoding="utf-8")
        return outputs.sub(lambda found: f"{found[1]}{output_of(found, sandbox, folder)}{found[4]}", document)


def replace_varying(text: str, patterns: Mapping[str, re.Pattern[str]]) -> str:
    """Replace the parts that vary between runs by their names."""
    for name, pattern in patterns.items():
        text = pattern.sub(name, text)
    return text


def sandbox_environment(sandbox: Sandbox, folder: Path, user: Credentials | None = None) -> dict[str, str]:
    """Return the environment variables for a program that uses the sandbox, without those of this machine.

    Args:
        sandbox: the sandbox.
        folder: holds the user's settings.
        user: who runs the program; None for the admin.
    """
    email, token = user or sandbox.admin
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CONFLUENCE_", "PYTHON", "XDG_"))}
    return kept | {
        "CONFLUENCE_SITE": sandbox.url,
        "CONFLUENCE_EMAIL": email,
        "CONFLUENCE_API_TOKEN": token,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONIOENCODING": "utf-8",
        "XDG_CONFIG_HOME": str(folder / "home"),
    }
