"""Exit codes of the scripts when a standard stream is full, closed or a broken pipe, buffered or not."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from postman_items import ROOT, SEED
from run_command import StandardStream

SCRIPTS = ROOT / "scripts"
SEED_ITEM = f"openapi/postman/{SEED}"
NO_SPACE = b"error: the output cannot be written: No space left on device\n"
STREAMS = [("full", "open"), ("broken", "open"), ("closed", "open"), ("open", "full"), ("open", "broken")]
STREAMS += [("open", "closed"), ("full", "full")]
MAINS = {
    "print('done')": 0,
    "sys.exit(print('found', file=sys.stderr) or 1)": 1,
    "sys.exit('a reason')": 1,
    "open('no-such-file')": 2,
    "signal.raise_signal(signal.SIGINT)": 130,
}


def run(command: list[str], out: str = "open", err: str = "open", *, unbuffered: bool = False) -> tuple[int, bytes]:
    """Run a command with its standard output and error in these states; return its exit code and its errors."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    if unbuffered:
        environment["PYTHONUNBUFFERED"] = "1"
    reader, writer = os.pipe()
    os.close(reader)
    places = {"full": ">/dev/full", "broken": f">&{writer}", "closed": ">&-", "open": ""}
    redirections = [f"{number}{places[state]}" for number, state in ((1, out), (2, err)) if places[state]]
    try:
        ended = subprocess.run(
            ["bash", "-c", f"exec {shlex.join([sys.executable, *command])} {' '.join(redirections)}"],
            capture_output=True,
            check=False,
            cwd=ROOT,
            env=environment,
            pass_fds=[writer],
        )
    finally:
        os.close(writer)
    return ended.returncode, ended.stderr


def script_of(statement: str) -> list[str]:
    text = f"import signal, sys\nsys.path.insert(0, {str(SCRIPTS)!r})\nfrom run_command import run_command\n"
    return ["-c", f"{text}def main():\n    {statement}\nrun_command(main)"]


@pytest.mark.parametrize(("out", "err"), STREAMS)
@pytest.mark.parametrize("statement", MAINS)
def test_the_exit_code_does_not_depend_on_the_streams(statement: str, out: str, err: str) -> None:
    expected = MAINS[statement]
    unwritten = out == "full" and expected == 0
    code, errors = run(script_of(statement), out, err)
    assert code == (2 if unwritten else expected)
    assert (errors == NO_SPACE) == (unwritten and err == "open")
    assert b"Traceback" not in errors
    assert b"Exception ignored" not in errors


@pytest.mark.parametrize(("out", "err"), [("full", "open"), ("broken", "open"), ("open", "full")])
def test_the_exit_code_does_not_depend_on_buffering(out: str, err: str) -> None:
    for statement in MAINS:
        assert run(script_of(statement), out, err, unbuffered=True) == run(script_of(statement), out, err)


@pytest.mark.parametrize(("out", "err"), [("full", "open"), ("open", "full"), ("full", "full")])
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("postman_to_openapi.py", 0),
        ("postman_to_openapi.py --report", 2),
        ("regenerate.py --import no-such-file", 2),
        ("regenerate.py --help", 0),
        ("vendor.py --check no-such-folder", 2),
    ],
)
def test_scripts_keep_their_documented_exit_codes(command: str, expected: int, out: str, err: str) -> None:
    name, *arguments = command.split()
    if command == "postman_to_openapi.py":
        arguments = [SEED_ITEM]
    code, _ = run([f"scripts/{name}", *arguments], out, err)
    assert code == (2 if out == "full" and expected == 0 else expected)


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.name)
def test_each_script_runs_through_run_command(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "sys.exit(main(" not in text
    if '__name__ == "__main__"' in text:
        assert re.search(r"\n    run_command\(.*main.*\)\n$", text)


def test_full_pipe_that_does_not_block_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    filled = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            filled += os.write(writer, b"x" * 4096)
    monkeypatch.setattr("select.select", lambda *_: os.read(reader, filled))
    with open(reader, "rb", buffering=0), open(writer, "wb", buffering=0):
        assert StandardStream(writer, "w", closefd=False).write(b"one line") == len(b"one line")
        assert os.read(reader, 100) == b"one line"


COMMANDS = sorted(path for path in SCRIPTS.glob("*.py") if path.read_bytes().startswith(b"#!"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.stem)
@pytest.mark.parametrize(
    ("trap", "code", "message"), [("", 130, "interrupted\n"), ("trap '' INT; ", 1, "not interrupted\n")]
)
def test_interrupt_while_modules_are_loaded_has_no_traceback(
    command: Path, tmp_path: Path, trap: str, code: int, message: str
) -> None:
    source = "import signal\nsignal.raise_signal(signal.SIGINT)\nraise SystemExit('not interrupted')\n"
    for module in ("argparse", "subprocess", "httpx"):  # each command loads one of these
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
    shell = ["bash", "-c", f"{trap}exec {shlex.join([sys.executable, str(command)])}"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(shell, capture_output=True, check=False, env=environment, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", message)
