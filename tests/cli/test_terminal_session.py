"""A session in a terminal: every command with its questions, an interruption, and the progress bar."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from shell import BRUNO, CHIARA, EDITORS

from confluence_groups_sdk.cli.commands import sandbox as sandbox_module
from confluence_groups_sdk.membership import Plan, read_journal
from confluence_groups_sdk.sandbox import Faults, Sandbox
from confluence_groups_sdk.sandbox.faults import MachineClock

TIMEOUT_S = 30  # seconds for output that usually comes at once
POLL_S = 0.01  # seconds after which a call looks whether the gate is open
ASKED = r"\(n\)\S*: "
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
OPEN_PAGE = "import sys, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(sys.argv[1]).read()"

Run = Callable[..., str]


def spawn(arguments: list[str]) -> pexpect.spawn[str]:
    program = shutil.which("confluence-groups", path=str(Path(sys.executable).parent))
    assert program, "the package is installed with its command"
    return pexpect.spawn(
        program, arguments, encoding="utf-8", timeout=TIMEOUT_S, dimensions=(50, 160), preexec_fn=_restore_ctrl_c
    )


def _restore_ctrl_c() -> None:
    """Let Ctrl-C interrupt, as in a shell's foreground; processes in the background ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs commands in a terminal, in their own folder."""
    home = tmp_path / "home"
    home.mkdir()
    browser = tmp_path / "browser"
    # A shell script, because the path in a "#!" line must not contain spaces.
    browser.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-c", OPEN_PAGE])} "$1"\n', encoding="utf-8")
    browser.chmod(0o700)
    for name, value in {
        "XDG_CONFIG_HOME": str(home),
        "BROWSER": str(browser),
        "TERM": "xterm-256color",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "COLUMNS", "LINES", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0, answers: tuple[str, ...] = ()) -> str:
        """Run a command, answer its questions, and return its output without colours."""
        with spawn(list(arguments)) as process:
            shown = ""
            for answer in answers:
                process.expect(ASKED)
                shown += (process.before or "") + (process.after if isinstance(process.after, str) else "")
                process.sendline(answer)
            process.expect(pexpect.EOF)
            shown += process.before or ""
        assert (process.exitstatus, process.signalstatus) == (code, None), shown
        return ESCAPES.sub("", shown).replace("\r\n", "\n")

    return run


@pytest.fixture
def sandbox_command(terminal: Run) -> Iterator[pexpect.spawn[str]]:  # noqa: ARG001 - the fixture prepares the folder
    with spawn(["sandbox", "--people", "400", "--latency", "0.05"]) as process:
        process.expect(r"export CONFLUENCE_API_TOKEN=(\S+)")
        yield process
        process.sendintr()
        process.expect("the sandbox has ended")
        process.expect(pexpect.EOF)
    assert process.exitstatus == 0


def table_of(shown: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in shown.splitlines() if line.strip()]


