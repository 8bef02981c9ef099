"""Run Python programs without the seconds that their imports take: a process that has them loaded forks for each run.

A run has its own arguments, folder, variables and streams, as one that is started has, and so has the Python that it
starts itself. Two things differ: the modules in scripts/ are those of this project, also for a copy of it, and the
variables that the interpreter reads at its start have no effect. The generated package and the public surface are
computed once for each content of the files that decide them.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import os
import pickle
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
_really_start = subprocess.run


def run_warm(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a Python program, and return what it printed."""
    server = _start_server()
    assert server.stdin
    assert server.stdout
    request = {"command": [*command], "folder": str(folder), "variables": {**variables}}
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    answer = json.loads(server.stdout.readline())
    return subprocess.CompletedProcess(command, **answer)


@functools.cache
def _start_server() -> subprocess.Popen[str]:
    """Start the process that forks; it ends with this one."""
    variables = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(SCRIPTS)}  # the generator is started with this
    server = subprocess.Popen(
        [sys.executable, "-B", __file__],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    atexit.register(server.communicate)
    return server


# --- what follows runs in the process that forks


def serve() -> None:
    """Answer each request, a line, with the code and the output of its run, a line."""
    import gc

    import dateutil.parser
    import httpx
    import openapi_python_client.cli
    import openapi_spec_validator
    import regenerate

    del dateutil, httpx, openapi_python_client, openapi_spec_validator, regenerate  # they are only loaded
    _remember_results()
    assert "confluence_groups_sdk" not in sys.modules, "a run loads that of its own project"
    gc.disable()  # as the command does
    requests, answers = sys.stdin, os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in requests:
        request = json.loads(line)
        done = _run_forked(request["command"], cwd=request["folder"], env=request["variables"])
        json.dump({"returncode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}, answers)
        print(file=answers, flush=True)


def _remember_results() -> None:
    """Let the two slow steps of a run use what an earlier one found, by the content of what they read."""
    from codegen import generator
    from versioning import python_api, released

    def generator_inputs(fragment: Path, config: Path, workspace: Path, *, operations: int) -> object:
        del workspace
        return fragment.read_bytes(), config.read_bytes(), operations

    def surface_inputs(root: Path) -> object:
        package = root / python_api.PACKAGE
        return sorted(
            (path.as_posix(), (root / path).read_bytes())
            for path in (each.relative_to(root) for each in package.rglob("*.py"))
            if path.parts[1] not in python_api.NOT_READ
        )

    generator.generate = _remember(generator.generate, generator_inputs)
    released.read_surface = _remember(python_api.read_surface, surface_inputs)  # type: ignore[attr-defined]  # imported


def _remember(function: Callable[P, T], inputs: Callable[P, object]) -> Callable[P, T]:
    """Return a function that keeps results in files, because each run has a process of its own; errors are not kept."""
    folder = Path(tempfile.mkdtemp())

    def remembering(*arguments: P.args, **named: P.kwargs) -> T:
        file = folder / hashlib.sha256(pickle.dumps(inputs(*arguments, **named))).hexdigest()
        if not file.exists():
            result = function(*arguments, **named)
            file.write_bytes(pickle.dumps(result))
        kept: T = pickle.loads(file.read_bytes())
        return kept

    return remembering


def _run_forked(
    command: Sequence[str], *, cwd: str | Path | None = None, env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Stand in for `subprocess.run` with captured text, where the command is Python's."""
    with ExitStack() as stack:
        streams = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write((options.get("input") or "").encode())
        streams[0].seek(0)
        sys.stdout.flush()  # or the fork would print it, too
        sys.stderr.flush()
        child = os.fork()
        if not child:
            for number, stream in enumerate(streams):
                os.dup2(stream.fileno(), number)
            _become(command, cwd or Path.cwd(), os.environ if env is None else env)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output = []
        for stream in streams[1:]:
            stream.seek(0)
            output.append(stream.read().decode(errors="replace"))
    return subprocess.CompletedProcess(command, code, *output)


def _become(command: Sequence[str], folder: str | Path, variables: Mapping[str, str]) -> NoReturn:
    """Run a command in this process, which then ends."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(variables)
        os.chdir(folder)
        tempfile.tempdir = None
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, encoding="utf-8", errors=errors, closefd=False)
            for number, mode, errors in ((0, "r", "strict"), (1, "w", "strict"), (2, "w", "backslashreplace"))
        )
        arguments = [*command[1:]]
        while arguments[0] in ("-I", "-B"):
            arguments.pop(0)
        subprocess.run = _start  # type: ignore[assignment]  # with the parameters that the scripts use
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # as the interpreter does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _start(command: Any, *positional: Any, **options: Any) -> Any:
    """Fork for Python's own commands, and start the others, such as the formatter."""
    if isinstance(command, list) and command[0] == sys.executable:
        return _run_forked(command, **options)
    return _really_start(command, *positional, **options)


if __name__ == "__main__":
    serve()
