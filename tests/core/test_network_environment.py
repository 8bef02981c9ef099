"""The environment's proxies, NO_PROXY as people write it, and the variables that name certificate authorities."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from fakes import WIRED, call_at, token
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_socket_servers import Authority, Proxy, SocketServer, reply_with, serve

from confluence_groups_sdk import (
    APIConnectionError,
    AsyncConfluenceGroups,
    BearerToken,
    ConfigurationError,
    ConfluenceGroups,
    MemoryTokenStore,
    OAuth2,
    RetryPolicy,
    Tokens,
    aiohttp_client,
    discover_sites,
)
from confluence_groups_sdk._core.transport.proxies import NoProxy, parse_no_proxy

SITE = "https://your-domain.atlassian.net"
IDS = {"group_id": "g", "account_id": "a"}
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
ONCE = RetryPolicy(max_retries=0)

IN_THE_WILD = [
    "::1/128",
    "fd00::/8",
    "[::1]",
    "<local>",
    "localhost,127.0.0.1,::1/128,fd00::/8,<local>",
    "a b,c;d",
    "10.0.0.0/8",
    "*.corp",
    ".corp",
    "corp:8080",
    "corp:port",
    ",, ,",
    " ",
    "bücher.example",
    "xn--zzzzzz.example",
    "http://x",
    "https://x:port",
    "[::1",
    "::1]",
    "256.256.256.256",
    "a" * 300,
    "\udcff",
    "https://[",
    "*corp",
    "http://me:swordfish@x",
]


def build(kind: str) -> None:
    """Build a client, and close it."""
    if kind == "sync":
        ConfluenceGroups(SITE, auth=token()).close()
        return

    async def build_async() -> None:
        if kind == "aiohttp":
            await aiohttp_client().aclose()
        else:
            await AsyncConfluenceGroups(SITE, auth=token()).aclose()

    asyncio.run(build_async())


def covers(text: str, address: str) -> bool:
    return parse_no_proxy("NO_PROXY", text).covers(httpx.URL(address))


# --- NO_PROXY


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("text", IN_THE_WILD)
def test_a_client_is_built_with_no_proxy_as_found_in_the_wild(
    kind: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", text)
    monkeypatch.setenv("no_proxy", text)
    before = dict(os.environ)
    build(kind)
    assert dict(os.environ) == before


@given(
    text=st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from("[]:/.*,;<>@%-\udc80")
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_in_no_proxy_keeps_a_client_from_being_built(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", text)
    parse_no_proxy.cache_clear()
    mounted = _mounts()
    assert set(mounted) in ({"https://"}, set())


def _mounts() -> dict[str, object]:
    from confluence_groups_sdk._core.transport.http_client import proxy_mounts

    return dict(proxy_mounts(httpx.Client, CONTEXT) or {})


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@given(text=st.text(), host=st.from_regex(r"[a-z][a-z0-9]{0,9}(\.[a-z]{1,9}){0,2}", fullmatch=True))
def test_parsing_never_fails_and_a_host_of_its_own_is_always_covered(text: str, host: str) -> None:
    rules = parse_no_proxy("NO_PROXY", text)
    assert isinstance(rules.covers(httpx.URL(f"https://{host}")), bool)
    assert covers(f"{text},{host}", f"https://{host}")
    assert covers(f"{host} {text}", f"https://www.{host}:8443")


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(
    "exempt",
    [
        "<local>;127.0.0.1",
        "::1/128 127.0.0.0/8",
        "127.0.0.1/32",
        "fd00::/8,127.0.0.1:PORT",
        "https://127.0.0.1",
        "http://x,*",
    ],
)
@pytest.mark.usefixtures("trusted_authority")
def test_usable_entries_are_honoured(
    kind: str, exempt: str, site: SocketServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    monkeypatch.setenv("NO_PROXY", exempt.replace("PORT", str(site.port)))
    call_at(kind, site.address, "remove_member", IDS)
    assert len(site.requests) == 1
    assert proxy.heads == []


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(
    "exempt", ["<local>", "::1/128 10.0.0.0/8", "127.0.0.1:1", "http://127.0.0.1", "[::1]", "127."]
)
@pytest.mark.usefixtures("trusted_authority")
def test_hosts_that_no_entry_names_go_through_the_proxy(
    kind: str, exempt: str, site: SocketServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    monkeypatch.setenv("NO_PROXY", exempt)
    call_at(kind, site.address, "remove_member", IDS)
    assert len(proxy.heads) == len(site.requests) == 1


@pytest.mark.parametrize(
    ("text", "covered", "others"),
    [
        ("corp", ["corp", "a.corp", "A.CORP", "corp.", "corp:8443"], ["acorp", "corp.example"]),
        (".corp", ["a.corp", "a.b.corp"], ["corp", "acorp"]),
        ("*.corp", ["a.corp", "a.b.corp"], ["corp", "acorp"]),
        ("corp.", ["corp", "a.corp"], ["acorp"]),
        ("corp:8443", ["corp:8443", "a.corp:8443"], ["corp", "corp:443", "corp:84"]),
        ("corp:443", ["corp", "a.corp:443"], ["corp:8443"]),
        ("https://corp", ["corp"], ["acorp"]),
        ("all://corp:8443/path", ["corp:8443"], ["corp"]),
        ("http://corp", [], ["corp"]),
        ("10.0.0.0/8", ["10.1.2.3", "10.1.2.3:8443"], ["11.0.0.1", "a.10.0.0.0"]),
        ("10.0.0.0/255.0.0.0", ["10.1.2.3"], ["11.0.0.1"]),
        ("10.0.0.1", ["10.0.0.1"], ["10.0.0.2", "110.0.0.1"]),
        ("10.0.0.0/8:8443", ["10.1.2.3:8443"], ["10.1.2.3"]),
        ("::1", ["[::1]", "[0:0:0:0:0:0:0:1]:8443"], ["[::2]"]),
        ("[::1]", ["[::1]"], ["[::2]"]),
        ("[::1]:8443", ["[::1]:8443"], ["[::1]"]),
        ("::1/128", ["[::1]"], ["[::2]"]),
        ("[fd00::]/8", ["[fd00::1]", "[fdff::1]"], ["[fe00::1]"]),
        ("fe80::1%eth0", ["[fe80::1]"], []),
        ("BÜCHER.example", ["bücher.example", "xn--bcher-kva.example", "a.bücher.example"], ["bucher.example"]),
        ("a b,c;d\te\n", ["a", "b", "c", "d", "e"], ["f", "bc"]),
        ("x,*", ["x", "y", "10.0.0.1", "[::1]"], []),
        ("", [], ["a"]),
        ("*corp, 10., 256.1.1.1, 10.0.0.0-10.0.0.9, <local>, -", [], ["corp", "acorp", "10.0.0.1", "local"]),
    ],
)
def test_what_each_form_means(text: str, covered: list[str], others: list[str]) -> None:
    rules = parse_no_proxy("NO_PROXY", text)
    assert [each for each in covered if not rules.covers(httpx.URL(f"https://{each}"))] == []
    assert [each for each in others if rules.covers(httpx.URL(f"https://{each}"))] == []


@pytest.mark.parametrize("kind", WIRED)
def test_ignored_entries_are_named_in_one_line(
    kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    parse_no_proxy.cache_clear()
    monkeypatch.setenv("no_proxy", "<local>,corp;http://x 10.,::1/129")
    build(kind)
    build(kind)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    text = record.getMessage()
    assert "no_proxy" in text
    for entry in ("<local>", "http://x", "10.", "::1/129"):
        assert entry in text
    assert "corp" not in text
    monkeypatch.setenv("NO_PROXY", "ignored, because the lower-case variable counts: <other>")
    build(kind)
    assert len(caplog.records) == 1
    monkeypatch.setenv("no_proxy", "<other>")
    build(kind)
    assert len(caplog.records) == 2


def test_a_long_or_unprintable_no_proxy_gives_a_short_printable_line(caplog: pytest.LogCaptureFixture) -> None:
    parse_no_proxy.cache_clear()
    parse_no_proxy("NO_PROXY", "\udcff<\x1b[2J>," + ",".join(f"<{number}>" for number in range(500)))
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 400
    assert "481 more" in record.getMessage()


@pytest.mark.parametrize(
    "text",
    [
        "http://me:swordfish@x",
        "ftp://me:swordfish@x,<local>",
        "me:swordfish@x!",
        "<local>,http://me:sword,<swordfish>;fish<@x",
        "http://me:swordfish",
        "ftp://swordfish@x",
        "me:swordfish/8",
    ],
)
def test_a_password_in_no_proxy_is_not_logged(text: str, caplog: pytest.LogCaptureFixture) -> None:
    parse_no_proxy.cache_clear()
    parse_no_proxy("NO_PROXY", text)
    assert "sword" not in caplog.text
    assert "REDACTED" in caplog.text
    assert ("<local>" in text) is ("<local>" in caplog.text)


@pytest.mark.usefixtures("trusted_authority")
def test_each_request_of_a_client_has_its_own_route(
    site: SocketServer, proxy: Proxy, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client with OAuth2 talks to a site and to an authority; here only the authority is in NO_PROXY."""
    fresh = b'{"access_token": "new", "refresh_token": "next", "expires_in": 3600, "token_type": "Bearer"}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(fresh)
    with serve(reply_with(head + fresh), tls=authority.server) as tokens:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        monkeypatch.setenv("NO_PROXY", f"<local> 127.0.0.1:{tokens.port}")
        auth = OAuth2("id", "secret", MemoryTokenStore(Tokens("old", "refresh", 0.0)), authority=tokens.address)
        with ConfluenceGroups.for_cloud("c", auth=auth, gateway=site.address) as groups:
            groups.remove_member(**IDS)
    assert len(tokens.requests) == len(site.requests) == 1
    (tunnel,) = proxy.heads
    assert tunnel.startswith(f"CONNECT 127.0.0.1:{site.port} ".encode())