@pytest.mark.usefixtures("sandbox_command")
def test_every_command_in_a_terminal(terminal: Run, tmp_path: Path) -> None:
    run = terminal
    assert [row[1] for row in table_of(run("groups", "list", "--sandbox"))][1:] == [
        "confluence-admins-sandbox",
        "confluence-users-sandbox",
        "docs-editors",
        "everybody",
    ]
    assert EDITORS in run("groups", "search", "docs", "--sandbox")
    assert EDITORS in run("groups", "show", "docs-editors", "--sandbox")
    assert run("members", "count", "everybody", "--sandbox") == "400\n"
    assert len(table_of(run("members", "list", "everybody", "--sandbox"))) == 401
    assert "bruno@example.com" in run("users", "show", BRUNO, "--sandbox")
    assert EDITORS in run("users", "groups", BRUNO, "--sandbox")
    assert [row[1] for row in table_of(run("users", "groups", "person7@example.com", "--sandbox"))][1:] == [
        "confluence-users-sandbox",
        "everybody",
    ]
    assert "2 removals" in run("plan", "offboard", "Person400@example.com", "--out", "400.json", "--sandbox")

    assert "agree in the browser" in run("login", "--sandbox", "--port", "0")
    assert "Ada Okafor" in run("users", "me")
    assert "read:confluence-groups" in run("sites")

    assert "refused: the answer was no" in run("members", "remove", "docs-editors", CHIARA, code=3, answers=("n",))
    assert "REMOVED Chiara Rossi" in run("members", "remove", "docs-editors", CHIARA, answers=("maybe", "y"))
    assert "ADDED Chiara Rossi" in run("members", "add", "docs-editors", CHIARA, answers=("y",))
    assert "writers" in run("groups", "create", "writers", answers=("y",))
    assert "DELETED writers" in run("groups", "delete", "writers", answers=("y",))

    (tmp_path / "leavers.csv").write_text(f"group,account\ndocs-editors,{BRUNO}\n", encoding="utf-8")
    assert "saved as plan.json" in run("plan", "remove", "--csv", "leavers.csv")
    assert "saved as sync.json" in run(
        "plan", "sync", "docs-editors", "--account", CHIARA, "--out", "sync.json", code=3
    )
    assert "saved as off.json" in run("plan", "offboard", BRUNO, "--out", "off.json")
    assert Plan.load("plan.json").digest in run("plan", "show", "plan.json")
    assert "wrote plan.html" in run("plan", "show", "plan.json", "--html", "plan.html")
    assert "would remove Bruno Keller" in run("apply", "plan.json", "--dry-run")
    assert "refused" in run("apply", "plan.json", code=3, answers=("n",))
    assert "1 REMOVED" in run("apply", "plan.json", answers=("y",))
    assert "REMOVED" in run("journal", "show", "plan.journal")
    assert "is whole" in run("journal", "verify", "plan.journal")
    assert "1 addition, in 1 group" in run("undo", "plan.journal")
    assert "1 ADDED" in run("apply", "plan.undo.json", "--yes")
    assert "logged out" in run("logout")


class Gate(MachineClock):
    """A clock that holds back calls from some number on, until the gate opens; after that, each takes longer.

    Attributes:
        calls_left: the number of calls to let through while the gate is closed; None for all.
    """

    def __init__(self) -> None:
        self.calls_left: int | None = None
        self._open = False

    def open(self) -> None:
        self._open = True

    async def async_sleep(self, seconds: float) -> None:
        if self.calls_left is None:
            return
        self.calls_left -= 1
        if self.calls_left >= 0:
            return
        while not self._open:
            await super().async_sleep(POLL_S)
        await super().async_sleep(seconds)


def test_interrupted_apply_is_resumed(terminal: Run, tmp_path: Path) -> None:
    rows = [f"everybody,person-{number:06d}" for number in range(1, 351)]
    (tmp_path / "leavers.csv").write_text("\n".join(["group,account", *rows]) + "\n", encoding="utf-8")
    gate = Gate()
    with Sandbox(clock=gate, faults=Faults(latency=1)) as server:
        sandbox_module._add_large_group(server, 400)
        sandbox_module._write_note(server)
        terminal(
            "plan", "remove", "--csv", "leavers.csv", "--max-removals", "-1", "--max-fraction", "1", "--sandbox"
        )  # fmt: skip
        with spawn(["apply", "plan.json", "--sandbox"]) as process:
            process.expect("apply 350 changes on ")
            process.expect(ASKED)
            gate.calls_left = 150
            process.sendline("y")
            process.expect(r"removing")
            process.expect(r"\d+(\.\d+)?/s")
            process.sendintr()
            gate.open()
            process.expect(r"(\d+) left to do")
            left = int(process.match[1]) if isinstance(process.match, re.Match) else 0
            process.expect("to continue: confluence-groups apply plan.json")
            process.expect(pexpect.EOF)
        assert process.exitstatus == 130
        assert 0 < left < 350
        assert len(read_journal("plan.journal").results) == 350 - left
        gate.calls_left = None
        assert f"{left} REMOVED" in terminal("apply", "plan.json", "--sandbox", answers=("y",))
        assert terminal("members", "count", "everybody", "--sandbox") == "50\n"


