"""``confluence-groups login`` and ``logout``."""

from __future__ import annotations

import getpass
import os
import sys
from typing import Annotated, Any

import typer
from attrs import asdict, evolve
from rich.prompt import Prompt

from ..._support import base_url
from ...auth import environment
from ...auth.code_exchange import OAuthApp, exchange_code
from ...auth.credentials import ApiToken, BearerToken, find_problem
from ...auth.site_discovery import discover_sites
from ...auth.token_store import Tokens
from ...errors import ConfigurationError
from ...models import Site
from ..command import command
from ..options import ConnectionOptions
from ..session import keyring_store, profiles, state_store
from ..session.client_factory import NO_SANDBOX, ClientSource, matches_site
from ..session.oauth_callback import CallbackServer, consent_url, open_page
from ..session.secret import Secret
from ..terminal import build_console, print_out

DEFAULT_PORT = 8976
CLIENT_ID, CLIENT_SECRET = "CONFLUENCE_CLIENT_ID", "CONFLUENCE_CLIENT_SECRET"
APPLICATION_NAME = "confluence-groups-cli"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the application."""
    command(
        app,
        "login",
        "confluence-groups login --client-id ID",
        "confluence-groups login --api-token --site https://your-domain.atlassian.net",
        "confluence-groups login --sandbox",
    )(login)
    command(app, "logout", "confluence-groups logout")(logout)


def login(
    connection: ConnectionOptions,
    api_token: Annotated[
        bool, typer.Option("--api-token", help="Ask for an API token and keep it in the keyring, instead of OAuth 2.0.")
    ] = False,
    client_id: Annotated[
        str | None,
        typer.Option("--client-id", metavar="ID", envvar=CLIENT_ID, help="Client id of your OAuth 2.0 app."),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            "--port",
            help="Port of the app's callback URL, http://localhost:PORT/callback; 0 for any free one.",
            min=0,
            max=65535,
        ),
    ] = DEFAULT_PORT,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser, or only print its address.")
    ] = True,
) -> None:
    """Log in with OAuth 2.0: you agree in the browser.

    CONFLUENCE_CLIENT_SECRET contains the app's client secret; if it is not set, the command asks for the secret.
    """
    connection = _with_site(connection)
    if api_token:
        _login_with_api_token(connection)
        return
    app = _find_app(connection, client_id)
    with CallbackServer(port) as callback:
        open_page(consent_url(app.authority, app.client_id, callback), browser=browser)
        code = callback.wait_for_code()
    tokens = exchange_code(app, code, application_name=APPLICATION_NAME, timeout=connection.timeout)
    granted = discover_sites(BearerToken(tokens.access_token), gateway=app.gateway, timeout=connection.timeout)
    default_site = _choose_site(granted, connection)
    _save_login(app, tokens, granted, default_site)
    for site in granted:
        print_out(f"logged in to {site.url or site.cloud_id} (cloud id {site.cloud_id})")
    if not granted:
        print_out("no site was granted: log in again and choose one")
    elif not default_site:
        print_out("choose one with --site or --cloud-id")


def _with_site(connection: ConnectionOptions) -> ConnectionOptions:
    """Replace a profile in the options, or else in the environment, by its site."""
    name = profiles.chosen_name(connection)
    if name is None:
        return connection
    profile = profiles.load(name)
    return evolve(connection, profile=None, site=profile.url, cloud_id=profile.cloud_id)


def _save_login(app: OAuthApp, tokens: Tokens, granted: list[Site], default_site: dict[str, Any]) -> None:
    store = state_store.tokens()
    with store.lock():
        store.save(tokens)
    sites = [{"site": site.url, "cloud_id": site.cloud_id} for site in granted]
    state_store.write(state_store.LOGIN, asdict(app) | {"kind": "oauth", "sites": sites} | default_site)


def logout() -> None:
    """Remove all logins: tokens, the client secret, and the API tokens in the keyring."""
    login = state_store.read(state_store.LOGIN)
    removed = [state_store.remove(name) for name in (state_store.TOKENS, state_store.LOGIN)]
    removed.append(keyring_store.remove_all())
    print_out("logged out" if any(removed) else "nobody was logged in")
    if login and login.get("kind") == "oauth" and any(removed):
        print_out("the app keeps its access until you revoke it at https://id.atlassian.com (connected apps)")


def _find_app(connection: ConnectionOptions, client_id: str | None) -> OAuthApp:
    """Return the OAuth 2.0 app to log in with: its authority, gateway, client id and client secret.

    Raises:
        ConfigurationError: the client id is missing, or one of the credentials is malformed.
    """
    if connection.sandbox:
        return _find_sandbox_app()
    if not client_id:
        raise ConfigurationError(
            f"no app: give --client-id, or set {CLIENT_ID}; create an OAuth 2.0 app at https://developer.atlassian.com"
        )
    secret = os.environ.get(CLIENT_SECRET) or _ask_secret("client secret")
    if problem := find_problem("client id", client_id) or find_problem("client secret", secret):
        del secret  # from the traceback
        raise ConfigurationError(problem)
    return OAuthApp(client_id, secret)


def _find_sandbox_app() -> OAuthApp:
    sandbox = state_store.running_sandbox()
    if sandbox is None:
        raise ConfigurationError(NO_SANDBOX)
    url, secret = sandbox["url"], sandbox["client_secret"].value
    return OAuthApp(sandbox["client_id"], secret, authority=url, gateway=url)


def _choose_site(granted: list[Site], connection: ConnectionOptions) -> dict[str, Any]:
    """Choose the site for commands that name none: the one in the options, or the only one; empty if there are several.

    Raises:
        ConfigurationError: the user did not grant access to the site in the options.
    """
    candidates = granted
    if connection.site or connection.cloud_id:
        candidates = [
            site for site in granted if matches_site(connection.site, connection.cloud_id, site.url, site.cloud_id)
        ]
        if not candidates:
            raise ConfigurationError(
                f"{connection.site or connection.cloud_id}: the user did not grant access to this site"
            )
    return {"site": candidates[0].url, "cloud_id": candidates[0].cloud_id} if len(candidates) == 1 else {}


def _login_with_api_token(connection: ConnectionOptions) -> None:
    """Ask for an API token, try it, and keep it in the keyring."""
    site = connection.site or environment.read_env("SITE")
    if not site or connection.cloud_id or connection.sandbox:
        raise ConfigurationError("give --site https://your-domain.atlassian.net with --api-token")
    base = base_url.site_base(site)
    keyring_store.require_keyring()  # before the user types a secret
    email = _ask_line("e-mail")
    token = Secret(_ask_secret("API token"))
    with ClientSource(site, None, ApiToken(email, token.value)).build_client(timeout=connection.timeout) as client:
        user = client.current_user()
    keyring_store.save(base_url.site_id(base), email, token)
    state_store.write(state_store.LOGIN, {"kind": "api-token", "site": site})
    print_out(f"logged in to {site} as {user.display_name or user.account_id}; the token is in the keyring")


def _ask_line(question: str) -> str:
    """Ask for a line of text; without a terminal, read it from standard input."""
    if sys.stdin.isatty():
        return Prompt.ask(question, console=build_console(stderr=True)).strip()
    return sys.stdin.readline().strip()


def _ask_secret(question: str) -> str:
    """Ask for a secret without showing it; without a terminal, read it from standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{question}: ", stream=sys.stderr).strip()
    return sys.stdin.readline().strip()
