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

from confluence_groups_sdk.sandbox import Sandbox, add_demo
from walkthroughs import walkthrough

DOCUMENT = walkthrough.DOCS / "plans.md"
OUTPUT = re.compile(
    r"(<!-- (?:program|run|crash and resume): (\S+(?: \S+)?) -->\n(?:```python\n(?:(?!```).)*```\n\n)?```text\n)"
    r"(.*?)(```)",
    re.DOTALL,
)
PLANS_VARYING = walkthrough.VARYING | {
    "SHORT DIGEST": re.compile(r"[0-9a-f]{8}…"),
    "RESUMED": re.compile(r"\d+ REMOVED; \d+ done by earlier runs \(REMOVED \d+\)"),  # depends on the kill's moment
}
KILL_AFTER = 100  # changes


def add_people(sandbox: Sandbox) -> None:
    """Add the people of the documentation, as ``confluence-groups sandbox --demo`` does."""
    add_demo(sandbox.directory)


def output_of(block: re.Match[str], sandbox: Sandbox, folder: Path) -> str:
    """Return the output of a program; that of a program with a plan follows its command, as in a terminal."""
    program, *plans = block[2].split()
    if not plans:
        return run(program, sandbox, folder)
    [plan] = plans
    digest = walkthrough.DIGEST.findall((folder / plan).read_text(encoding="utf-8"))[-1]
    command = f"$ python {program} {plan} {digest[:8]}…\n"
    killed = ""
    if "crash and resume" in block[0]:
        killed = f"{command}{run_and_kill(program, plan, digest, sandbox, folder)}\n"
    return f"{killed}{command}{run(program, sandbox, folder, plan, digest)}"


def run(program: str, sandbox: Sandbox, folder: Path, *arguments: str) -> str:
    command, environment = [sys.executable, program, *arguments], walkthrough.sandbox_environment(sandbox, folder)
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, encoding="utf-8")
    if result.returncode:
        raise SystemExit(f"{program} failed:\n{result.stderr}")
    return result.stdout


def run_and_kill(program: str, plan: str, digest: str, sandbox: Sandbox, folder: Path) -> str:
    """Kill a program in the middle of its work; return the message of a shell."""
    command = [sys.executable, program, plan, digest]
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
