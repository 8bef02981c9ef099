"""Corporate networks: real proxies, and a real TLS server with a certificate of a private authority."""

from __future__ import annotations

import asyncio
import re
import ssl
from pathlib import Path

import httpx
import pytest
from fakes import KINDS, WIRED, FakeClock, call_at, token
from raw_socket_servers import Authority, Proxy, SocketServer, run_proxy

from confluence_groups_sdk import (
    APIConnectionError,
    ApiToken,
    AsyncConfluenceGroups,
    ConfigurationError,
    ConfluenceGroups,
    RetryPolicy,
    aiohttp_client,
)

IDS = {"group_id": "g", "account_id": "a"}
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
ONCE = RetryPolicy(max_retries=0)
NEEDS_A_LOGIN = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


def remove_through(kind: str, site: SocketServer, context: ssl.SSLContext, proxy: str | None = None) -> bool:
    """Call through a caller's httpx client; return whether our client closed it."""
    if kind == "sync":
        with httpx.Client(verify=context, proxy=proxy) as http:
            with ConfluenceGroups(site.address, auth=token(), http_client=http, retry=ONCE) as groups:
                groups.remove_member(**IDS)
            return http.is_closed

    async def remove() -> bool:
        over_aiohttp = kind == "aiohttp"
        async with (
            aiohttp_client(verify=context) if over_aiohttp else httpx.AsyncClient(verify=context, proxy=proxy) as http
        ):
            async with AsyncConfluenceGroups(site.address, auth=token(), http_client=http, retry=ONCE) as groups:
                await groups.remove_member(**IDS)
            return http.is_closed

    return asyncio.run(remove())


# --- certificates


@pytest.mark.parametrize("kind", WIRED)
def test_an_untrusted_certificate_is_not_retried(kind: str, site: SocketServer) -> None:
    clock = FakeClock()
    with pytest.raises(APIConnectionError) as caught:
        call_at(kind, site.address, "remove_member", IDS, clock=clock)
    assert type(caught.value.__cause__) is httpx.ConnectError
    assert (site.connections, site.requests, clock.slept) == (1, [], [])


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.usefixtures("trusted_authority")
def test_the_environments_certificate_bundle_is_trusted(kind: str, site: SocketServer) -> None:
    call_at(kind, site.address, "remove_member", IDS)
    assert len(site.requests) == 1


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.usefixtures("trusted_authority")
def test_a_certificate_for_another_host_is_not_trusted(kind: str, site: SocketServer) -> None:
    with pytest.raises(APIConnectionError):
        call_at(kind, f"https://localhost:{site.port}", "remove_member", IDS, retry=ONCE)
    assert site.requests == []


@pytest.mark.parametrize("kind", WIRED)
def test_the_callers_ssl_context_is_used(kind: str, site: SocketServer, authority: Authority) -> None:
    assert remove_through(kind, site, authority.trusting()) is False
    assert len(site.requests) == 1


@pytest.mark.parametrize("kind", WIRED)
def test_the_callers_ssl_context_may_require_more_than_the_server_offers(
    kind: str, site: SocketServer, authority: Authority
) -> None:
    context = authority.trusting()
    context.set_ciphers("ECDHE-RSA-AES128-SHA256")  # a TLS 1.2 cipher for a kind of certificate that this server lacks
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(APIConnectionError):
        remove_through(kind, site, context)
    assert site.requests == []