# --- proxies


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    "value",
    [
        "carrier-pigeon://me:swordfish@proxy.example.com",
        "http://me:swordfish@proxy.example.com:port",
        "http://me:12#swordfish@proxy.example.com:3128",
        "http://me:12/swordfish@proxy.example.com:3128",
        "http://me:12?swordfish@proxy.example.com:3128",
        "http://",
        ":3128",
        "http://[::1",
        "http://pro xy:80",
        "http://a\x7f.example",
        "://",
        "http://me:swordfish@proxy.example.com:0",
        "http://me:swordfish@proxy.example.com:65536",
        "http://me:swordfish@proxy.example.com:-1",
        f"http://me:swordfish@{'a' * 64}.example.com:3128",
        "http://me:swordfish@.proxy.example.com:3128",
        "http://me:swordfish@proxy..example.com:3128",
    ],
)
def test_a_malformed_proxy_is_an_error_that_names_the_variable(
    kind: str, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("NO_PROXY", "<local>,example.com")
    with pytest.raises(ConfigurationError, match=variable) as caught:
        build(kind)
    assert "swordfish" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    frames = caught.value.__traceback__
    while frames is not None:
        if "confluence_groups_sdk" in frames.tb_frame.f_code.co_filename:
            assert "swordfish" not in repr(frames.tb_frame.f_locals)
        frames = frames.tb_next


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
def test_socks_without_its_extra_is_an_error_that_names_the_variable(
    kind: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv(variable, "socks5://me:swordfish@proxy.example.com")
    with pytest.raises(ConfigurationError, match=variable) as caught:
        build(kind)
    assert "httpx[socks]" in str(caught.value)
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.usefixtures("trusted_authority")
def test_https_proxy_counts_before_all_proxy(
    kind: str, site: SocketServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "carrier-pigeon://")
    monkeypatch.setenv("HTTPS_PROXY", f" {proxy.address.removeprefix('http://')}\r")
    call_at(kind, site.address, "remove_member", IDS)
    assert len(proxy.heads) == 1


@pytest.mark.parametrize("kind", WIRED)
def test_the_systems_proxy_settings_are_used(
    kind: str, proxy: Proxy, site: SocketServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    monkeypatch.setattr(
        "confluence_groups_sdk._core.transport.http_client.getproxies", lambda: {"https": proxy.address}
    )
    call_at(kind, site.address, "remove_member", IDS)
    assert len(proxy.heads) == 1


@pytest.mark.parametrize("kind", WIRED)
def test_plain_http_uses_no_environment(kind: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    monkeypatch.setenv("ALL_PROXY", proxy.address)
    if kind != "aiohttp":  # whose client is built for any site
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    with serve(reply_with(DONE)) as wires:
        call_at(kind, wires.address, "remove_member", IDS)
        assert len(wires.requests) == 1
    assert proxy.heads == []


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.usefixtures("trusted_authority")
def test_a_proxy_that_speaks_tls_is_checked_with_the_same_authorities(
    kind: str, site: SocketServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with serve(reply_with(refusal), tls=authority.server) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        with pytest.raises(APIConnectionError):
            call_at(kind, site.address, "remove_member", IDS, retry=ONCE)
        assert len(proxy.requests) == 1


# --- certificate authorities


@pytest.mark.parametrize("kind", [*WIRED, "discover_sites"])
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_is_trusted(kind: str, variable: str, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, str(authority.bundle))
    if kind == "discover_sites":
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
        with serve(reply_with(answer), tls=authority.server) as gateway:
            assert discover_sites(BearerToken("some-token"), gateway=gateway.address) == []
        return
    with serve(reply_with(DONE), tls=authority.server) as wires:
        call_at(kind, wires.address, "remove_member", IDS)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
@pytest.mark.skipif(shutil.which("openssl") is None, reason="the names in such a folder are made by openssl")
def test_a_folder_is_trusted(
    kind: str, variable: str, site: SocketServer, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", str(authority.bundle)], capture_output=True, check=True, text=True
    )
    (tmp_path / f"{hashed.stdout.strip()}.0").write_bytes(authority.bundle.read_bytes())
    monkeypatch.setenv(variable, str(tmp_path))
    call_at(kind, site.address, "remove_member", IDS)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
        ("SSL_CERT_FILE", "CURL_CA_BUNDLE"),
        ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    ],
)
def test_the_first_variable_counts(
    kind: str, first: str, second: str, site: SocketServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(first, str(authority.bundle))
    monkeypatch.setenv(second, "/nowhere/at/all.pem")
    call_at(kind, site.address, "remove_member", IDS)
    monkeypatch.setenv(first, "")  # as good as not set
    with pytest.raises(ConfigurationError, match=second):
        build(kind)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\x30\x82\x01\x0a", "a folder"])
def test_an_unusable_bundle_is_an_error_that_names_the_variable(
    kind: str, variable: str, content: bytes | str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "swordfish.pem"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    monkeypatch.setenv(variable, str(path))
    if content == "a folder" and variable in ("SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        build(kind)
        return
    with pytest.raises(ConfigurationError, match=variable) as caught:
        build(kind)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert "swordfish" not in str(caught.value)


def test_a_context_of_the_caller_needs_no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    asyncio.run(aiohttp_client(verify=ssl.create_default_context()).aclose())
    asyncio.run(aiohttp_client(verify=False).aclose())


def test_without_variables_the_public_authorities_are_trusted() -> None:
    import certifi

    from confluence_groups_sdk._core.transport.http_client import build_ssl_context

    expected = ssl.create_default_context(cafile=certifi.where())
    assert build_ssl_context().cert_store_stats() == expected.cert_store_stats()
    assert parse_no_proxy("NO_PROXY", "") == NoProxy()
