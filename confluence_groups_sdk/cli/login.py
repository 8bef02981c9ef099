"""``confluence-groups login`` and ``logout``."""

from __future__ import annotations

import getpass
import os
import sys
import time
from typing import Annotated, Any

import httpx
import typer
from rich.prompt import Prompt

from .. import _site, _token_endpoint
from .._settings import DEFAULT_TIMEOUT
from ..auth import ApiToken, BearerToken, problem_with
from ..errors import APIConnectionError, ConfigurationError
from ..models import Site
from ..sites import discover_sites
from ..token_store import Tokens
from . import PROGRAM, store
from .connection import Access
from .consent import Callback, consent_page, send_user_to
from .options import Connecting, command
from .terminal import console, put

PORT = 8976
CLIENT_ID, CLIENT_SECRET = "CONFLUENCE_CLIENT_ID", "CONFLUENCE_CLIENT_SECRET"


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
    connecting: Connecting,
    api_token: Annotated[
        bool, typer.Option("--api-token", help="Keep an API token in the keyring instead; it is asked for.")
    ] = False,
    client_id: Annotated[
        str | None,
        typer.Option("--client-id", metavar="ID", envvar=CLIENT_ID, help="Of your OAuth 2.0 app."),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", help="Of the app's callback URL, http://localhost:PORT/callback.", min=0, max=65535)
    ] = PORT,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page, or show it alone.")] = True,
) -> None:
    """Log in with OAuth 2.0: agree in the browser.

    The app's client secret comes from CONFLUENCE_CLIENT_SECRET, or is asked for.
    """
    if api_token:
        _keep_api_token(connecting)
        return
    app = _app(connecting, client_id)
    with Callback(port) as callback:
        send_user_to(consent_page(app["authority"], app["client_id"], callback), browser=browser)
        code = callback.code()
        tokens = exchanged(app, code, callback.redirect_uri)
    found = discover_sites(BearerToken(tokens.access_token), gateway=app["gateway"])
    chosen = _chosen(found, connecting)
    kept = store.tokens()
    with kept.lock():
        kept.save(tokens)
    sites = [{"site": each.url, "cloud_id": each.cloud_id} for each in found]
    store.write(store.LOGIN, app | {"kind": "oauth", "sites": sites} | chosen)
    for each in found:
        put(f"logged in to {each.url or each.cloud_id} (cloud id {each.cloud_id})")
    if len(found) != 1 and not connecting.site and not connecting.cloud_id:
        put("say which with --site or --cloud-id" if found else "no site was granted: log in again, and choose one")


def logout() -> None:
    """Forget all logins: tokens, client secret, and the API tokens in the keyring."""
    kept = store.read(store.LOGIN)
    removed = [store.remove(name) for name in (store.TOKENS, store.LOGIN)]
    removed.append(store.out_of_keyring())
    put("logged out" if any(removed) else "nobody was logged in")
    if kept and kept.get("kind") == "oauth" and any(removed):
        put("the app's access stays granted until you take it back at https://id.atlassian.com (connected apps)")


def exchanged(app: dict[str, Any], code: str, redirect_uri: str) -> Tokens:
    """Return the tokens for the code that came back from the consent page.

    Raises:
        APIError: the authority gave none.
    """
    with httpx.Client(timeout=DEFAULT_TIMEOUT, trust_env=not _is_here(app["authority"])) as client:
        request = _token_endpoint.first_request(
            app["authority"],
            app["client_id"],
            app["client_secret"],
            code=code,
            redirect_uri=redirect_uri,
            user_agent=_site.user_agent("confluence-groups-cli"),
        )
        try:
            answer = client.send(request, follow_redirects=False)
        except httpx.TransportError as error:
            raise APIConnectionError(
                f"no answer ({type(error).__name__})", method="POST", path=_token_endpoint.PATH
            ) from None
    found: Tokens | str = "200 was expected"
    if answer.status_code == 200:
        found = _token_endpoint.tokens_of(answer, None, time.time())
    if isinstance(found, Tokens):
        return found
    raise _token_endpoint.error_of(answer, found, app["client_secret"], code, now=time.time())


def _app(connecting: Connecting, client_id: str | None) -> dict[str, Any]:
    """Return what is known of the app that the user is to agree to.

    Raises:
        ConfigurationError: something is missing.
    """
    if connecting.sandbox:
        sandbox = store.running_sandbox()
        if sandbox is None:
            raise ConfigurationError(f"no sandbox runs on this machine: start one with {PROGRAM} sandbox")
        here = {"authority": sandbox["url"], "gateway": sandbox["url"]}
        return here | {name: sandbox[name] for name in ("client_id", "client_secret")}
    if not client_id:
        raise ConfigurationError(
            f"no app: give --client-id, or set {CLIENT_ID}, of an OAuth 2.0 app made at https://developer.atlassian.com"
        )
    secret = os.environ.get(CLIENT_SECRET) or _secret("client secret")
    if problem := problem_with("client id", client_id) or problem_with("client secret", secret):
        del secret
        raise ConfigurationError(problem)
    ours = {"authority": _site.AUTHORITY, "gateway": _site.GATEWAY}
    return ours | {"client_id": client_id, "client_secret": secret}


def _chosen(found: list[Site], connecting: Connecting) -> dict[str, Any]:
    """Return the site that the other commands are for, where none is said.

    Raises:
        ConfigurationError: the one that was asked for was not granted.
    """
    host = connecting.site and _site.identity(_site.site_base(connecting.site))
    asked = [
        each
        for each in found
        if each.cloud_id == connecting.cloud_id
        or (host and each.url and _site.identity(_site.site_base(each.url)) == host)
    ]
    if (connecting.site or connecting.cloud_id) and not asked:
        raise ConfigurationError(
            f"{connecting.site or connecting.cloud_id}: the user did not grant access to this site"
        )
    chosen = asked or found
    return {"site": chosen[0].url, "cloud_id": chosen[0].cloud_id} if len(chosen) == 1 else {}


def _keep_api_token(connecting: Connecting) -> None:
    site = connecting.site or _site.variable("SITE")
    if not site or connecting.cloud_id or connecting.sandbox:
        raise ConfigurationError("give --site https://your-domain.atlassian.net with --api-token")
    base = _site.site_base(site)
    email = _line("e-mail")
    token = _secret("API token")
    auth = ApiToken(email, token)
    with Access(site, None, auth).client(timeout=connecting.timeout) as client:
        user = client.current_user()
    store.to_keyring(_site.identity(base), email, token)
    store.write(store.LOGIN, {"kind": "api-token", "site": site})
    put(f"logged in to {site} as {user.display_name or user.account_id}; the token is in the keyring")


def _line(question: str) -> str:
    if sys.stdin.isatty():
        return Prompt.ask(question, console=console(beside=True)).strip()
    return sys.stdin.readline().strip()


def _secret(question: str) -> str:
    """Ask for a secret, without showing it; where nobody sits there, it is a line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{question}: ", stream=sys.stderr).strip()
    return sys.stdin.readline().strip()


def _is_here(address: str) -> bool:
    return address.startswith("http:")
