"""Split URLs in Postman's forms, as a string or in parts, into server, path and parameters."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from attrs import evolve, frozen

from ..json_nodes import Node
from ..losses import Loss, recording_loss
from ..model import Parameter, Server
from ..secrets import MAY_BE_SECRET, is_secret, strip_credentials
from .parameter_rows import Field, build_parameters, read_fields
from .variables import REFERENCE, Variables, resolve_leading_variables, resolve_variables

KNOWN = ("raw", "protocol", "auth", "host", "port", "path", "query", "hash", "variable", "variables")
URL = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*|\{\{[^{}]*\}\})://)?((?:\{\{[^{}]*\}\}|[^/?#])*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?",
    re.DOTALL,
)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
INVALID_IN_TEMPLATE = re.compile(r"[:!\[\]]")  # tools that read a template take these for the end of a name
COLON_VARIABLE = re.compile(r"\A:([A-Za-z0-9_][^/{}]*)\Z")
BRACED_VARIABLE = re.compile(r"\{\{([^{}]+)\}\}|\{([^{}/]+)\}")
SEGMENT_PART = re.compile(rf"{BRACED_VARIABLE.pattern}|[^{{]+|\{{")
NO_SERVER = "nothing names the base URL of the API"
SAFE_CHARACTERS = "~!$&'()*+,;=:@%-._"  # allowed in a path segment (RFC 3986 section 3.3); % because it may be escaped


@frozen
class RequestUrl:
    """The URL of a request."""

    server: Server | None
    path: str
    parameters: tuple[Parameter, ...]
    segments: tuple[str, ...]  # of the path as Postman writes it, for comparisons
    marks_security: bool  # a query parameter is marked as part of a security scheme


@frozen
class UrlParts:
    """The parts of a URL as Postman writes them."""

    host: str  # with scheme and port
    path: tuple[str, ...]
    query: list[Field]


def read_url(
    node: Node, variables: Variables, losses: list[Loss], *, added: str | None = None, server: str | None = None
) -> RequestUrl:
    """Return the URL of a request.

    Args:
        node: the url of a request.
        variables: the values of ``{{name}}``.
        losses: receives the losses.
        added: the name of the parameter that a security scheme adds; it is left out.
        server: the base URL, instead of a variable at the start of the URL.

    Raises:
        SpecError: it is not a URL, or variables refer to each other in a circle.
    """
    parts, own = _read_parts(node, losses)
    names, path = _build_path(parts.path, node)
    described = _path_rows(names, own, variables, node, losses)
    for key, row in own.items():
        if key not in names and row.value != f"{{{{{key}}}}}":  # some exporters repeat the server's variables
            why = "the path does not contain it"
            losses.append(row.node.loss(f"the path variable {key!r}", why, understood=False))
    rows = [row for row in parts.query if not row.is_security and row.key != added]
    found = (*build_parameters("path", described, losses), *build_parameters("query", rows, losses))
    replaced = parts.host.startswith("{{") and server is not None
    known = Server(server or "", {}) if replaced else _resolve_server(parts.host, {**variables}, node, losses)
    return RequestUrl(known, path, found, parts.path, any(row.is_security for row in parts.query))


def _read_parts(node: Node, losses: list[Loss]) -> tuple[UrlParts, dict[str, Field]]:
    """Return the parts of a URL, and the rows that describe its path variables."""
    if isinstance(node.value, str):
        return _split_url(node, losses), {}
    url = node.fields(KNOWN, losses)
    own: dict[str, Field] = {}
    for row in read_fields(url.get("variable", url.get("variables")), "a path variable", losses):
        if row.key in own:
            losses.append(row.node.loss(f"a second path variable {row.key!r}", "only the first is used"))
        own.setdefault(row.key, row)
    if "auth" in url:
        losses.append(url["auth"].loss("credentials in the URL", "OpenAPI allows none there"))
    if "hash" in url:
        losses.append(url["hash"].loss("the fragment of the URL", "it is never sent"))
    if "host" not in url and "path" not in url:
        if "raw" not in url:
            node.fail("neither 'host' and 'path' nor 'raw' is there")
        parts = _split_url(url["raw"], losses)
        return (
            evolve(parts, query=read_fields(url["query"], "a query parameter", losses)) if "query" in url else parts
        ), own
    host = _join_parts(url.get("host"), ".") + (f":{_join_parts(url['port'], '')}" if "port" in url else "")
    scheme = f"{url['protocol'].text()}://" if "protocol" in url and not host.startswith("{{") else ""
    path = tuple(_split_parts(url.get("path")))
    query = read_fields(url.get("query"), "a query parameter", losses)
    parts = UrlParts(scheme + host, path, query)
    if "raw" in url:
        _compare_raw(parts, url["raw"], losses)
    return parts, own


def _split_url(node: Node, losses: list[Loss]) -> UrlParts:
    """Split a URL that is one string."""
    found = URL.fullmatch(node.text().strip())
    if not found or not found[2]:
        node.fail("not a URL: it has no host")
    scheme, host, path, query, fragment = found.groups()
    if fragment:
        losses.append(node.loss("the fragment of the URL", "it is never sent"))
    pairs = [pair.partition("=") for pair in (query or "").split("&") if pair]
    rows = [{"key": unquote(key), "value": value} for key, _, value in pairs]
    fields = read_fields(evolve(node, value=rows), "a query parameter", losses) if rows else []
    fields = [evolve(row, node=node) for row in fields]  # the rows have no position of their own
    return UrlParts((f"{scheme}://" if scheme else "") + host, tuple(path.split("/")[1:]), fields)


def _compare_raw(parts: UrlParts, raw: Node, losses: list[Loss]) -> None:
    """Report a URL string that differs from the parts; disabled rows do not count."""
    with recording_loss("the URL as a string", losses):
        text = _split_url(raw, [])
        on = [(row.key, unquote(row.value)) for row in parts.query if not row.disabled]
        same = (text.host, text.path) == (parts.host, parts.path)
        if not same or [(row.key, unquote(row.value)) for row in text.query] != on:
            why = "it differs from its parts, which are used"
            losses.append(raw.loss("the URL as a string", why, understood=False))


def _join_parts(node: Node | None, separator: str) -> str:
    return separator.join(_split_parts(node, split=separator))


def _split_parts(node: Node | None, split: str = "/") -> list[str]:
    """Return the parts of a host or path, which may be a list or one string."""
    if node is None:
        return []
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return [str(node.value)]
    if isinstance(node.value, str):
        return (node.value.removeprefix("/") if split == "/" else node.value).split(split or None)
    return [_part_text(part) for part in node.items()]


def _part_text(part: Node) -> str:
    """Return a part, which may be an object around a string."""
    if isinstance(part.value, dict) and "value" in part.value:
        return part.child("value").text()
    return part.text()


def _build_path(segments: tuple[str, ...], node: Node) -> tuple[list[str], str]:
    """Return the names of the variables in a path, and the path as OpenAPI writes it."""
    names: list[str] = []

    def write(part: re.Match[str]) -> str:
        if name := part[1] or part[2]:
            names.append(name)
            return f"{{{_template_name(name)}}}"
        return quote(part[0], safe=SAFE_CHARACTERS)

    for segment in segments:
        if segment in (".", ".."):
            node.fail(f"the path has a part {segment!r}, which would leave the server's base URL")
    written = [SEGMENT_PART.sub(write, COLON_VARIABLE.sub(r"{{\1}}", segment)) for segment in segments]
    if len({_template_name(name) for name in names}) < len(names):
        node.fail(f"the path has a variable twice: {', '.join(names)}")
    return names, "/" + "/".join(written)


def _path_rows(
    names: list[str], own: dict[str, Field], variables: Variables, node: Node, losses: list[Loss]
) -> list[Field]:
    """Return a row per path variable: its own, the collection's variable, or an empty one."""
    rows = []
    for name in names:
        row = own.get(name, variables.get(name))
        if row is None:
            what = f"the type of the path variable {name!r}"
            losses.append(node.loss(what, "nothing describes it", understood=False))
            empty = evolve(node, value=[{"key": name}])
            row = evolve(read_fields(empty, what, losses)[0], node=node)
        if _template_name(name) != name:
            why = f"it becomes {_template_name(name)!r}, because a template cannot contain it"
            losses.append(node.loss(f"the name {name!r} of a path variable", why, understood=False))
        rows.append(evolve(row, key=_template_name(name)))
    return rows


