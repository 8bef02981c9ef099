"""Run the commands of docs/cli.md on the sandbox, block by block, and put their output below them.

Digests, times and the sandbox's port vary between runs; the document shows those of the run that wrote it.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from confluence_groups_sdk.sandbox import Sandbox, add_demo
from walkthroughs import walkthrough
from walkthroughs.shell_session import run_commands

DOCUMENT = walkthrough.DOCS / "cli.md"
SESSION = re.compile(r"(<!-- session(?:, answered (\w+))? -->\n```console\n)(.*?)(```)", re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)
CLI_VARYING = walkthrough.VARYING | {
    "HOST": walkthrough.HOST,
    "LINES": walkthrough.JOURNAL_LINES,
    "TIME": re.compile(r"\b\d+ ms\b"),
    "DATE": re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"),
    "REQUEST": re.compile(r"00000000-0000-4000-8000-\d{12}"),
}


def add_people(sandbox: Sandbox) -> None:
    """Add the people of the documentation, as ``confluence-groups sandbox --demo`` does."""
    add_demo(sandbox.directory)


def run_session(block: re.Match[str], sandbox: Sandbox, folder: Path) -> str:
    """Return the output of a shell that runs the commands of a block and answers their question."""
    environment = walkthrough.sandbox_environment(sandbox, folder)
    return run_commands(COMMAND.findall(block[3]), folder, environment, answer=block[2] or "")


normalize = partial(walkthrough.replace_varying, patterns=CLI_VARYING)
render = partial(walkthrough.render_outputs, outputs=SESSION, add_people=add_people, output_of=run_session)
update = partial(walkthrough.update_document, DOCUMENT, render=render, normalize=normalize)
