#!/usr/bin/env python3
"""Run the programs of docs/plans.md on the sandbox, one after the other, and put what they print below them.

With --check nothing is written, and a difference is an error. Digests and hashes differ from run to run: those that
stand in the document are of the run that wrote them.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import walkthrough
from run_command import run_command

from confluence_groups_sdk.sandbox import Group, Person, Sandbox

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "plans.md"
FILE = re.compile(r"<!-- file: (\S+) -->\n```text\n(.*?)```", re.DOTALL)
PROGRAM = re.compile(r"<!-- program: (\S+) -->\n```python\n(.*?)```", re.DOTALL)
OUTPUT = re.compile(
    r"(<!-- (?:program|crash and resume): (\S+) -->\n(?:```python\n(?:(?!```).)*```\n\n)?```text\n)(.*?)(```)",
    re.DOTALL,
)
DIGEST = re.compile(r"[0-9a-f]{64}")
SHORTENED = re.compile(r"[0-9a-f]{8}…")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
KILL_AFTER = 100  # changes


def comparable(text: str) -> str:
    """Return a document without what differs from run to run."""
    return SHORTENED.sub("DIGEST", MOMENT.sub("MOMENT", DIGEST.sub("DIGEST", text)))


def written(document: str) -> str:
    """Return the document with what its programs print now."""
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(sandbox)
        for pattern in (FILE, PROGRAM):
            for file, content in pattern.findall(document):
                (folder / file).write_text(content, encoding="utf-8")
        return OUTPUT.sub(
            lambda found: f"{found[1]}{output_of(found[0], found[2], sandbox, folder)}{found[4]}", document
        )


def fill(sandbox: Sandbox) -> None:
    """Put the people into the sandbox whom the document speaks of."""
    directory = sandbox.directory
    editors = directory.group_named("docs-editors")
    directory.add_person(Person("nia", "Nia Petrova", "nia@example.com"))
    directory.add_person(Person("release-bot", "Release Bot", "release-bot@example.com", account_type="app"))
    for account_id in ("nia", "release-bot"):
        directory.add_member(editors.id, account_id)
    for group, prefix, number in (("Team", "p", 12), ("Large", "large-", 300)):
        ids = [f"{prefix}{each:03d}" for each in range(number)]
        for account_id in ids:
            directory.add_person(Person(account_id, f"Person {account_id}", f"{account_id}@example.com"))
        directory.add_group(Group(f"{group.lower()}-id", group), ids)


def output_of(block: str, program: str, sandbox: Sandbox, folder: Path) -> str:
    """Return what a program prints, or what becomes of it when it is killed and started again."""
    if "crash and resume" not in block:
        return run(program, sandbox, folder)
    plan = folder / "plan.json"
    digest = DIGEST.findall(plan.read_text(encoding="utf-8"))[-1]
    command = f"$ python {program} plan.json {digest[:8]}…"
    return f"{command}\n{killed(program, digest, sandbox, folder)}\n{command}\n{run(program, sandbox, folder, digest)}"


def run(program: str, sandbox: Sandbox, folder: Path, digest: str = "") -> str:
    arguments = ["plan.json", digest] if digest else []
    command = [sys.executable, program, *arguments]
    result = subprocess.run(
        command, cwd=folder, env=environment(sandbox), capture_output=True, check=False, encoding="utf-8"
    )
    if result.returncode:
        raise SystemExit(f"{program} failed:\n{result.stderr}")
    return result.stdout


def killed(program: str, digest: str, sandbox: Sandbox, folder: Path) -> str:
    """Kill a program once it has done some of its work; return what a shell says of that."""
    command = [sys.executable, program, "plan.json", digest]
    with subprocess.Popen(
        command, cwd=folder, env=environment(sandbox), stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            phase, done, *_ = line.split()
            if phase == "removing" and int(done) >= KILL_AFTER:
                process.kill()
                break
    if process.returncode != -signal.SIGKILL:
        raise SystemExit(f"{program} could not be killed in time")
    return "Killed"


def environment(sandbox: Sandbox) -> dict[str, str]:
    ours = {"SITE": sandbox.url, "EMAIL": sandbox.admin.email, "API_TOKEN": sandbox.admin.token}
    others = {name: value for name, value in os.environ.items() if not name.startswith("CONFLUENCE_")}
    return others | {f"CONFLUENCE_{name}": value for name, value in ours.items()} | {"PYTHONIOENCODING": "utf-8"}


if __name__ == "__main__":
    run_command(lambda: walkthrough.main(DOCUMENT, __doc__, written=written, comparable=comparable))
