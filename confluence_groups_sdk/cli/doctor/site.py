"""Checks that call the site: connection, account, clock, scopes and rate limit. Nothing is changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from attrs import define, field

from ..._core.call_metadata import record_call_metadata
from ..._core.limits.rate_limiter import RateLimiter
from ..._core.limits.retry_policy import RetryPolicy
from ..._core.transport.http_client import open_http_client
from ..._support import base_url
from ..._support.libraries.http import httpx
from ...auth.credentials import ApiToken, BearerToken
from ...auth.oauth import OAuth2
from ...auth.site_discovery import discover_sites
from ...client import ConfluenceGroups
from ...errors import APIError, ConfluenceGroupsError, IncompleteReadError, MissingScopeError
from ..program import PROGRAM
from ..rendering.error_message import remedy_for
from ..session.client_factory import ClientSource, matches_site
from .finding import Finding, ok, problem, unknown

MAX_CLOCK_DIFFERENCE_S = 60.0
LIMIT_HEADERS = ("ratelimit", "x-ratelimit", "beta-ratelimit", "retry-after")
AFTER = ("clock", "account", "scopes", "rate limit")
NEEDED_SCOPES = {
    "read groups": ("read:confluence-groups", "read:group:confluence"),
    "read users": ("read:confluence-user",),
    "change groups": ("write:confluence-groups", "write:group:confluence"),
}
"""The scopes for each kind of work: the classic one, and the granular one if there is one."""


@define
class _Seen:
    """What the last response of the site said.

    Attributes:
        host: the host; the responses of others, such as the authority of OAuth 2.0, are not meant.
        headers: its headers.
        at: when it arrived, in seconds since the epoch.
    """

    host: str
    headers: httpx.Headers = field(factory=httpx.Headers)
    at: float = 0.0

    def note(self, response: httpx.Response) -> None:
        if response.request.url.host == self.host:
            self.headers, self.at = response.headers, time.time()


def address(source: ClientSource) -> httpx.URL:
    """Return the address that calls go to.

    Raises:
        ConfigurationError: it is malformed.
    """
    if source.cloud_id is not None:
        return httpx.URL(base_url.gateway_base(source.cloud_id, source.gateway))
    return httpx.URL(base_url.site_base(source.site or ""))


def check_site(source: ClientSource, timeout: float) -> Iterator[Finding]:
    """Call the site, and yield what each answer says.

    Args:
        source: the site and its credentials.
        timeout: as for a command, in seconds.
    """
    url, limiter = address(source), RateLimiter()
    seen, uses_environment = _Seen(url.host), url.scheme == "https"
    hooks = {"response": [seen.note]}
    with (
        open_http_client(httpx.Client, uses_environment=uses_environment, event_hooks=hooks) as http,
        source.build_client(
            timeout=timeout,
            rate_limiter=limiter,
            retry=RetryPolicy(max_retries=0),
            http_client=http,
            application_name="confluence-groups-cli",
        ) as client,
        record_call_metadata() as metadata,
    ):
        started = time.monotonic()
        account = _check_account(client)
        yield _connection(account, seen, time.monotonic() - started)
        if not seen.headers:
            yield from (unknown(each, "the site did not answer") for each in AFTER)
            return
        yield compare_clocks(seen.headers.get("date", ""), seen.at)
        yield account
        yield _check_scopes(source, client, timeout, usable=not account.remedy)
        yield _rate_limit(seen, limiter, exhausted=metadata.limits.exhausted)


def _failure(check: str, error: ConfluenceGroupsError) -> Finding:
    if isinstance(error, APIError):
        message = f": {error.message}" if error.message else ""
        request_id = f" (request id {error.request_id})" if error.request_id else ""
        return problem(check, f"{error.summary}{message}{request_id}", remedy_for(error))
    first, *others = str(error).splitlines()
    return problem(check, first, " ".join(others) or "Try again; if it stays, look at the message.")


def _check_account(client: ConfluenceGroups) -> Finding:
    try:
        user = client.current_user()
    except MissingScopeError:
        return ok("account", "accepted, but without a scope to read users")
    except ConfluenceGroupsError as error:
        return _failure("account", error)
    name = f"{user.display_name} ({user.account_id})" if user.display_name else user.account_id
    return ok("account", f"{name}, {user.account_type or 'of an unknown type'}")


def _connection(account: Finding, seen: _Seen, seconds: float) -> Finding:
    if not seen.headers:
        return problem("connection", account.text, account.remedy)
    return ok("connection", f"the site answered after {seconds:.2f} s")


def compare_clocks(date: str, arrival: float) -> Finding:
    """Compare this machine's clock with a header Date (RFC 9110 section 6.6.1), which has whole seconds.

    Args:
        date: the header.
        arrival: when it arrived, in seconds since the epoch.
    """
    try:
        sent = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return unknown("clock", "the site does not tell its time")
    difference = arrival - sent
    if abs(difference) <= MAX_CLOCK_DIFFERENCE_S:
        return ok("clock", f"at most {max(1, round(abs(difference)))} s from the site's clock")
    direction = "ahead of" if difference > 0 else "behind"
    return problem(
        "clock",
        f"{abs(difference):.0f} s {direction} the site's clock",
        "Set this machine's clock, for example with NTP: certificates, tokens and waiting times depend on it.",
    )


def _check_scopes(source: ClientSource, client: ConfluenceGroups, timeout: float, *, usable: bool) -> Finding:
    if not usable:
        return unknown("scopes", "the credentials were not accepted")
    if isinstance(source.auth, OAuth2 | BearerToken) and source.cloud_id is not None:
        return _granted_scopes(source, timeout)
    try:
        next(client.iter_groups(page_size=1), None)
    except (ConfluenceGroupsError, IncompleteReadError) as error:
        return _failure("scopes", error)
    if isinstance(source.auth, ApiToken) and source.cloud_id is None:
        return ok("scopes", "an API token without scopes: what the account may do; reading groups works")
    return ok("scopes", "reading groups works; whether changes do, only a change shows")


def _granted_scopes(source: ClientSource, timeout: float) -> Finding:
    try:
        granted = discover_sites(source.auth, gateway=source.gateway, timeout=timeout)
    except ConfluenceGroupsError as error:
        return _failure("scopes", error)
    found = [each for each in granted if matches_site(None, source.cloud_id, each.url, each.cloud_id)]
    if not found:
        remedy = f"Log in again and choose this site, or give another --cloud-id: {PROGRAM} sites lists them."
        return problem("scopes", f"the token gives no access to {source.cloud_id}", remedy)
    scopes = found[0].scopes
    missing = [f"{work} ({' or '.join(some)})" for work, some in NEEDED_SCOPES.items() if not scopes & {*some}]
    shown = ", ".join(sorted(scopes)) or "none"
    if missing:
        remedy = f"To {'; to '.join(missing)}: add the scope to the app, and log in again."
        return problem("scopes", f"{shown}; some are missing", remedy)
    return ok("scopes", shown)


def _rate_limit(seen: _Seen, limiter: RateLimiter, *, exhausted: bool) -> Finding:
    status = limiter.snapshot()
    headers = "; ".join(f"{name}: {value}" for name, value in seen.headers.items() if name.startswith(LIMIT_HEADERS))
    spent = f"{status.points} points spent by this check"
    text = f"{spent}; {headers or 'the site announces no limits'}"
    if status.refused or exhausted:
        seconds = max(0.0, (status.held_until or 0.0) - time.time())
        wait = f"Wait {seconds:.0f} s" if seconds else "Wait"
        return problem("rate limit", f"used up; {text}", f"{wait}, and see which other programs call this site.")
    return ok("rate limit", text)
