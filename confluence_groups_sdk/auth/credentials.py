"""Credentials as `httpx.Auth`. Their repr, errors and pickles never contain the secret."""

from __future__ import annotations

import base64
import sys
import warnings
from collections.abc import Generator
from types import FrameType
from typing import NoReturn

from .._support import base_url
from .._support.libraries.http import httpx
from .._support.public import public
from ..errors import ConfigurationError

ROOT = __name__.removesuffix(".auth.credentials")
BEARER_TOKEN_AT_SITE = (
    "a site does not accept bearer tokens: use ApiToken(email, token), or for_cloud(cloud_id, auth=...) if it is an "
    "OAuth 2.0 access token"
)


class SecretAuth(httpx.Auth):
    """Base class of credentials: hides the secret, and refuses to be copied or pickled.

    Attributes:
        scheme: the authentication scheme of the Authorization header.
    """

    scheme = "Bearer"
    _sends_once = False  # whether a call sends its own request once, and no other

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<withheld>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} holds a secret and is never pickled or copied: build it where it is needed, for "
            "example with ConfluenceGroups.from_env()"
        )


class _ConstantAuth(SecretAuth):
    """Sends the same Authorization header with every request."""

    _sends_once = True

    def __init__(self, value: str) -> None:
        self._value = value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the credentials to a request; httpx calls this."""
        request.headers["Authorization"] = self._value
        yield request


@public
class ApiToken(_ConstantAuth):
    """An Atlassian API token, with or without scopes, sent as HTTP Basic.

    Send a token with scopes, or a service account's token, through the gateway: `ConfluenceGroups.for_cloud`
    (docs/confluence-behaviour.md#authentication).

    Args:
        email: the e-mail address of the account that the token belongs to.
        token: the token, as shown when it was made at id.atlassian.com.

    Raises:
        ConfigurationError: either value is empty or has whitespace or control characters (for example a newline that
            was read from a file), or the e-mail address has a colon.
    """

    scheme = "Basic"

    def __init__(self, email: str, token: str) -> None:
        problem = find_problem("email", email) or find_problem("token", token)
        if not problem and ":" in email:  # it would end the user name: RFC 7617 section 2
            problem = "email has a colon, which HTTP Basic cannot carry"
        if problem:
            del email, token  # error reporters show the variables of this frame
            raise ConfigurationError(f"ApiToken: {problem}")
        super().__init__(f"Basic {base64.b64encode(f'{email}:{token}'.encode()).decode()}")


@public
class BearerToken(_ConstantAuth):
    """An OAuth 2.0 access token that your program refreshes elsewhere, sent as Bearer (RFC 6750 section 2.1).

    Send it through the gateway: `ConfluenceGroups.for_cloud`. A site's own address does not accept bearer tokens, so a
    client for ``NAME.atlassian.net`` with one emits a UserWarning (docs/confluence-behaviour.md#authentication).

    Args:
        token: the access token.

    Raises:
        ConfigurationError: the token is empty, not ASCII, or has whitespace or control characters.
    """

    def __init__(self, token: str) -> None:
        problem = find_ascii_problem("token", token)
        if problem:
            del token  # error reporters show the variables of this frame
            raise ConfigurationError(f"BearerToken: {problem}")
        super().__init__(f"Bearer {token}")


def warn_of_bearer_token(address: str) -> None:
    """Warn the code that builds a client with a bearer token if the address is a site's own.

    Only ``NAME.atlassian.net`` is such an address for certain: a proxy at another address may add other credentials.
    """
    if not base_url.is_site(address):
        return
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame and f"{frame.f_globals.get('__name__', '')}.".startswith(f"{ROOT}."):
        frame, level = frame.f_back, level + 1
    warnings.warn(BEARER_TOKEN_AT_SITE, stacklevel=level)


def find_problem(name: str, value: object) -> str | None:
    """Describe what is wrong with a credential, without its value; return None if nothing is.

    It returns the problem instead of raising it, so that no traceback has the value in a frame.
    """
    if not isinstance(value, str):
        return f"{name} must be text, not {type(value).__name__}"
    if not value:
        return f"{name} is empty"
    if " " in value or not value.isprintable():
        return f"{name} has whitespace or control characters: remove those that a file or the clipboard added"
    return None


def find_ascii_problem(name: str, value: object) -> str | None:
    """Describe what is wrong with a credential that is sent unencoded, and must therefore be ASCII."""
    problem = find_problem(name, value)
    if not problem and not str(value).isascii():
        problem = f"{name} has characters outside ASCII: copy the complete value again"
    return problem
