#!/usr/bin/env python3
"""Run the commands of docs/cli.md on the sandbox, one block after the other, and put what they print below them.

With --check nothing is written, and a difference is an error. Digests, times and the sandbox's port differ from run to
run: those that stand in the document are of the run that wrote it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import walkthrough
from run_command import run_command

from confluence_groups_sdk.sandbox import Group, Person, Sandbox

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
FILE = re.compile(r"<!-- file: (\S+) -->\n```text\n(.*?)```", re.DOTALL)
SESSION = re.compile(r"(<!-- session(?:, answered (\w+))? -->\n```console\n)(.*?)(```)", re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)
DIFFERS = {
    "DIGEST": re.compile(r"\b[0-9a-f]{64}\b"),
    "MOMENT": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "HOST": re.compile(r"127\.0\.0\.1:\d+"),
    "LINES": re.compile(r"\b\d+ lines\b"),  # of a journal: results that come at once share one
    "TIME": re.compile(r"\b\d+ ms\b"),
    "DATE": re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"),
    "REQUEST": re.compile(r"00000000-0000-4000-8000-\d{12}"),
}
ASKED = "(n): "


def comparable(text: str) -> str:
    """Return a document without what differs from run to run."""
    for name, pattern in DIFFERS.items():
        text = pattern.sub(name, text)
    return text


def written(document: str) -> str:
    """Return the document with what its commands print now."""
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(sandbox)
        for file, content in FILE.findall(document):
            (folder / file).write_text(content, encoding="utf-8")

        def again(found: re.Match[str]) -> str:
            return found[1] + session(COMMAND.findall(found[3]), found[2] or "", sandbox, folder) + found[4]

        return SESSION.sub(again, document)


def fill(sandbox: Sandbox) -> None:
    """Put the people into the sandbox whom the document speaks of."""
    ids = [f"712020:00000000-0000-4000-8000-{number:012d}" for number in range(1, 9)]
    for number, account_id in enumerate(ids, 1):
        sandbox.directory.add_person(Person(account_id, f"Writer {number}", f"writer{number}@example.com"))
    sandbox.directory.add_group(Group("9d3f2a61-5c0e-4b7a-8f11-2e6d7c8b9a05", "writers", frozenset()), ids)


def session(commands: list[str], answer: str, sandbox: Sandbox, folder: Path) -> str:
    """Return what a shell shows when it runs these commands, with the answer to what one of them asks."""
    script = ["exec 2>&1"]
    for command in commands:
        script += ["code=$?", f"printf '%s\\n' {shlex.quote('$ ' + command)}", "(exit $code)", command]
    shell = subprocess.run(
        ["bash", "-c", "\n".join(script)],  # noqa: S607 - the shell of whoever runs this
        cwd=folder,
        env=environment(sandbox, folder),
        input=f"{answer}\n" if answer else "",
        stdout=subprocess.PIPE,
        check=False,
        encoding="utf-8",
    )
    shown = shell.stdout
    if answer:
        before, asked, after = shown.partition(ASKED)
        if not asked:
            raise SystemExit(f"nothing was asked:\n{shown}")
        shown = f"{before}{asked}{answer}\n{after}"
    return shown.rstrip("\n") + "\n"


def environment(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    foreign = ("CONFLUENCE_", "PYTHON", "XDG_")
    others = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    ours = {"SITE": sandbox.url, "EMAIL": sandbox.admin.email, "API_TOKEN": sandbox.admin.token}
    return (
        others
        | {f"CONFLUENCE_{name}": value for name, value in ours.items()}
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONIOENCODING": "utf-8",
            "XDG_CONFIG_HOME": str(folder / "home"),
        }
    )


if __name__ == "__main__":
    run_command(lambda: walkthrough.main(DOCUMENT, __doc__, written=written, comparable=comparable))
