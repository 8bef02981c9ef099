"""The connection to PostgreSQL with ``sslmode=verify-full``: TLS as the server speaks it, in front of a server without.

The PostgreSQL that pip installs is built without TLS, so a relay speaks it; libpq cannot tell the difference.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from attrs import frozen
from databases.embedded import EmbeddedPostgres
from databases.relay import Relay, running_relay
from membership_fakes import OPEN, client, removals, team

from confluence_groups_sdk import ApiToken, ConfigurationError, ConfluenceGroups, Tokens
from confluence_groups_sdk.fleet import JobPhase, OffboardRequest, Postgres, site_job
from confluence_groups_sdk.membership import apply, read_journal
from confluence_groups_sdk.sandbox import Sandbox

PASSWORD = "pass wörd/42"


@frozen
class Encrypted:
    """A database that can be reached with TLS only.

    Attributes:
        relay: speaks TLS.
        bundle: the file with the authority of its certificate.
    """

    relay: Relay
    bundle: Path

    def dsn(self, *, host: str = "localhost", mode: str = "verify-full", bundle: Path | None = None) -> str:
        """Return an address."""
        root = quote(str(bundle or self.bundle), safe="")
        user = f"postgres:{quote(PASSWORD, safe='')}"
        return f"postgresql://{user}@{host}:{self.relay.port}/postgres?sslmode={mode}&sslrootcert={root}"


@pytest.fixture
def encrypted(server: EmbeddedPostgres, tmp_path: Path) -> Iterator[Encrypted]:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with running_relay(server.port, context) as relay:
        yield Encrypted(relay, tmp_path / "authority.pem")


@pytest.fixture
def encrypted_shared(encrypted: Encrypted, schema: str) -> Iterator[Postgres]:
    with Postgres(encrypted.dsn(), schema=schema) as postgres:
        postgres.init()
        yield postgres


def test_the_connection_is_encrypted(encrypted_shared: Postgres) -> None:
    connection = encrypted_shared._connections.connect()
    with connection:
        assert connection.pgconn.ssl_in_use


def test_a_journal_a_rate_and_tokens_are_used_with_tls(encrypted_shared: Postgres, sandbox: Sandbox) -> None:
    shared, auth = encrypted_shared, ApiToken(*sandbox.admin)
    limiter = shared.rate_limiter(sandbox.url, when_down="raise")
    with ConfluenceGroups(sandbox.url, auth=auth, rate_limiter=limiter) as groups:
        plan = removals(groups, team(sandbox)[:20])
        assert apply(groups, plan, journal=shared.journal(plan)).unfinished == ()
    assert len(read_journal(shared.journal(plan)).results) == 20
    (site,) = shared.sites()
    assert site.processes == 1, "the rate was shared"
    tokens = Tokens("access", "refresh", 1.0)
    with shared.token_store("site").lock():
        shared.token_store("site").save(tokens)
    assert shared.token_store("site").load() == tokens


def test_a_job_is_done_with_tls(encrypted_shared: Postgres, sandbox: Sandbox) -> None:
    request = OffboardRequest(id="leavers/acme", site="acme", people=team(sandbox), guards=OPEN, needs_approval=False)
    done = site_job(encrypted_shared, lambda _site: client(sandbox), request)
    assert (done.phase, done.counts.done) == (JobPhase.DONE, 40)


def error_of(function: Callable[[], object], reason: str) -> str:
    """Return the text of the error that a function raises."""
    with pytest.raises(ConfigurationError, match=reason) as caught:
        function()
    return str(caught.value)


def other_authority(encrypted: Encrypted) -> str:
    path = encrypted.bundle.with_name("other.pem")
    trustme.CA().cert_pem.write_to_path(str(path))
    return encrypted.dsn(bundle=path)


def other_host(encrypted: Encrypted) -> str:
    return encrypted.dsn(host="127.0.0.1")


def missing_file(encrypted: Encrypted) -> str:
    return encrypted.dsn(bundle=encrypted.bundle.with_name("missing.pem"))


@pytest.mark.parametrize(
    ("address", "host", "reason"),
    [
        (other_authority, "localhost", "certificate verify failed"),
        (other_host, "127.0.0.1", 'server certificate for "localhost" does not match host name "127.0.0.1"'),
        (missing_file, "localhost", "root certificate file .*missing.pem. does not exist"),
    ],
)
def test_a_server_that_is_not_trusted_is_an_error_that_names_it(
    encrypted: Encrypted,
    sandbox: Sandbox,
    schema: str,
    caplog: pytest.LogCaptureFixture,
    address: Callable[[Encrypted], str],
    host: str,
    reason: str,
) -> None:
    caplog.set_level("WARNING", "confluence_groups_sdk")
    with ExitStack() as stack:
        shared = stack.enter_context(Postgres(address(encrypted), schema=schema))
        groups = stack.enter_context(client(sandbox))
        limiter = shared.rate_limiter(sandbox.url, when_down="raise")
        paced = stack.enter_context(client(sandbox, rate_limiter=limiter))
        plan = removals(groups, team(sandbox)[:1])
        uses: list[Callable[[], object]] = [
            shared.init,
            shared.jobs.list,
            lambda: apply(groups, plan, journal=shared.journal(plan)),
            lambda: shared.token_store("site").load(),
        ]
        errors = [error_of(use, reason) for use in uses]
        errors.append(error_of(paced.current_user, f"the shared rate limiter.*{reason}"))
        shared_limiter = shared.rate_limiter(sandbox.url)
        stack.enter_context(client(sandbox, rate_limiter=shared_limiter)).current_user()
    for error in (*errors, caplog.text):
        assert f"PostgreSQL at postgres@{host}:{encrypted.relay.port}/postgres" in error
        assert not any(form in error for form in (PASSWORD, quote(PASSWORD, safe=""), "wörd"))
    assert re.search(reason, caplog.text), "the rate limiter that goes on warns of the reason"
    assert not [each for each in sandbox.requests if each.method == "DELETE"]


def test_a_server_without_tls_is_an_error(server: EmbeddedPostgres, schema: str) -> None:
    dsn = f"{server.dsn.replace('postgres@', 'postgres:secret-42@')}?sslmode=verify-full&sslrootcert=system"
    with Postgres(dsn, schema=schema) as shared:
        with pytest.raises(ConfigurationError, match="server does not support SSL") as caught:
            shared.init()
        assert "secret-42" not in str(caught.value)