@pytest.mark.usefixtures("sandbox_command")
def test_ctrl_c_at_a_question_exits_with_130(terminal: Run) -> None:  # noqa: ARG001 - as above
    with spawn(["members", "remove", "docs-editors", CHIARA, "--sandbox"]) as process:
        process.expect(ASKED)
        process.sendintr()
        process.expect("interrupted")
        process.expect(pexpect.EOF)
    assert process.exitstatus == 130


@pytest.mark.usefixtures("sandbox_command")
@pytest.mark.parametrize(("name", "value"), [("COLUMNS", "40"), ("TERM", "dumb")])
def test_narrow_or_dumb_terminal_cuts_nothing(
    terminal: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    rows = table_of(terminal("members", "list", "docs-editors", "--sandbox"))
    assert rows[2] == [CHIARA, "Chiara Rossi", "chiara@example.com", "atlassian"]


@pytest.mark.usefixtures("sandbox_command")
def test_first_sandbox_is_found_again_after_the_second_ends(terminal: Run) -> None:
    with spawn(["sandbox"]) as process:
        process.expect("--sandbox means this one, and not the one at")
        process.sendintr()
        process.expect("the sandbox has ended")
        process.expect(pexpect.EOF)
    assert terminal("members", "count", "everybody", "--sandbox") == "400\n"


def test_a_company_for_a_review_is_in_the_sandbox(terminal: Run) -> None:
    with spawn(["sandbox", "--people", "200", "--groups", "30", "--seed", "7"]) as process:
        process.expect(r"export CONFLUENCE_API_TOKEN=(\S+)")
        names = [row[1] for row in table_of(terminal("groups", "list", "--sandbox"))][1:]
        assert len(names) == 33
        assert "site-admins" in names
        assert "everybody" not in names
        listed = terminal("members", "list", "confluence-users-sandbox", "--sandbox", "-o", "csv")
        assert 180 < len(listed.splitlines()) < 200, "deactivated people are not listed, guests are in another group"
        process.sendintr()
        process.expect("the sandbox has ended")
        process.expect(pexpect.EOF)
    assert process.exitstatus == 0


def test_commands_of_the_pages_work_on_the_demo(terminal: Run, tmp_path: Path) -> None:
    for _ in range(2):  # the files of the first sandbox serve the second
        with spawn(["sandbox", "--demo", "--files", str(tmp_path / "files")]) as process:
            process.expect(r"export CONFLUENCE_API_TOKEN=(\S+)")
            leavers = str(tmp_path / "files" / "people.csv")
            planned = terminal("plan", "offboard", "--csv", leavers, "--out", "p.json", "--force", "--sandbox")
            assert "6 removals, 0 additions, in 4 groups" in planned
            process.sendintr()
            process.expect(pexpect.EOF)


@pytest.mark.usefixtures("terminal")
def test_typed_secret_is_not_shown() -> None:
    with spawn(["login", "--client-id", "app", "--no-browser", "--port", "0"]) as process:
        process.expect("client secret: ")
        process.sendline("very-secret")
        process.expect(r"https://auth\.atlassian\.com/authorize\?audience=api\.atlassian\.com")
        shown = (process.before or "") + str(process.after)
        process.sendintr()
        process.expect(pexpect.EOF)
        shown += process.before or ""
    assert process.exitstatus == 130
    assert "very-secret" not in shown


def test_command_is_installed_beside_the_interpreter() -> None:
    assert os.access(Path(sys.executable).parent / "confluence-groups", os.X_OK)
