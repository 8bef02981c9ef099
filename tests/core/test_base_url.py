from __future__ import annotations

import httpx
import pytest

from confluence_groups_sdk import ApiToken, AsyncConfluenceGroups, BearerToken, ConfigurationError, ConfluenceGroups
from confluence_groups_sdk._support.base_url import GATEWAY, gateway_base, site_base
from confluence_groups_sdk.auth.environment import read_connection

SITE = "https://your-domain.atlassian.net"


@pytest.mark.parametrize(
    ("site", "base"),
    [
        (SITE, f"{SITE}/wiki/rest"),
        (f"{SITE}/", f"{SITE}/wiki/rest"),
        (f"{SITE}/wiki", f"{SITE}/wiki/rest"),
        (f"{SITE}/wiki/rest/", f"{SITE}/wiki/rest"),
        ("HTTPS://Your-Domain.atlassian.net", f"{SITE}/wiki/rest"),
        ("https://example.com:8443/wiki", "https://example.com:8443/wiki/rest"),
        ("https://example.com.", "https://example.com./wiki/rest"),
        ("https://bücher.example", "https://xn--bcher-kva.example/wiki/rest"),
        ("http://localhost:8080", "http://localhost:8080/wiki/rest"),
        ("http://127.0.0.1", "http://127.0.0.1/wiki/rest"),
        ("http://127.8.9.1:1", "http://127.8.9.1:1/wiki/rest"),
        ("http://[::1]:8080", "http://[::1]:8080/wiki/rest"),
    ],
)
def test_accepted_forms_of_a_site(site: str, base: str) -> None:
    assert site_base(site) == base
    assert site_base(site_base(site)) == base


@pytest.mark.parametrize(
    ("site", "part"),
    [
        ("", "give an address"),
        ("your-domain.atlassian.net", "https://"),
        ("//your-domain.atlassian.net", "https://"),
        ("ftp://your-domain.atlassian.net", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https://", "https://"),
        ("http://your-domain.atlassian.net", "plain http"),
        ("http://localhost.example.com", "plain http"),
        ("http://127.0.0.1.example.com", "plain http"),
        ("http://10.0.0.1", "plain http"),
        ("http://0.0.0.0", "plain http"),
        ("http://127.0.0.1@example.com", "no credentials"),
        ("https://me:secret@example.com", "no credentials"),
        (f"{SITE}?a=1", "no credentials, query"),
        (f"{SITE}#top", "no credentials, query"),
        (f"{SITE}?", "no credentials, query"),
        (f"{SITE}#", "no credentials, query"),
        ("https://a..invalid", "cannot exist"),
        ("https://.invalid", "cannot exist"),
        (f"https://{'a' * 64}.invalid", "cannot exist"),
        ("https://example.com:0", "cannot exist"),
        ("https://example.com:99999", "cannot exist"),
        (f"{SITE}/wiki/rest/api", "only /wiki or /wiki/rest"),
        (f"{SITE}/jira", "only /wiki or /wiki/rest"),
        (f"{SITE}/wiki/../admin", "only /wiki or /wiki/rest"),
        (f"{GATEWAY}/ex/confluence/some-id", "for_cloud"),
        (GATEWAY, "for_cloud"),
        (f"{SITE}\n", "without spaces"),
        (f" {SITE}", "without spaces"),
        ("https://example.com:port", "not a valid address"),
        ("https:\\\\example.com", "without spaces"),
        (None, "give an address"),
        (b"https://example.com", "give an address"),
    ],
)
def test_other_forms_of_a_site_are_an_error(site: object, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part) as caught:
        site_base(site)  # type: ignore[arg-type] # on purpose
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("cloud_id", "quoted"), [("11223344-a1b2", "11223344-a1b2"), ("a/../b", "a%2F..%2Fb"), ("a?b", "a%3Fb")]
)
def test_a_cloud_id_stays_one_segment(cloud_id: str, quoted: str) -> None:
    base = gateway_base(cloud_id, GATEWAY)
    assert base == f"{GATEWAY}/ex/confluence/{quoted}/wiki/rest"
    assert httpx.URL(base).raw_path == f"/ex/confluence/{quoted}/wiki/rest".encode()


@pytest.mark.parametrize("cloud_id", ["", " ", ".", "..", "a\nb", None])
def test_a_malformed_cloud_id_is_an_error(cloud_id: object) -> None:
    with pytest.raises(ConfigurationError, match="cloud_id"):
        gateway_base(cloud_id, GATEWAY)  # type: ignore[arg-type] # on purpose


@pytest.mark.parametrize("gateway", ["http://gateway.example.com", "https://gateway.example.com/ex", "gateway"])
def test_a_malformed_gateway_is_an_error(gateway: str) -> None:
    with pytest.raises(ConfigurationError, match="gateway"):
        ConfluenceGroups.for_cloud("some-id", auth=BearerToken("t"), gateway=gateway)


def variables(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"CONFLUENCE_{name}", value)


def test_site_and_api_token_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    variables(monkeypatch, SITE=SITE, EMAIL="me@example.com", API_TOKEN="t")
    base, auth = read_connection(GATEWAY)
    assert base == f"{SITE}/wiki/rest"
    assert isinstance(auth, ApiToken)


def test_a_cloud_id_means_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    variables(monkeypatch, SITE=SITE, CLOUD_ID="some-id", ACCESS_TOKEN="t")
    base, auth = read_connection(GATEWAY)
    assert base == f"{GATEWAY}/ex/confluence/some-id/wiki/rest"
    assert isinstance(auth, BearerToken)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({}, "CONFLUENCE_SITE"),
        ({"SITE": ""}, "CONFLUENCE_SITE"),
        ({"SITE": SITE}, "no credentials"),
        ({"SITE": SITE, "EMAIL": "me@example.com"}, "CONFLUENCE_API_TOKEN is not set"),
        ({"SITE": SITE, "API_TOKEN": "t"}, "CONFLUENCE_EMAIL is not set"),
        ({"SITE": SITE, "EMAIL": "me@example.com", "API_TOKEN": "t", "ACCESS_TOKEN": "u"}, "both kinds"),
        ({"SITE": SITE, "EMAIL": "me@example.com", "ACCESS_TOKEN": "u"}, "both kinds"),
        ({"SITE": SITE, "API_TOKEN": "t", "ACCESS_TOKEN": "u"}, "both kinds"),
        ({"SITE": "http://example.com", "ACCESS_TOKEN": "u"}, "plain http"),
    ],
)
def test_an_incomplete_environment_is_an_error(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], part: str
) -> None:
    variables(monkeypatch, **values)
    with pytest.raises(ConfigurationError, match=part):
        ConfluenceGroups.from_env()


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
@pytest.mark.parametrize("cloud_id", ["11223344-a1b2-4b33-c444-def123456789", "a/b c", "ü"])
def test_a_client_identifies_its_site(
    kind: type[ConfluenceGroups] | type[AsyncConfluenceGroups], cloud_id: str
) -> None:
    auth = ApiToken("me@example.com", "token")
    assert kind.for_cloud(cloud_id, auth=auth).site == cloud_id
    assert kind("https://Your-Domain.atlassian.net/wiki", auth=auth).site == "your-domain.atlassian.net"
    assert kind("http://127.0.0.1:8080", auth=auth).site == "127.0.0.1:8080"
