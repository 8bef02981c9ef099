"""Run commands in a shell, as a user does, and return what the terminal shows."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

QUESTION = "(n): "


def run_commands(
    commands: Sequence[str], folder: Path, environment: Mapping[str, str], *, prompt: str = "$ ", answer: str = ""
) -> str:
    """Run commands one after the other, and return each with its output below it.

    Args:
        commands: the commands.
        folder: the folder in which they run.
        environment: the environment variables.
        prompt: is shown before each command.
        answer: the answer to the one question that a command asks; empty if none does.
    """
    script = ["exec 2>&1"]
    for command in commands:
        script += ["code=$?", f"printf '%s\\n' {shlex.quote(prompt + command)}", "(exit $code)", command]
    shell = subprocess.run(
        ["bash", "-c", "\n".join(script)],  # noqa: S607 - the user's own shell
        cwd=folder,
        env=environment,
        input=f"{answer}\n" if answer else "",
        stdout=subprocess.PIPE,
        check=False,
        encoding="utf-8",
    )
    output = shell.stdout
    if answer:
        before, question, after = output.partition(QUESTION)
        if not question:
            raise SystemExit(f"no command asked a question:\n{output}")
        output = f"{before}{question}{answer}\n{after}"
    return output.rstrip("\n") + "\n"
