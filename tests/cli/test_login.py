"""Logging in with OAuth 2.0 and with an API token, and logging out."""

from __future__ import annotations

import io
import json
import socket
import sys
import threading
import traceback
import webbrowser
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError
from shell import Result, Shell

from confluence_groups_sdk import APIError, AuthenticationError, ConfigurationError
from confluence_groups_sdk.cli.commands import login as login_command
from confluence_groups_sdk.cli.options import ConnectionOptions
from confluence_groups_sdk.cli.session import keyring_store, state_store
from confluence_groups_sdk.cli.session.client_factory import find_source
from confluence_groups_sdk.cli.session.oauth_callback import CONSENT_TIMEOUT_S, CallbackServer
from confluence_groups_sdk.cli.terminal import RefusedError
from confluence_groups_sdk.sandbox import Answer

Visit = Callable[[str], object]


def agree(page: str) -> None:
    httpx.get(page, follow_redirects=True, trust_env=False).raise_for_status()


@pytest.fixture
def unconfigured_shell(shell: Shell) -> Shell:
    """Return a shell without a site and without credentials, on a machine where a sandbox runs."""
    shell.sign_in(None)
    shell.note_sandbox()
    return shell


@pytest.fixture
def login(unconfigured_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that logs in with a simulated browser."""

    def run(*options: str, visit: Visit = agree) -> Result:
        threads: list[threading.Thread] = []

        def open_page(page: str) -> bool:
            threads.append(threading.Thread(target=visit, args=(page,)))
            threads[-1].start()
            return True

        monkeypatch.setattr(webbrowser, "open", open_page)
        result = unconfigured_shell.run("login", "--sandbox", "--port", "0", *options)
        for thread in threads:
            thread.join()
        return result

    return run


def test_consent_logs_in(unconfigured_shell: Shell, login: Callable[..., Result]) -> None:
    result = login()
    assert result.code == 0
    assert (
        f"logged in to {unconfigured_shell.sandbox.url} (cloud id {unconfigured_shell.sandbox.cloud_id})" in result.out
    )
    secret = unconfigured_shell.sandbox.oauth_client.client_secret
    assert secret not in result.out + result.err
    state_store.remove(state_store.SANDBOX)
    assert json.loads(unconfigured_shell.run("users", "me", "-o", "json").out)["display_name"] == "Ada Okafor"
    assert unconfigured_shell.sandbox.requests[-1].target.startswith(
        f"/ex/confluence/{unconfigured_shell.sandbox.cloud_id}/"
    )
    (site,) = json.loads(unconfigured_shell.run("sites", "-o", "json", "--timeout", "20").out)
    assert unconfigured_shell.run("sites", "--timeout", "0").code == 2
    assert (site["cloud_id"], site["url"]) == (unconfigured_shell.sandbox.cloud_id, unconfigured_shell.sandbox.url)
    shown = unconfigured_shell.run("members", "remove", "docs-editors", "chiara@example.com", "--curl").out
    assert "Authorization: Bearer REDACTED" in shown


def test_tokens_are_refreshed(unconfigured_shell: Shell, login: Callable[..., Result]) -> None:
    login()
    unconfigured_shell.sandbox.expire_tokens()
    assert unconfigured_shell.run("users", "me").code == 0
    assert state_store.tokens().load() is not None


@pytest.mark.parametrize("name", ["site", "cloud-id"])
def test_granted_site_is_found_by_address_and_by_cloud_id(
    unconfigured_shell: Shell, login: Callable[..., Result], name: str
) -> None:
    login()
    given = {"site": f"{unconfigured_shell.sandbox.url}/wiki", "cloud-id": unconfigured_shell.sandbox.cloud_id}[name]
    assert unconfigured_shell.run("users", "me", f"--{name}", given).code == 0
    result = unconfigured_shell.run(
        "users", "me", f"--{name}", {"site": "https://other.atlassian.net", "cloud-id": "x"}[name]
    )
    assert result.code == 2
    assert "no credentials for" in result.err


def test_refused_consent_does_not_log_in(unconfigured_shell: Shell, login: Callable[..., Result]) -> None:
    unconfigured_shell.sandbox.consenting = False
    result = login()
    assert result.code == 3
    assert "did not authorize" in result.err
    assert state_store.read(state_store.LOGIN) is None
    assert state_store.tokens().load() is None


def test_callback_with_another_state_is_rejected(login: Callable[..., Result]) -> None:
    seen: list[int] = []

    def attack(page: str) -> None:
        callback = parse_qs(urlsplit(page).query)["redirect_uri"][0]
        for query in ("?code=stolen&state=guessed", "?code=stolen", ""):
            seen.append(httpx.get(callback + query, trust_env=False).status_code)
        seen.append(httpx.get(callback.replace("callback", "other"), trust_env=False).status_code)
        agree(page)

    assert login(visit=attack).code == 0
    assert seen == [400, 400, 400, 404]


def test_each_login_has_its_own_state() -> None:
    with CallbackServer(0) as one, CallbackServer(0) as other:
        assert len(one.state) >= 32
        assert one.state != other.state


def test_the_wait_for_consent_ends() -> None:
    moments = iter([0.0, CONSENT_TIMEOUT_S + 1])
    refused = pytest.raises(RefusedError, match="nobody consented")
    with CallbackServer(0, clock=lambda: next(moments)) as callback, refused:
        callback.wait_for_code()


def test_malformed_request_does_not_end_the_login(login: Callable[..., Result]) -> None:
    def visit_page(page: str) -> None:
        port = urlsplit(parse_qs(urlsplit(page).query)["redirect_uri"][0]).port
        with socket.create_connection(("127.0.0.1", port or 0)) as rude:
            rude.sendall(b"\x00\xff nonsense\r\n\r\n")
        agree(page)

    assert login(visit=visit_page).code == 0


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (Answer(403, {}, '{"error": "invalid_grant", "error_description": "Invalid authorization code"}'), 1, "403"),
        (Answer(401, {}, '{"error": "access_denied"}'), 1, "client secret"),
        (Answer(200, {}, '{"access_token": "a"}'), 1, "offline_access"),
        (Answer(200, {}, "<html>"), 1, "not a JSON object"),
        (Answer(500, {}, ""), 1, "500"),
    ],
)
def test_missing_tokens_are_an_error(
    unconfigured_shell: Shell, login: Callable[..., Result], answer: Answer, code: int, message: str
) -> None:
    def visit_page(page: str) -> None:
        back = httpx.get(page, trust_env=False).headers["location"]
        unconfigured_shell.sandbox.answer_next(answer)
        httpx.get(back, trust_env=False)

    result = login(visit=visit_page)
    assert result.code == code
    assert message in result.err
    assert state_store.read(state_store.LOGIN) is None


@pytest.mark.parametrize("failure", ["authority", "gateway", "not saved", "no access"])
def test_failed_login_has_no_secret_in_our_frames(
    unconfigured_shell: Shell, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    secret = unconfigured_shell.sandbox.oauth_client.client_secret
    codes: list[str] = []

    def visit_page(page: str) -> None:
        back = httpx.get(page, trust_env=False).headers["location"]
        codes.extend(parse_qs(urlsplit(back).query)["code"])
        echo = json.dumps({"error": f"{secret} {codes[0]}"})
        if failure == "authority":
            unconfigured_shell.sandbox.answer_next(Answer(403, {}, echo))
        httpx.get(back, trust_env=False)

    def fail(*_: object, **__: object) -> None:
        raise ConfigurationError("no gateway")

    threads: list[threading.Thread] = []

    def open_page(page: str) -> None:
        threads.append(threading.Thread(target=visit_page, args=(page,)))
        threads[-1].start()

    monkeypatch.setattr(webbrowser, "open", open_page)
    if failure == "gateway":
        monkeypatch.setattr(login_command, "discover_sites", fail)
    if failure == "not saved":
        (state_store.folder() / state_store.LOGIN).mkdir(parents=True)
    site = "https://other.atlassian.net" if failure == "no access" else None
    with pytest.raises((APIError, ConfigurationError)) as caught:
        login_command.login(ConnectionOptions(site=site, sandbox=True), port=0)
    for thread in threads:
        thread.join()
    assert codes
    assert_hidden(caught.value, secret, codes[0])


@pytest.mark.usefixtures("unconfigured_shell")
@pytest.mark.parametrize("problem", ["ambiguous", "another site", "damaged", "malformed authority"])
def test_saved_login_is_not_in_our_frames(problem: str) -> None:
    state_store.remove(state_store.SANDBOX)
    app = {"kind": "oauth", "authority": "https://a.example", "gateway": "https://g.example", "client_id": "app"}
    sites = [{"site": f"https://{name}.atlassian.net", "cloud_id": name} for name in ("one", "two")]
    damaged = {"sites": 5} if problem == "damaged" else {"sites": sites}
    address = {"authority": "ftp://a.example"} if problem == "malformed authority" else {}
    state_store.write(state_store.LOGIN, app | {"client_secret": "marker-secret"} | damaged | address)
    wanted = {"another site": "three", "malformed authority": "one"}.get(problem)
    with pytest.raises(ConfigurationError) as caught:
        find_source(ConnectionOptions(cloud_id=wanted))
    assert_hidden(caught.value, "marker-secret")


def assert_hidden(error: BaseException, *secrets: str) -> None:
    """Check that an error reporter that prints the variables of our frames shows no secret."""
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    own = [f"{frame.name} {frame.locals}" for frame in frames if "confluence_groups_sdk" in frame.filename]
    text = "\n".join([f"{error!r} {error}", *own])
    assert own
    assert [each for each in secrets if each in text] == [], text


def test_site_without_consent_is_reported_and_nothing_is_saved(login: Callable[..., Result]) -> None:
    result = login("--site", "https://other.atlassian.net")
    assert result.code == 2
    assert "https://other.atlassian.net: the user did not grant access" in result.err
    assert state_store.tokens().load() is None
    assert state_store.read(state_store.LOGIN) is None


def test_port_in_use_is_reported(unconfigured_shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = unconfigured_shell.run("login", "--sandbox", "--port", str(taken.getsockname()[1]))
    assert result.code == 2
    assert "give another --port" in result.err


def test_missing_app_says_where_to_create_one(shell: Shell) -> None:
    result = shell.run("login", "--no-browser")
    assert result.code == 2
    assert "--client-id" in result.err
    assert "developer.atlassian.com" in result.err


def test_malformed_secret_is_not_shown(shell: Shell) -> None:
    result = shell.run("login", "--client-id", "app", "--no-browser", answer="my secret\n")
    assert result.code == 2
    assert "whitespace" in result.err
    assert "my secret" not in result.err


def test_logout_removes_the_login(unconfigured_shell: Shell, login: Callable[..., Result]) -> None:
    login()
    result = unconfigured_shell.run("logout")
    assert result.code == 0
    assert "logged out" in result.out
    assert state_store.tokens().load() is None
    assert state_store.read(state_store.LOGIN) is None
    assert unconfigured_shell.run("logout").out == "nobody was logged in\n"


class Keys(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # keyring's has no types
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


@pytest.fixture
def keys() -> Iterator[Keys]:
    before = keyring.get_keyring()
    backend = Keys()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_working_api_token_is_saved_in_the_keyring(unconfigured_shell: Shell, keys: Keys) -> None:
    state_store.remove(state_store.SANDBOX)
    email, token = unconfigured_shell.sandbox.admin
    site = unconfigured_shell.sandbox.url
    result = unconfigured_shell.run("login", "--api-token", "--site", site, answer=f"{email}\nwrong\n")
    assert result.code == 1
    assert not keys.kept
    result = unconfigured_shell.run("login", "--api-token", "--site", site, answer=f"{email}\n{token}\n")
    assert (result.code, result.err) == (0, "")
    assert "as Ada Okafor" in result.out
    assert token not in (state_store.folder() / state_store.LOGIN).read_text()
    assert unconfigured_shell.run("users", "me").code == 0
    assert unconfigured_shell.run("users", "me", "--site", site).code == 0
    assert unconfigured_shell.run("users", "me", "--site", "https://other.atlassian.net").code == 2
    assert unconfigured_shell.run("logout").code == 0
    assert not keys.kept
    assert unconfigured_shell.run("users", "me").code == 2


def test_rejected_api_token_is_not_in_our_frames(
    unconfigured_shell: Shell, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    email, token = unconfigured_shell.sandbox.admin
    site = ConnectionOptions(site=unconfigured_shell.sandbox.url)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{email}\nmarker-token\n"))
    with pytest.raises(AuthenticationError) as caught:
        login_command.login(site, api_token=True)
    assert_hidden(caught.value, "marker-token")
    (state_store.folder() / state_store.KEYRING).mkdir(parents=True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{email}\n{token}\n"))
    with pytest.raises(ConfigurationError) as unsaved:
        login_command.login(site, api_token=True)
    assert_hidden(unsaved.value, token)
    assert not keys.kept


def test_logout_removes_the_tokens_of_all_sites(
    unconfigured_shell: Shell, login: Callable[..., Result], keys: Keys
) -> None:
    email, token = unconfigured_shell.sandbox.admin
    for site in (unconfigured_shell.sandbox.url, unconfigured_shell.sandbox.url.replace("127.0.0.1", "localhost")):
        assert unconfigured_shell.run("login", "--api-token", "--site", site, answer=f"{email}\n{token}\n").code == 0
    assert login().code == 0
    assert len(keys.kept) == 2
    assert unconfigured_shell.run("logout").code == 0
    assert not keys.kept
    assert unconfigured_shell.run("logout").out == "nobody was logged in\n"


def test_environment_overrides_the_keyring(shell: Shell, keys: Keys) -> None:
    keys.set_password(
        keyring_store.SERVICE, shell.sandbox.url.removeprefix("http://"), json.dumps(["a@example.com", "wrong"])
    )
    assert shell.run("users", "me").code == 0


@pytest.mark.parametrize("kept", ["", "null", "[]", '["a"]', "no json", "[1, 2]"])
def test_malformed_keyring_entry_is_ignored(unconfigured_shell: Shell, keys: Keys, kept: str) -> None:
    keys.set_password(keyring_store.SERVICE, unconfigured_shell.sandbox.url.removeprefix("http://"), kept)
    result = unconfigured_shell.run("users", "me", "--site", unconfigured_shell.sandbox.url)
    assert result.code == 2
    assert "no credentials" in result.err


def test_missing_keyring_points_to_the_environment(
    unconfigured_shell: Shell, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise keyring.errors.NoKeyringError("none")

    monkeypatch.setattr(keys, "set_password", fail)
    email, token = unconfigured_shell.sandbox.admin
    result = unconfigured_shell.run(
        "login", "--api-token", "--site", unconfigured_shell.sandbox.url, answer=f"{email}\n{token}\n"
    )
    assert result.code == 2
    assert "CONFLUENCE_API_TOKEN" in result.err
    assert token not in result.err
    assert state_store.read(state_store.LOGIN) is None


def test_api_token_is_not_asked_for_without_the_extra(
    unconfigured_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    calls = len(unconfigured_shell.sandbox.requests)
    site = unconfigured_shell.sandbox.url
    result = unconfigured_shell.run("login", "--api-token", "--site", site, answer="a@example.com\nwrong\n")
    assert (result.code, result.out) == (2, "")
    assert "confluence-groups-sdk[keyring]" in result.err
    assert len(unconfigured_shell.sandbox.requests) == calls


@pytest.mark.parametrize("method", ["get_password", "delete_password"])
def test_token_that_stays_in_the_keyring_is_reported(
    unconfigured_shell: Shell, keys: Keys, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    email, token = unconfigured_shell.sandbox.admin
    unconfigured_shell.run(
        "login", "--api-token", "--site", unconfigured_shell.sandbox.url, answer=f"{email}\n{token}\n"
    )

    def fail(*_: object) -> None:
        raise PasswordDeleteError("locked")

    monkeypatch.setattr(keys, method, fail)
    result = unconfigured_shell.run("logout")
    assert result.code == 2
    assert "by hand" in result.err


def test_api_token_needs_a_site(unconfigured_shell: Shell) -> None:
    result = unconfigured_shell.run("login", "--api-token")
    assert result.code == 2
    assert "--site" in result.err


def test_listing_sites_needs_oauth(shell: Shell) -> None:
    result = shell.run("sites")
    assert result.code == 2
    assert "confluence-groups login" in result.err