def _template_name(name: str) -> str:
    """Return a name that a path template can contain."""
    return INVALID_IN_TEMPLATE.sub("_", name)


def _resolve_server(host: str, variables: Variables, node: Node, losses: list[Loss]) -> Server | None:
    """Return the server for a host with scheme and port, or None if it is unknown."""
    address = resolve_leading_variables(host, variables, node)
    if not address or address.startswith("{{"):
        place = f"{node.pointer}/host/0" if isinstance(node.value, dict) and "host" in node.value else node.pointer
        what = address.partition("}}")[0] + "}}" if address else "the server"
        losses.append(Loss(node.where, place, what, NO_SERVER))
        return None
    if (bare := strip_credentials(address)) != address:
        losses.append(node.loss("credentials in the URL", "OpenAPI allows none there"))
        address = bare
    if not SCHEME.match(address) and not address.startswith("/"):
        losses.append(node.loss(f"the scheme of {address!r}", "it has none; https is used"))
        address = f"https://{address}"
    address = re.split(r"[?#]", address, maxsplit=1)[0]
    address = address.rstrip("/") or "/"
    if not address.isprintable() or " " in address:
        losses.append(node.loss(f"the server {address!r}", "it is not a URL", understood=False))
        return None
    used = {}
    for match in BRACED_VARIABLE.finditer(address):
        used[match[1] or match[2]] = _server_variable(match[1] or match[2], variables, node, losses)
    return Server(BRACED_VARIABLE.sub(lambda match: f"{{{match[1] or match[2]}}}", address), used)


def _server_variable(name: str, variables: Variables, node: Node, losses: list[Loss]) -> dict[str, object]:
    """Return a server variable as OpenAPI writes it; its default is the value of Postman's variable."""
    row = variables.get(name)
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
