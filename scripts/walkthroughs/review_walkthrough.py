"""Play the access review of docs/access-review.md on a sandbox of 2,000 people, and put the output into the document.

The auditor and the admin use their own accounts. What people do by hand is in reviewers.py. A digest in a command is
the one that an earlier command printed, as if it were copied from there.

Digests, times and the sandbox's port vary between runs; the document shows those of the run that wrote it.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from confluence_groups_sdk.sandbox import Sandbox, add_company
from walkthroughs import walkthrough
from walkthroughs.reviewers import BY_HAND
from walkthroughs.shell_session import run_commands

DOCUMENT = walkthrough.DOCS / "access-review.md"
PEOPLE, GROUPS = 2_000, 300
SESSION = re.compile(r"(<!-- session((?:, \w+ \w+)*) -->\n```console\n)(.*?)(```)", re.DOTALL)
COMMAND = re.compile(r"^(auditor|admin)\$ (.*)$", re.MULTILINE)
REVIEW_VARYING = walkthrough.VARYING | {
    "HOST": walkthrough.HOST,
    "LINES": walkthrough.JOURNAL_LINES,
    "SHORT DIGEST": re.compile(r"\b[0-9a-f]{16}\b"),
    "DAY": re.compile(r"\b\d{4}-\d\d-\d\d\b"),
}


def add_people(sandbox: Sandbox) -> None:
    """Add the company of the document to the sandbox."""
    add_company(sandbox.directory, people=PEOPLE, groups=GROUPS)


class Review:
    """The review; knows what the commands have printed so far."""

    def __init__(self) -> None:
        self._printed = ""

    def run_session(self, block: re.Match[str], sandbox: Sandbox, folder: Path) -> str:
        """Do what is done by hand, and return the output of a shell that then runs the commands of a block."""
        options = dict(option.split() for option in block[2].split(", ")[1:])
        if name := options.get("after"):
            BY_HAND[name](sandbox, folder)
        found = COMMAND.findall(block[3])
        [user] = {user for user, _ in found}
        account = sandbox.admin if user == "admin" else sandbox.reader
        output = run_commands(
            [self._copy_digests(command) for _, command in found],
            folder,
            walkthrough.sandbox_environment(sandbox, folder, account),
            prompt=f"{user}$ ",
            answer=options.get("answered", ""),
        )
        self._printed += output
        return output

    def _copy_digests(self, command: str) -> str:
        """Replace each digest of an option by the one that was last printed with that option."""
        for option in re.findall(rf"(--[\w-]+ ){walkthrough.DIGEST.pattern}", command):
            pattern = re.compile(re.escape(option) + walkthrough.DIGEST.pattern)
            printed = pattern.findall(self._printed)
            if not printed:
                raise SystemExit(f"no command has printed a digest for {option}:\n{self._printed}")
            command = pattern.sub(printed[-1], command)
        return command


def render(document: str) -> str:
    """Return the document with the present output."""
    return walkthrough.render_outputs(document, outputs=SESSION, add_people=add_people, output_of=Review().run_session)


normalize = partial(walkthrough.replace_varying, patterns=REVIEW_VARYING)
update = partial(walkthrough.update_document, DOCUMENT, render=render, normalize=normalize)
