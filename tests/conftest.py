from __future__ import annotations

import os
import signal
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from confluence_groups_sdk.sandbox import Sandbox

if TYPE_CHECKING:
    from databases.embedded import EmbeddedPostgres
    from engine_fleet import Fleet  # beside the tests of the engine
    from raw_socket_servers import Authority, Proxy, SocketServer
    from shell import Shell  # beside the tests of the command line

    from confluence_groups_sdk.fleet import Postgres

# Examples have no deadlines. In CI they are always the same, elsewhere they are random. A run that repeats another
# may ask for fewer; the tests that state a number keep it.
settings.register_profile(
    "default", deadline=None, derandomize="CI" in os.environ, max_examples=int(os.environ.get("EXAMPLES", "100"))
)
settings.load_profile("default")


@pytest.fixture
def sandbox(confluence_sandbox: Sandbox) -> Sandbox:
    """Return the package's sandbox fixture under a shorter name."""
    return confluence_sandbox


@pytest.fixture
def shell(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return the command line on this sandbox."""
    from shell import Shell

    return Shell(sandbox, tmp_path, monkeypatch)


@pytest.fixture(scope="session", autouse=True)
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give this test process its own folder for temporary files: plans are locked there, and test plans are alike."""
    with pytest.MonkeyPatch.context() as patch:
        folder = str(tmp_path_factory.mktemp("temporary"))
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let Ctrl-C interrupt the programs that tests start; a shell's background jobs ignore it and pass this on."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove credentials, proxies and certificate authorities from the environment."""
    for name in ("SITE", "EMAIL", "API_TOKEN", "ACCESS_TOKEN", "CLOUD_ID", "FLEET_DSN", "PROFILE"):
        monkeypatch.delenv(f"CONFLUENCE_{name}", raising=False)
    bundles = ("ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle", "curl_ca_bundle")
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", *bundles):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# --- PostgreSQL; imported late, like what follows


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server for all tests of this process."""
    from databases.embedded import running_postgres

    with running_postgres() as running:
        yield running


@pytest.fixture
def schema(request: pytest.FixtureRequest) -> str:
    """The name of a schema that no other test uses."""
    return f"test_{zlib.crc32(request.node.nodeid.encode()):08x}"


@pytest.fixture
def shared(server: EmbeddedPostgres, schema: str) -> Iterator[Postgres]:
    """A Postgres with tables of its own."""
    from confluence_groups_sdk.fleet import Postgres

    with Postgres(server.dsn, schema=schema) as postgres:
        postgres.init()
        yield postgres


@pytest.fixture
def fleet(server: EmbeddedPostgres, shared: Postgres, schema: str, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet without sites and workers."""
    from engine_fleet import Fleet

    fleet = Fleet(server, shared, schema, tmp_path)
    try:
        yield fleet
    finally:
        fleet.close()


# --- TLS and proxies on loopback; imported late, because cassettes are also replayed without what they need


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A private certificate authority, which no client trusts."""
    from raw_socket_servers import Authority

    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted_authority(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The same, trusted by the clients that use the environment."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    return authority


@pytest.fixture
def site(authority: Authority) -> Iterator[SocketServer]:
    """A server with a certificate of the authority, which answers every request with 204."""
    from raw_socket_servers import reply_with, serve

    with serve(reply_with(b"HTTP/1.1 204 No Content\r\n\r\n"), tls=authority.server) as wires:
        yield wires


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy that tunnels to loopback."""
    from raw_socket_servers import run_proxy

    with run_proxy() as running:
        yield running
