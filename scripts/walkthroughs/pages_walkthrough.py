"""Run the commands and programs of the pages by task on sandboxes, and put their output into the pages.

Each sandbox has the groups and people of ``confluence-groups sandbox --demo``; each folder has its CSV files. A
digest in a command is the one that an earlier command printed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

from confluence_groups_sdk.sandbox import Sandbox, add_demo, demo_files
from walkthroughs import walkthrough
from walkthroughs.cli_walkthrough import CLI_VARYING, COMMAND
from walkthroughs.shell_session import run_commands

NAMES = ("off-boarding", "start-service", "start-shell", "sync")
OUTPUT = re.compile(
    r"(<!-- (?:session(?:, answered (\w+))?|program: (?:\S+)) -->\n(?:```python\n(?:(?!```).)*```\n\n)?"
    r"```(?:console|text)\n)(.*?)(```)",
    re.DOTALL,
)
PROGRAM = re.compile(r"<!-- program: (\S+) -->")


class Page:
    """A page; knows what its commands have printed so far."""

    def __init__(self) -> None:
        self._printed = ""

    def output_of(self, block: re.Match[str], sandbox: Sandbox, folder: Path) -> str:
        """Return the output of a program, or of the commands of a block in a shell."""
        for name, text in demo_files().items():
            (folder / name).write_text(text, encoding="utf-8")
        environment = walkthrough.sandbox_environment(sandbox, folder)
        if program := PROGRAM.match(block[0]):
            command = [sys.executable, program[1]]
            ended = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, check=False, encoding="utf-8"
            )
            if ended.returncode:
                raise SystemExit(f"{program[1]} failed:\n{ended.stderr}")
            return ended.stdout
        commands = [self._copy_digest(command) for command in COMMAND.findall(block[3])]
        output = run_commands(commands, folder, environment, answer=block[2] or "")
        self._printed += output
        return output

    def _copy_digest(self, command: str) -> str:
        """Replace the digest in a command by the one that was printed last."""
        if not walkthrough.DIGEST.search(command):
            return command
        return walkthrough.DIGEST.sub(re.findall(r"digest:\s+(\w+)", self._printed)[-1], command)


def add_people(sandbox: Sandbox) -> None:
    """Add the people of the documentation, as ``confluence-groups sandbox --demo`` does."""
    add_demo(sandbox.directory)


def render(document: str) -> str:
    """Return the document with the present output."""
    return walkthrough.render_outputs(document, outputs=OUTPUT, add_people=add_people, output_of=Page().output_of)


def update(*, check: bool) -> int:
    """Write the pages anew, or only compare them; return the exit code."""
    return max(
        walkthrough.update_document(walkthrough.DOCS / f"{name}.md", render=render, normalize=normalize, check=check)
        for name in NAMES
    )


normalize = partial(walkthrough.replace_varying, patterns=CLI_VARYING)