# --- proxies from the environment


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.usefixtures("trusted_authority")
def test_the_environments_proxy_tunnels_and_never_sees_the_token(
    kind: str, variable: str, site: SocketServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, proxy.address)
    call_at(kind, site.address, "remove_member", IDS)
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT 127.0.0.1:{site.port} HTTP/1.1\r\n".encode())
    assert b"authorization" not in head.lower()
    assert b"confluence" not in head.lower()
    (request,) = site.requests
    secret = request.lower().partition(b"authorization: basic ")[2].partition(b"\r\n")[0]
    assert secret, "the site receives the token"
    seen = head + bytes(proxy.relayed)
    assert b"groupId" not in seen
    assert secret not in seen.lower()


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("exempt", ["127.0.0.1", "example.com, 127.0.0.1", "*"])
@pytest.mark.usefixtures("trusted_authority")
def test_hosts_in_no_proxy_are_connected_directly(
    kind: str, exempt: str, site: SocketServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    monkeypatch.setenv("NO_PROXY", exempt)
    call_at(kind, site.address, "remove_member", IDS)
    assert len(site.requests) == 1
    assert proxy.heads == []


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.usefixtures("trusted_authority")
def test_other_hosts_are_connected_through_the_proxy(
    kind: str, site: SocketServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    monkeypatch.setenv("NO_PROXY", "example.com,127.0.0.2")
    call_at(kind, site.address, "remove_member", IDS)
    assert len(proxy.heads) == len(site.requests) == 1


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("refusal", [NEEDS_A_LOGIN, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", b""])
@pytest.mark.usefixtures("trusted_authority")
def test_a_refusing_proxy_is_our_error_without_its_password(
    kind: str, refusal: bytes, site: SocketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_proxy(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address.replace("//", "//me:swordfish@"))
        with pytest.raises(APIConnectionError) as caught:
            call_at(kind, site.address, "remove_member", IDS, retry=ONCE)
        (head,) = proxy.heads
    assert b"proxy-authorization: basic " in head.lower()
    shown = f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"
    assert "swordfish" not in shown
    assert site.connections == 0


@pytest.mark.parametrize("kind", WIRED)
def test_an_unreachable_proxy_is_retried(kind: str, site: SocketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_proxy() as gone:
        pass
    monkeypatch.setenv("HTTPS_PROXY", gone.address)
    clock = FakeClock()
    with pytest.raises(APIConnectionError):
        call_at(kind, site.address, "add_member", IDS, clock=clock)
    assert (len(clock.slept), site.connections) == (4, 0)


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "carrier-pigeon://me:swordfish@proxy.example.com"),
        ("HTTPS_PROXY", "http://me:swordfish@proxy.example.com:port"),
        ("SSL_CERT_FILE", "/nowhere/swordfish.pem"),
    ],
)
def test_an_unusable_environment_is_an_error_without_the_proxys_password(
    kind: type[ConfluenceGroups] | type[AsyncConfluenceGroups],
    variable: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable) as caught:
        kind("https://your-domain.atlassian.net", auth=token())
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert "swordfish" not in str(caught.value)


def test_an_empty_certificate_bundle_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "empty.pem"
    bundle.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        ConfluenceGroups("https://your-domain.atlassian.net", auth=token())


# --- proxies of the caller's client


@pytest.mark.parametrize("kind", KINDS)
def test_the_callers_client_uses_its_own_proxy_and_stays_open(
    kind: str, site: SocketServer, proxy: Proxy, authority: Authority
) -> None:
    assert remove_through(kind, site, authority.trusting(), proxy.address) is False
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT 127.0.0.1:{site.port} ".encode())
    assert len(site.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_is_checked_behind_a_proxy(kind: str, site: SocketServer, proxy: Proxy) -> None:
    with pytest.raises(APIConnectionError):
        remove_through(kind, site, ssl.create_default_context(), proxy.address)
    assert site.requests == []


def test_the_program_in_the_documentation_runs(
    site: SocketServer, proxy: Proxy, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
    program, _, _ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for shown, here in [
        ("https://your-domain.atlassian.net", site.address),
        ("http://proxy.example.com:3128", proxy.address),
    ]:
        assert shown in program
        program = program.replace(shown, here)
    (tmp_path / "company-ca.pem").write_bytes(authority.bundle.read_bytes())
    monkeypatch.chdir(tmp_path)
    exec(program, {})
    assert len(proxy.heads) == len(site.requests) == 1


def test_raw_uses_the_same_proxy_as_calls(
    site: SocketServer, proxy: Proxy, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    from confluence_groups_sdk._generated.api.group import remove_member_from_group_by_group_id as generated

    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    with ConfluenceGroups(site.address, auth=ApiToken("me@example.com", "some-token")) as groups:
        assert generated.sync_detailed(client=groups.raw, **IDS).status_code == 204
    assert len(proxy.heads) == len(site.requests) == 1
