"""Turn the host of a URL, with its variables, into an OpenAPI server."""

from __future__ import annotations

import re

from attrs import evolve

from ..json_nodes import Node
from ..losses import Kind, Loss
from ..model import Server
from ..secrets import MAY_BE_SECRET, is_secret, strip_credentials
from .paths import BRACED_VARIABLE, split_off_query, template_name
from .variables import (
    REFERENCE,
    Variables,
    find_variable,
    inline_variables_with,
    resolve_leading_variables,
    resolve_variables,
)

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# {{region}}.example.com, {{region}}-api.example.com
VARIABLE_SUBDOMAIN = re.compile(r"\{\{[^{}]*\}\}(?:\.[A-Za-z0-9-]+\.?|[A-Za-z0-9.-]*\.[A-Za-z]{2,}(?=:|\Z))")
JOINED = re.compile(
    r"((?:[A-Za-z][A-Za-z0-9+.-]*://)?\{\{([^{}]*)\}\})((?:\{\{([^{}]*)\}\})?(?:[A-Za-z0-9_<{-].*)?)", re.DOTALL
)
HOST_NAME = re.compile("domain|host|server|uri|url", re.IGNORECASE)
HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(\[[^\]/]*\]|[^/:?#]*)(?::([^/?#]*))?(?:[/?#].*)?", re.DOTALL)


def resolve_server(host: str, variables: Variables, node: Node, losses: list[Loss]) -> tuple[Server | None, str]:
    """Return the server for a host with scheme and port, or None if it is unknown; and the query in its variables."""
    address = _resolve_address(host, variables, node).strip()
    if not address or (address.startswith("{{") and not VARIABLE_SUBDOMAIN.match(address)):
        place = f"{node.pointer}/host/0" if isinstance(node.value, dict) and "host" in node.value else node.pointer
        what = address.partition("}}")[0] + "}}" if address else "the server"
        losses.append(Loss(node.where, place, what, "nothing names the base URL of the API", kind=Kind.NO_SERVER))
        return None, ""
    address, query, _ = split_off_query(inline_variables_with("/?", address, variables, node))
    if (bare := strip_credentials(address)) != address:
        losses.append(node.loss("credentials in the URL", "OpenAPI allows none there"))
        address = bare
    if not SCHEME.match(address) and not address.startswith("/"):
        losses.append(node.loss(f"the scheme of {address!r}", "it has none; https is used", kind=Kind.PATH))
        address = f"https://{address}"
    address = address.rstrip("/") or "/"
    used = {}
    names = {}
    for match in BRACED_VARIABLE.finditer(address):
        name = match[1] or match[2]
        names[name] = template_name(name)
        used[names[name]] = _server_variable(name, variables, node, losses)
    address = BRACED_VARIABLE.sub(lambda match: f"{{{names[match[1] or match[2]]}}}", address)
    parts = HOST.fullmatch(address)
    is_url = address.startswith("/") if not parts else bool(re.fullmatch(r"\d*|.*\{.*\}.*", parts[2] or ""))
    if not is_url or not address.isprintable() or " " in address:
        losses.append(node.loss(f"the server {address!r}", "it is not a URL", understood=False, kind=Kind.SERVER))
        return None, query
    return Server(address, used), query


def split_joined_path(host: str, variables: Variables) -> tuple[str, str]:
    """Return a host, and the start of the path that follows its variable without a slash.

    ``{{baseUrl}}v1`` and ``{{baseUrl}}{{path}}`` have one; ``{{scheme}}{{host}}`` and ``{{region}}.example.com`` have
    none.
    """
    found = JOINED.fullmatch(host)
    if not found or not found[3] or VARIABLE_SUBDOMAIN.fullmatch(host):
        return host, ""
    row = find_variable(found[2], variables)
    value = resolve_leading_variables(f"{{{{{found[2]}}}}}", variables, row.node) if row else ""
    is_known = "://" in found[1] or bool(value and not value.startswith("{{"))
    if found[4] is None:
        return (host, "") if is_known else (found[1], found[3])
    is_host = HOST_NAME.search(found[4]) and not HOST_NAME.search(found[2])
    if is_host or "port" in found[4].lower() or value.endswith("://"):
        return host, ""
    return (host, "") if is_known and find_variable(found[4], variables) else (found[1], found[3])


def split_server(server: Server) -> tuple[Server, str]:
    """Return a server without its path, and the path: a URL that is one variable ends without another slash."""
    scheme, mark, rest = server.url.partition("://")
    host, _, path = rest.partition("/")
    if not mark or not path.strip("/") or set("{?#") & set(path):
        return server, ""
    return evolve(server, url=f"{scheme}{mark}{host}"), path


def _resolve_address(host: str, variables: Variables, node: Node) -> str:
    """Return a host with its leading variables resolved; a scheme before them stays if their value has none."""
    scheme, mark, rest = host.partition("://")
    if not mark or "{{" in scheme or not rest.startswith("{{"):
        return resolve_leading_variables(host, variables, node)
    address = resolve_leading_variables(rest, variables, node)
    if SCHEME.match(address):
        return address
    return f"{scheme}:{address}" if address.startswith("//") else host


def _server_variable(name: str, variables: Variables, node: Node, losses: list[Loss]) -> dict[str, object]:
    """Return a server variable as OpenAPI writes it; its default is the value of Postman's variable."""
    row = find_variable(name, variables)
    default = resolve_variables(f"{{{{{name}}}}}", variables, node)
    if (bare := strip_credentials(default)) != default:
        losses.append(node.loss("credentials in the URL", "OpenAPI allows none there"))
        default = bare
    if is_secret(name) and default:
        losses.append(node.loss(f"the value of the variable {name!r}", MAY_BE_SECRET))
        default = name
    if not default or REFERENCE.search(default):
        losses.append(node.loss(f"the value of the variable {name!r}", "it is unknown; its name is used instead"))
        default = name
    written: dict[str, object] = {"default": default}
    if row and row.only:
        written["enum"] = list(dict.fromkeys([*row.only, default]))
    if row and row.description:
        written["description"] = row.description
    return written
