"""Credentials. All are `httpx.Auth`; none shows its secret in repr, errors or pickles."""

from __future__ import annotations

import base64
from collections.abc import Generator
from typing import NoReturn

import httpx

from .errors import ConfigurationError


class Secretive(httpx.Auth):
    """Credentials that are neither shown nor copied."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<withheld>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} holds a secret and is never pickled or copied: build it where it is needed, for "
            "example with ConfluenceGroups.from_env()"
        )


class _Header(Secretive):
    """Sends one Authorization header that never changes."""

    def __init__(self, value: str) -> None:
        self._value = value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._value
        yield request


class ApiToken(_Header):
    """An Atlassian API token, with or without scopes, sent as HTTP Basic.

    A token with scopes, or of a service account, goes through the gateway: `ConfluenceGroups.for_cloud`.

    Args:
        email: of the account that the token belongs to.
        token: as made at id.atlassian.com.

    Raises:
        ConfigurationError: either is empty or has whitespace or control characters (a newline read from a file, say).
    """

    def __init__(self, email: str, token: str) -> None:
        problem = problem_with("email", email) or problem_with("token", token)
        if not problem and ":" in email:
            problem = "email has a colon, which HTTP Basic cannot carry"
        if problem:
            del email, token  # this frame may be shown with its variables
            raise ConfigurationError(f"ApiToken: {problem}")
        super().__init__(f"Basic {base64.b64encode(f'{email}:{token}'.encode()).decode()}")


class BearerToken(_Header):
    """An OAuth 2.0 access token that somebody else keeps fresh, sent as Bearer.

    Args:
        token: the access token.

    Raises:
        ConfigurationError: it is empty, not ASCII, or has whitespace or control characters.
    """

    def __init__(self, token: str) -> None:
        problem = problem_with_ascii("token", token)
        if problem:
            del token  # this frame may be shown with its variables
            raise ConfigurationError(f"BearerToken: {problem}")
        super().__init__(f"Bearer {token}")


def problem_with(name: str, value: object) -> str | None:
    """Return what is wrong with a credential, without the value; never raise with it in a frame."""
    if not isinstance(value, str):
        return f"{name} must be text, not {type(value).__name__}"
    if not value:
        return f"{name} is empty"
    if " " in value or not value.isprintable():
        return f"{name} has whitespace or control characters: strip what came with it from a file or a clipboard"
    return None


def problem_with_ascii(name: str, value: object) -> str | None:
    """Return what is wrong with a credential that is sent as it is, which only ASCII can be."""
    problem = problem_with(name, value)
    if not problem and not str(value).isascii():
        problem = f"{name} has characters outside ASCII: it was not copied whole or not copied right"
    return problem
