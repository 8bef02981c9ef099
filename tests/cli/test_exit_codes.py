"""Exit codes when a standard stream is full, closed or a broken pipe, buffered or not."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from shell import BRUNO, EDITORS, PROGRAM, Result, Shell

from confluence_groups_sdk.cli.standard_streams import StandardStream
from confluence_groups_sdk.membership import Plan
from confluence_groups_sdk.sandbox import Group, Person

NO_SPACE = "error: the output cannot be written: No space left on device\n"
STREAMS = [
    ("full", "open"),
    ("broken", "open"),
    ("closed", "open"),
    ("open", "full"),
    ("open", "broken"),
    ("open", "closed"),
    ("full", "full"),
]
COMMANDS = {
    ("groups", "list"): 0,
    ("members", "list", "docs-editors", "-o", "csv"): 0,
    ("--help",): 0,
    ("groups", "show", "no-such-group"): 1,
    ("users", "show", "a@example.com"): 2,
    ("groups", "--no-such-option"): 2,
    ("members", "remove", EDITORS, BRUNO): 3,  # nobody answers the question
}
IN_ALL_STATES = (
    ("groups", "list"),
    ("groups", "show", "no-such-group"),
)  # the others write to one stream and start alike


def cases() -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield each command with each state of the stream that it writes to, and two commands with all states."""
    for command, code in COMMANDS.items():
        for out, err in STREAMS:
            if command in IN_ALL_STATES or (err if code else out) != "open":
                yield command, out, err


@contextmanager
def redirection(number: int, state: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the shell's redirection for a standard stream in a state, and the descriptors it needs."""
    if state == "broken":
        reader, writer = os.pipe()
        os.close(reader)
        yield f"{number}>&{writer}", (writer,)
        os.close(writer)
    else:
        yield {"full": f"{number}>/dev/full", "closed": f"{number}>&-", "open": ""}[state], ()


def run(*arguments: str, out: str = "open", err: str = "open", unbuffered: bool = False) -> Result:
    """Run the program with its standard output and its standard error in these states."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    if unbuffered:
        environment["PYTHONUNBUFFERED"] = "1"
    with redirection(1, out) as (to_out, first), redirection(2, err) as (to_err, second):
        ended = subprocess.run(
            ["bash", "-c", f"exec {shlex.join([*PROGRAM, *arguments])} {to_out} {to_err}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            encoding="utf-8",
            env=environment,
            pass_fds=first + second,
        )
    return Result(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize(
    ("command", "out", "err"), [pytest.param(*case, id=" ".join([*case[0], *case[1:]])) for case in cases()]
)
def test_exit_code_does_not_depend_on_the_streams(command: tuple[str, ...], out: str, err: str) -> None:
    expected = COMMANDS[command]
    unwritten = out == "full" and expected == 0
    ended = run(*command, out=out, err=err)
    assert ended.code == (2 if unwritten else expected)
    assert (ended.err == NO_SPACE) == (unwritten and err == "open")
    assert "Traceback" not in ended.err
    assert "Exception ignored" not in ended.err


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize(("out", "err"), [("full", "open"), ("broken", "open"), ("open", "full")])
@pytest.mark.parametrize("command", [("groups", "list"), ("users", "show", "a@example.com")], ids=" ".join)
def test_exit_code_does_not_depend_on_buffering(command: tuple[str, ...], out: str, err: str) -> None:
    assert run(*command, out=out, err=err, unbuffered=True) == run(*command, out=out, err=err)


@pytest.mark.parametrize(("out", "err"), STREAMS)
def test_failed_changes_exit_with_4_even_if_nothing_can_be_printed(shell: Shell, out: str, err: str) -> None:
    shell.run("plan", "remove", "--csv", shell.csv(f"{EDITORS},{BRUNO},"), "--out", "plan.json")
    shell.sign_in(shell.sandbox.reader)
    ended = run("apply", "plan.json", "--yes", "--journal", f"{out}-{err}.journal", out=out, err=err)
    assert ended.code == 4
    assert len(Plan.load(shell.folder / "plan.json").changes) == 1


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize("unbuffered", [False, True])
def test_missing_cli_extra_exits_with_2(unbuffered: bool, tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(name='typer')\n", encoding="utf-8")
    environment = {"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]}
    if unbuffered:
        environment["PYTHONUNBUFFERED"] = "1"
    command = [sys.executable, "-c", "from confluence_groups_sdk.cli import main; main()"]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stderr=full, stdout=subprocess.PIPE, check=False, env=environment)
    assert (ended.returncode, ended.stdout) == (2, b"")


@pytest.mark.usefixtures("shell")
def test_closed_standard_input_answers_no_question() -> None:
    command = f"{shlex.join([*PROGRAM, 'members', 'remove', EDITORS, BRUNO])} <&-"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, check=False, encoding="utf-8")
    assert (ended.returncode, "--yes" in ended.stderr, "Traceback" in ended.stderr) == (3, True, False)


def test_closed_pipe_ends_the_command(shell: Shell) -> None:
    for number in range(600):
        shell.sandbox.directory.add_person(Person(f"p{number}", f"Person {number}", f"p{number}@example.com"))
    shell.sandbox.directory.add_group(Group("large-id", "large"), [f"p{number}" for number in range(600)])
    for form in ("table", "json", "csv"):
        command = shlex.join([*PROGRAM, "members", "list", "large", "-o", form])
        head = shell.folder / "head"
        script = f"{command} | head -n 1 > {shlex.quote(str(head))}; echo ${{PIPESTATUS[0]}}"
        ended = subprocess.run(["bash", "-c", script], capture_output=True, check=False, encoding="utf-8")
        assert (ended.stdout, ended.stderr) == ("0\n", "")
        assert len(head.read_text(encoding="utf-8").splitlines()) == 1


def fill(writer: int) -> int:
    """Fill a pipe, and return the number of bytes in it."""
    os.set_blocking(writer, False)
    filled = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            filled += os.write(writer, b"x" * 4096)
    return filled


def test_full_pipe_that_does_not_block_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    filled = fill(writer)
    waits: list[object] = []

    def drain(*waited_for: object) -> None:
        waits.append(waited_for)
        assert len(os.read(reader, filled)) == filled

    monkeypatch.setattr("select.select", drain)
    with open(reader, "rb", buffering=0), open(writer, "wb", buffering=0):
        stream = StandardStream(writer, raises=True)
        assert stream.write(b"one line") == len(b"one line")
        assert waits == [([], [stream], [])]
        assert os.read(reader, 100) == b"one line"


INTERRUPTED_FLUSH = """
import sys
from confluence_groups_sdk.cli.exit_codes import run_program

class Interrupted:
    stream = None

    def flush(self):
        raise KeyboardInterrupt

def program():
    Interrupted.stream = sys.stdout
    sys.stdout.write("one line")
    sys.stdout = Interrupted()

run_program(program)
"""


def test_interrupt_ends_a_program_whose_output_nobody_reads() -> None:
    reader, writer = os.pipe()
    fill(writer)
    os.set_blocking(writer, True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with (
        open(reader, "rb"),
        subprocess.Popen([sys.executable, "-c", INTERRUPTED_FLUSH], stdout=writer, env=environment) as process,
    ):
        os.close(writer)
        try:
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()


def test_crash_exits_with_1_even_if_the_traceback_cannot_be_printed() -> None:
    program = "from confluence_groups_sdk.cli.exit_codes import run_program; run_program(lambda: 1 / 0)"
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([sys.executable, "-c", program], stderr=full, check=False)
    assert ended.returncode == 1
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).stderr
    assert printed.endswith(b"ZeroDivisionError: division by zero\n")
