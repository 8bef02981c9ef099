"""Runs the command line on a sandbox, in this process or in a new one."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from confluence_groups_sdk.cli import main
from confluence_groups_sdk.cli.session import state_store
from confluence_groups_sdk.sandbox import Credentials, Sandbox

EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
USERS = "f1d0f7dc-acda-4ad2-b398-26a7150a6b1c"
ADMINS = "3a7c1f52-9d0e-4b8f-8f5c-2d6e1a9b7c40"
ADA = "5b10a2844c20165700ede21a"
BRUNO = "608a9b555426330072f9867d"
CHIARA = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
DAGNY = "712020:9a1f7c3e-6b1d-4b52-a7d9-3f0c5e8b2a44"
BOT = "557058:f58131cb-b67d-43c7-b30d-6b58d40bd077"
PROGRAM = (sys.executable, "-m", "confluence_groups_sdk")


class Result(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


class Shell:
    """Runs commands in their own folder, with the sandbox's credentials in the environment."""

    def __init__(self, sandbox: Sandbox, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self._patch = patch
        home = folder / "home"
        home.mkdir()
        patch.setenv("XDG_CONFIG_HOME", str(home))
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        for name in ("CONFLUENCE_CLIENT_ID", "CONFLUENCE_CLIENT_SECRET", "FORCE_COLOR", "TERMINAL_WIDTH"):
            patch.delenv(name, raising=False)
        patch.setenv("COLUMNS", "100")
        patch.chdir(folder)
        self.sign_in(sandbox.admin)

    def sign_in(self, credentials: Credentials | None) -> None:
        """Set the credentials and the site; None removes both."""
        for name in ("SITE", "EMAIL", "API_TOKEN"):
            self._patch.delenv(f"CONFLUENCE_{name}", raising=False)
        if credentials is not None:
            self._patch.setenv("CONFLUENCE_SITE", self.sandbox.url)
            self._patch.setenv("CONFLUENCE_EMAIL", credentials.email)
            self._patch.setenv("CONFLUENCE_API_TOKEN", credentials.token)

    def run(self, *arguments: str, answer: str = "") -> Result:
        """Run a command in this process.

        Args:
            arguments: of the command.
            answer: the text on standard input.
        """
        out, err = io.StringIO(), io.StringIO()
        self._patch.setattr(sys, "argv", ["confluence-groups", *arguments])
        self._patch.setattr(sys, "stdin", io.StringIO(answer))
        code = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        return Result(code, out.getvalue(), err.getvalue())

    def spawn(self, *arguments: str, settings: Mapping[str, str] | None = None) -> Result:
        """Run a command in a new process, with its output in pipes."""
        process = subprocess.run(
            [*PROGRAM, *arguments],
            capture_output=True,
            check=False,
            encoding="utf-8",
            env=os.environ | {"PYTHONIOENCODING": "utf-8"} | dict(settings or {}),
        )
        return Result(process.returncode, process.stdout, process.stderr)

    def note_sandbox(self, pid: int | None = None) -> None:
        """Write the note on the running sandbox, as the command ``sandbox`` does."""
        client_id, client_secret = self.sandbox.oauth_client
        email, token = self.sandbox.admin
        kept = {"pid": pid or os.getpid(), "url": self.sandbox.url, "email": email, "token": token}
        state_store.write(state_store.SANDBOX, kept | {"client_id": client_id, "client_secret": client_secret})

    @property
    def writes(self) -> list[str]:
        """The requests to the sandbox that change something."""
        return [f"{seen.method} {seen.target}" for seen in self.sandbox.requests if seen.method != "GET"]

    def csv(self, *rows: str, name: str = "rows.csv", header: str = "group,account,reason") -> str:
        """Write a CSV file and return its name."""
        (self.folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return name
