"""Profiles in config.toml: which site and which credentials they choose, and every mistake without a secret."""

from __future__ import annotations

import json
import traceback
from pathlib import Path

import keyring
import pytest
import typer
from keyring.backend import KeyringBackend
from shell import Shell

from confluence_groups_sdk import ConfigurationError
from confluence_groups_sdk.cli.options import ConnectionOptions
from confluence_groups_sdk.cli.session import profiles, state_store
from confluence_groups_sdk.cli.session.client_factory import find_source

ACME = '[profiles.acme]\nurl = "https://acme.atlassian.net"\nemail = "ACME_EMAIL"\napi_token = "ACME_API_TOKEN"\n'
SECRET = "ATATT3xFfGF0-secret"


@pytest.fixture
def config(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the file, in a shell that has nothing else."""
    shell.sign_in(None)
    monkeypatch.setenv("ACME_EMAIL", "ada@example.com")
    monkeypatch.setenv("ACME_API_TOKEN", SECRET)
    profiles.path().parent.mkdir(parents=True)
    return profiles.path()


def write(config: Path, text: str = ACME) -> None:
    config.write_text(text, encoding="utf-8")


def problems_of(config: Path, text: str, name: str = "acme") -> tuple[str, ...]:
    write(config, text)
    with pytest.raises(ConfigurationError) as caught:
        profiles.load(name)
    assert str(config) in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value.problems


def test_file_is_in_the_folder_that_logins_use(shell: Shell) -> None:
    assert shell.folder in profiles.path().parents
    assert str(profiles.path()) == f"{typer.get_app_dir('confluence-groups')}/config.toml"


def test_option_and_variable_choose_a_profile(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(config)
    found = find_source(ConnectionOptions(profile="acme"))
    assert (found.site, found.cloud_id) == ("https://acme.atlassian.net", None)
    assert (found.named_by, found.kind) == ("the profile acme", "API token in ACME_API_TOKEN")
    monkeypatch.setenv("CONFLUENCE_PROFILE", "acme")
    assert find_source(ConnectionOptions()).site == "https://acme.atlassian.net"


def test_commands_run_with_a_profile(config: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    write(config, ACME.replace("https://acme.atlassian.net", shell.sandbox.url))
    monkeypatch.setenv("ACME_EMAIL", shell.sandbox.admin.email)
    monkeypatch.setenv("ACME_API_TOKEN", shell.sandbox.admin.token)
    ended = shell.run("users", "me", "--profile", "acme", "-o", "json")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["display_name"] == "Ada Okafor"


def test_profile_is_not_mixed_with_other_settings(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(config)
    monkeypatch.setenv("CONFLUENCE_ACCESS_TOKEN", "other")
    monkeypatch.delenv("ACME_API_TOKEN")
    with pytest.raises(ConfigurationError, match="the environment variable ACME_API_TOKEN is not set"):
        find_source(ConnectionOptions(profile="acme"))
    monkeypatch.setenv("CONFLUENCE_PROFILE", "acme")
    for name in ("SITE", "CLOUD_ID"):
        monkeypatch.setenv(f"CONFLUENCE_{name}", "https://other.atlassian.net")
        with pytest.raises(ConfigurationError, match=f"CONFLUENCE_PROFILE and CONFLUENCE_{name} are set: unset one"):
            find_source(ConnectionOptions())
        assert find_source(ConnectionOptions(site="https://third.atlassian.net")).named_by == "--site"
        monkeypatch.delenv(f"CONFLUENCE_{name}")


@pytest.mark.parametrize("other", [["--site", "https://x.atlassian.net"], ["--cloud-id", "x"], ["--sandbox"]])
@pytest.mark.parametrize("command", [["users", "me"], ["login"], ["login", "--api-token"]])
def test_only_one_option_names_the_site(config: Path, shell: Shell, command: list[str], other: list[str]) -> None:
    write(config)
    ended = shell.run(*command, "--profile", "acme", *other)
    assert (ended.code, ended.err) == (2, "error: give one of --site, --cloud-id, --profile and --sandbox\n")


def test_all_mistakes_are_in_one_error(config: Path) -> None:
    text = f"""
colour = "{SECRET}"
[profiles.acme]
url = "https://x:{SECRET}@acme.atlassian.net"
token = "{SECRET}"
[profiles.beta]
url = "https://x:{SECRET}@acme.atlassian.net"
email = "BETA_EMAIL"
api_token = "BETA_API_TOKEN"
[profiles.gamma]
cloud_id = "1"
email = "ada@example.com"
api_token = "{SECRET}"
[profiles.delta]
cloud_id = "1"
credentials = "{SECRET}"
[profiles.epsilon]
cloud_id = "1"
credentials = "keyring"
[profiles.zeta]
url = "https://acme.atlassian.net"
cloud_id = "1"
email = "ZETA_EMAIL"
[profiles.eta]
cloud_id = "1"
access_token = "ETA_TOKEN"
credentials = "login"
[profiles.theta]
cloud_id = "1"
"""
    keys = "the keys here are url, cloud_id, email, api_token, access_token, credentials, gateway"
    variable = "give the name of an environment variable in capital letters, such as ACME_API_TOKEN, not its value"
    kinds = 'give email and api_token; or access_token; or credentials = "keyring" or "login"'
    assert problems_of(config, text) == (
        f"profiles.acme.token: unknown key: {keys}",
        "profiles.beta: site: no credentials, query or fragment may be in it; pass credentials as auth=",
        f"profiles.gamma.email: {variable}",
        f"profiles.gamma.api_token: {variable}",
        "profiles.delta.credentials: give keyring or login",
        "profiles.epsilon.credentials: the keyring has tokens for site addresses only: give url instead of cloud_id",
        "profiles.zeta: give either url, the site's address, or cloud_id, for the gateway",
        "profiles.zeta: api_token must be given with email",
        f"profiles.eta: several kinds of credentials: {kinds}",
        f"profiles.theta: no credentials: {kinds}",
        "colour: unknown key: the keys here are profiles",
    )


def test_file_that_is_missing_or_no_toml_is_named(config: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"config\.toml: there is no such file: create it"):
        profiles.load("acme")
    assert problems_of(config, f'api_token = "{SECRET}') == ()
    assert problems_of(config, f"profiles = '{SECRET}'") == (
        "profiles: must be a table of tables, as in [profiles.acme]",
    )


def test_unknown_profile_lists_the_others(config: Path) -> None:
    write(config, ACME + ACME.replace("acme", "beta"))
    with pytest.raises(ConfigurationError, match=r"there is no profile gamma \(there is: acme, beta\)"):
        profiles.load("gamma")


class MemoryKeyring(KeyringBackend):
    """A keyring that has a token for one site."""

    priority = 1

    def get_password(self, _service: str, username: str) -> str | None:
        return json.dumps(["ada@example.com", SECRET]) if username == "acme.atlassian.net" else None

    def set_password(self, _service: str, _username: str, _password: str) -> None:
        raise NotImplementedError


def test_keyring_and_login_keep_the_credentials_of_a_profile(config: Path) -> None:
    write(config, '[profiles.a]\nurl = "https://acme.atlassian.net"\ncredentials = "keyring"\n')
    with pytest.raises(
        ConfigurationError, match=r"no API token in the keyring for this site: run .* login --api-token --profile a$"
    ):
        find_source(ConnectionOptions(profile="a"))
    before = keyring.get_keyring()
    keyring.set_keyring(MemoryKeyring())  # type: ignore[no-untyped-call] # keyring does not say what it takes
    try:
        assert find_source(ConnectionOptions(profile="a")).kind == "API token in the keyring"
    finally:
        keyring.set_keyring(before)
    write(config, '[profiles.a]\nurl = "https://one.atlassian.net"\ncredentials = "login"\n')
    with pytest.raises(ConfigurationError, match=r"there is no login for this site: run .* login --profile a$"):
        find_source(ConnectionOptions(profile="a"))
    origin = "https://one.atlassian.net"
    app = {"authority": origin, "gateway": origin, "client_id": "a", "client_secret": "b", "kind": "oauth"}
    state_store.write(state_store.LOGIN, app | {"sites": [{"site": origin, "cloud_id": "1"}]})
    found = find_source(ConnectionOptions(profile="a"))
    assert (found.cloud_id, found.kind) == ("1", "OAuth 2.0 login")


def test_login_uses_the_site_of_a_profile(config: Path, shell: Shell) -> None:
    write(config, f'[profiles.a]\nurl = "{shell.sandbox.url}"\ncredentials = "keyring"\n')
    email, token = shell.sandbox.admin
    ended = shell.run("login", "--api-token", "--profile", "a", answer=f"{email}\n{token}\n")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"logged in to {shell.sandbox.url} as Ada Okafor; the token is in the keyring\n"
