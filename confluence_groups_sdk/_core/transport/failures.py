"""The meaning of a transport's error, in words: the cause, and what the reader can do about it.

The words depend on types, error numbers and codes only. An error's own text may hold a secret: a proxy's refusal can
echo its password.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from attrs import frozen

from ..._support.libraries.http import httpx
from ..limits.retry_policy import causes_of, proxy_status
from .connections.watching import UnexpectedDataError

CHECK = "Check address, proxy and network, then send again."
MORE_TIME = "Send again, or allow more time."
ANSWERED_IN_PLACE = "Check the site's address, and that no proxy or login page answers in its place."
FIREWALL = "A firewall or a proxy may block this connection: check which hosts and ports this network permits."
TLS_SETTINGS = "Update the server, the proxy or Python, or pass an http_client with an ssl.SSLContext of your own."
TRUST = (
    "If your company inspects TLS, set SSL_CERT_FILE to a PEM file with its root certificate. Otherwise somebody may "
    "be reading the connection: do not turn the check off."
)

Words = tuple[str, str]

# OpenSSL's codes: https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
CERTIFICATES: Mapping[int, Words] = MappingProxyType(
    {
        9: ("is not valid yet", "Check the clock of this machine: the certificate is valid only later."),
        10: (
            "has expired",
            "Check the clock of this machine. If it is right, the server or the proxy needs a new one.",
        ),
        18: (
            "is self-signed and not trusted here",
            "If that is intended, set SSL_CERT_FILE to a PEM file with this certificate. Otherwise somebody may be "
            "reading the connection.",
        ),
        23: ("was revoked", "Do not trust this server: the certificate's authority has withdrawn it."),
        **dict.fromkeys((62, 64), ("is for another host", ANSWERED_IN_PLACE)),
        **dict.fromkeys((2, 19, 20, 21, 27), ("is from an authority that is not trusted here", TRUST)),
        **dict.fromkeys(
            (66, 67, 68), ("is too weak", "The server or the proxy needs a certificate with a longer key.")
        ),
        **dict.fromkeys(
            range(79, 95),
            (
                "breaks a rule of RFC 5280, which Python 3.13 and later check",
                "Its authority must issue a correct one. Until then, pass an http_client whose ssl.SSLContext lacks "
                "ssl.VERIFY_X509_STRICT.",
            ),
        ),
    }
)
NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}
    | {"RECORD_LAYER_FAILURE", "BAD_RECORD_TYPE"}
)
OTHER_VERSION = frozenset(
    {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW"}
    | {"UNSUPPORTED_SSL_VERSION", "WRONG_SSL_VERSION"}
)
CLIENT_CERTIFICATE = frozenset({"TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_BAD_CERTIFICATE"})
UNKNOWN_NAME = frozenset({"TLSV1_UNRECOGNIZED_NAME", "TLSV1_ALERT_UNRECOGNIZED_NAME"})

UNREACHABLE = {"ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EHOSTDOWN", "EADDRNOTAVAIL", "ENONET"}
FORBIDDEN = {"EACCES", "EPERM"}
EXHAUSTED = {"EMFILE", "ENFILE", "ENOBUFS"}
CUT = {"ECONNRESET", "ECONNABORTED", "EPIPE"}
WINDOWS_PREFIX = "WSA"


@frozen
class Route:
    """The way of a request that failed.

    Attributes:
        host: the server's host and port; empty if it is not known.
        proxy: the variable that names the proxy; None if there is none, or it is not known.
        at_proxy: True if the step that failed is one with a proxy, False if it is one with the server behind a proxy;
            None if there is no proxy, or it is not known.
    """

    host: str = ""
    proxy: str | None = None
    at_proxy: bool | None = None

    @property
    def server(self) -> str:
        """The server, in words."""
        return self.host or "the server"

    @property
    def is_proxied(self) -> bool:
        """Whether there is a proxy."""
        return self.at_proxy is not None or self.proxy is not None

    @property
    def proxy_words(self) -> str:
        """The proxy, in words."""
        return f"the proxy in {self.proxy}" if self.proxy else "the proxy"

    @property
    def proxy_setting(self) -> str:
        """The setting that names the proxy, in words."""
        return self.proxy or "the proxy's address"

    @property
    def first_hop(self) -> str:
        """The first host to connect to, in words."""
        return self.proxy_words if self.is_proxied else self.server

    @property
    def peer(self) -> str:
        """The host that TLS was begun with, in words."""
        return self.proxy_words if self.at_proxy else self.server


def was_refused_before_sending(error: Exception) -> bool:
    """Check whether nothing was sent because the server had sent something before the request."""
    return isinstance(error, httpx.ConnectError) and _has_unexpected_data(error)


def _has_unexpected_data(error: BaseException) -> bool:
    return any(isinstance(cause, UnexpectedDataError) for cause in causes_of(error))


def describe(error: httpx.RequestError | httpx.InvalidURL, route: Route, *, unsent: bool) -> Words:
    """Describe a failure.

    Args:
        error: the error.
        route: the way of the request.
        unsent: whether nothing of the request was sent.

    Returns:
        The cause, empty if the error's type says all; and the remedy.
    """
    if isinstance(error, httpx.PoolTimeout):
        return "all connections are in use", "Allow more connections or more time, or send fewer calls at once."
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return "the request is malformed", "Check what your own auth or http_client adds to requests."
    if isinstance(error, httpx.ConnectTimeout):
        reached = route.server if route.at_proxy is False else route.first_hop
        return f"no connection to {reached} in time", f"{CHECK} You may also allow more time."
    if isinstance(error, httpx.ProxyError):
        return _describe_refusal(error, route)
    if not isinstance(error, httpx.ConnectError):
        if unsent:  # so it happened while a proxy was asked for a tunnel
            return _describe_alert(error, route) or _describe_broken_tunnel(error, route)
        return _describe_alert(error, route) or ("", MORE_TIME if isinstance(error, httpx.TimeoutException) else CHECK)
    return _describe_certificate(error, route) or _describe_tls(error, route) or _describe_network(error, route)


def _describe_certificate(error: httpx.RequestError, route: Route) -> Words | None:
    for cause in causes_of(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            code = getattr(cause, "verify_code", 0)
            words, remedy = CERTIFICATES.get(code, (f"is not trusted (OpenSSL's code {code})", TRUST))
            if route.at_proxy and remedy is ANSWERED_IN_PLACE:
                remedy = f"Check {route.proxy_setting}: its host must be the one that the certificate is for."
            return f"the certificate of {route.peer} {words}", remedy
    return None


def _describe_tls(error: httpx.RequestError, route: Route) -> Words | None:
    reasons = {_reason(cause) for cause in causes_of(error) if isinstance(cause, ssl.SSLError)}
    known = reasons - {"", "UNEXPECTED_EOF_WHILE_READING"}
    if known & NO_TLS:
        fix = "; the proxy's scheme, too"
        if route.is_proxied:
            fix = f"; if the proxy speaks plain http, write http:// in {route.proxy_setting}"
        return f"{route.peer} does not answer with TLS", f"Check host and port{fix}."
    if known & OTHER_VERSION:
        return f"this client and {route.peer} have no version of TLS in common", f"TLS 1.2 is needed. {TLS_SETTINGS}"
    if known & UNKNOWN_NAME and not route.at_proxy:
        return f"the server does not know the host name {route.host}".rstrip(), ANSWERED_IN_PLACE
    if alert := _describe_alert(error, route):
        return alert
    if reasons == {""}:  # an alert that OpenSSL has no name for
        known = reasons
    for reason in sorted(known):
        shown = f" ({reason})" if re.fullmatch("[A-Z0-9_]+", reason) else ""
        return f"the TLS handshake with {route.peer} failed{shown}", TLS_SETTINGS
    if any(isinstance(cause, ssl.SSLEOFError) or type(cause).__name__ == "EndOfStream" for cause in causes_of(error)):
        return f"the connection to {route.first_hop} was closed during the TLS handshake", FIREWALL
    return None


def _reason(error: ssl.SSLError) -> str:
    return getattr(error, "reason", None) or ""  # an error that OpenSSL did not raise has no such attribute


def _describe_alert(error: httpx.RequestError | httpx.InvalidURL, route: Route) -> Words | None:
    """Describe the one alert that TLS 1.3 sends after the handshake."""
    if any(isinstance(cause, ssl.SSLError) and _reason(cause) in CLIENT_CERTIFICATE for cause in causes_of(error)):
        remedy = "Pass an http_client whose ssl.SSLContext has your certificate (load_cert_chain)."
        return f"{route.peer} asks for a client certificate", remedy
    return None


def _describe_network(error: httpx.RequestError, route: Route) -> Words:
    names = set(_error_names(error))
    if "UNKNOWN_HOST" in names:
        if route.is_proxied:
            remedy = f"Check {route.proxy_setting} and the name service (DNS)."
            return f"the host name of {route.first_hop} is unknown", remedy
        remedy = (
            "Check the spelling of the address, the name service (DNS), and whether this network needs a proxy "
            "(HTTPS_PROXY)."
        )
        return f"the host name of {route.server} is unknown" if not route.host else f"unknown host {route.host}", remedy
    if "ECONNREFUSED" in names:
        return f"{route.first_hop} refused the connection", f"{CHECK} Nothing accepts connections at this port."
    if names & UNREACHABLE:
        return f"{route.first_hop} is unreachable from this network", CHECK
    if names & FORBIDDEN:
        return f"this machine does not permit a connection to {route.first_hop}", FIREWALL
    if names & EXHAUSTED:
        return (
            "this process cannot open more connections",
            "Close files and connections, or raise the limit (ulimit -n).",
        )
    if names & CUT:
        return f"the connection to {route.first_hop} was cut before anything was sent", FIREWALL
    if _has_unexpected_data(error):
        return f"{route.peer} sent something before the request", CHECK
    return "", CHECK


def _error_names(error: httpx.RequestError) -> Iterator[str]:
    """Yield the names of the system's errors behind an error."""
    for cause in causes_of(error):
        if isinstance(cause, socket.gaierror | UnicodeError):
            yield "UNKNOWN_HOST"
        elif isinstance(cause, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
            yield "ECONNRESET"  # asyncio raises these without a number
        elif isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno is not None:
            yield errno.errorcode.get(cause.errno, "").removeprefix(WINDOWS_PREFIX)


def _describe_refusal(error: httpx.ProxyError, route: Route) -> Words:
    """Describe a proxy's answer that is not a tunnel. httpx keeps only the status, as the beginning of its text."""
    proxy, where = route.proxy_words, route.proxy_setting
    status = proxy_status(error)
    if status in (401, 407):  # 401 is the wrong status for it, which some send
        return f"{proxy} asks for a valid user name and password ({status})", (
            f"Put them into {where}, as http://name:password@host:port, with special characters percent-encoded. For a "
            "proxy that accepts only NTLM or Kerberos, run a local proxy that logs in to it."
        )
    if status == 403:
        remedy = "Ask for this host to be permitted; or list it in NO_PROXY if this network reaches it without a proxy."
        return f"{proxy} forbids connections to {route.server} (403)", remedy
    if status is not None and status >= 500:
        return f"{proxy} could not connect to {route.server} ({status})", f"{CHECK} The proxy may not know this host."
    shown = f" ({status})" if status else ""
    return f"{proxy} refused to connect to {route.server}{shown}", f"Check {where}, name and password, then send again."


def _describe_broken_tunnel(error: httpx.RequestError | httpx.InvalidURL, route: Route) -> Words:
    proxy = route.proxy_words
    if isinstance(error, httpx.TimeoutException):
        return f"{proxy} did not answer in time", f"{CHECK} You may also allow more time."
    if isinstance(error, httpx.ProtocolError):
        remedy = f"Check {route.proxy or 'its address'}: scheme and port must be those of an http or SOCKS proxy."
        return f"{proxy} did not answer as a proxy does", remedy
    return f"the connection to {proxy} broke before anything was sent", CHECK
