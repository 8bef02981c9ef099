"""Run the programs of docs/plans.md on the sandbox, one after the other, and put their output below them.

Digests and hashes vary between runs; the document shows those of the run that wrote it.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

from confluence_groups_sdk.sandbox import Group, Person, Sandbox
from walkthroughs import walkthrough

DOCUMENT = walkthrough.DOCS / "plans.md"
OUTPUT = re.compile(
    r"(<!-- (?:program|crash and resume): (\S+) -->\n(?:```python\n(?:(?!```).)*```\n\n)?```text\n)(.*?)(```)",
    re.DOTALL,
)
PLANS_VARYING = walkthrough.VARYING | {
    "SHORT DIGEST": re.compile(r"[0-9a-f]{8}…"),
    "RESUMED": re.compile(r"\d+ REMOVED; \d+ done by earlier runs \(REMOVED \d+\)"),  # depends on the kill's moment
}
KILL_AFTER = 100  # changes


def add_people(sandbox: Sandbox) -> None:
    """Add the people of the document to the sandbox."""
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


def output_of(block: re.Match[str], sandbox: Sandbox, folder: Path) -> str:
    """Return the output of a program, or that of a program that is killed and started again."""
    program = block[2]
    if "crash and resume" not in block[0]:
        return run(program, sandbox, folder)
    plan = folder / "plan.json"
    digest = walkthrough.DIGEST.findall(plan.read_text(encoding="utf-8"))[-1]
    command = f"$ python {program} plan.json {digest[:8]}…"
    killed = run_and_kill(program, digest, sandbox, folder)
    return f"{command}\n{killed}\n{command}\n{run(program, sandbox, folder, 'plan.json', digest)}"


def run(program: str, sandbox: Sandbox, folder: Path, *arguments: str) -> str:
    command, environment = [sys.executable, program, *arguments], walkthrough.sandbox_environment(sandbox, folder)
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, encoding="utf-8")
    if result.returncode:
        raise SystemExit(f"{program} failed:\n{result.stderr}")
    return result.stdout


def run_and_kill(program: str, digest: str, sandbox: Sandbox, folder: Path) -> str:
    """Kill a program in the middle of its work; return the message of a shell."""
    command = [sys.executable, program, "plan.json", digest]
    environment = walkthrough.sandbox_environment(sandbox, folder)
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stderr is not None
        for line in process.stderr:
            phase, done, *_ = line.split()
            if phase == "removing" and int(done) >= KILL_AFTER:
                process.kill()
                break
    if process.returncode != -signal.SIGKILL:
        raise SystemExit(f"{program} finished before it could be killed")
    return "Killed"


normalize = partial(walkthrough.replace_varying, patterns=PLANS_VARYING)
render = partial(walkthrough.render_outputs, outputs=OUTPUT, add_people=add_people, output_of=output_of)
update = partial(walkthrough.update_document, DOCUMENT, render=render, normalize=normalize)
