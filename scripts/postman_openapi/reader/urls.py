"""Split URLs in Postman's forms, as a string or in parts, into server, path and parameters."""

from __future__ import annotations

import re
from urllib.parse import unquote

from attrs import evolve, frozen

from ..json_nodes import Node
from ..losses import Kind, Loss, recording_loss
from ..model import Parameter, Server
from ..secrets import MAY_BE_SECRET, is_secret
from .bookkeeping import known_fields
from .parameter_rows import Field, build_parameters, read_fields
from .paths import PathVariable, build_path, decode_marks, split_off_query, split_path
from .servers import SCHEME, resolve_server, split_joined_path, split_server
from .variables import REFERENCE, Variables, find_variable, inline_variables_with, resolve_rows

KNOWN = ("raw", "protocol", "auth", "host", "port", "path", "query", "hash", "variable", "variables")
URL = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*|\{\{[^{}]*\}\})://)?((?:\{\{[^{}]*\}\}|[^/?#])*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?",
    re.DOTALL,
)
VARIABLE_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?\{\{[^{}]*\}\}(?:\Z|:)|\{\{")
NO_ADDRESS = re.compile(r"(about|blob|data|file|javascript|mailto):(?!\d)", re.IGNORECASE)


@frozen
class RequestUrl:
    """The URL of a request."""

    server: Server | None
    path: str
    parameters: tuple[Parameter, ...]
    segments: tuple[str, ...]  # of the path as Postman writes it, for comparisons
    host: str  # as Postman writes it, for comparisons
    rows: tuple[Field, ...]  # the enabled rows of the path and the query
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
    if parts.host.lower() in ("about", "about:blank"):  # as Postman splits about:blank
        node.fail(f"{parts.host!r} is not the address of an API")
    host, start = split_joined_path(parts.host, variables)
    if start:
        parts = evolve(parts, host=host, path=(start, *parts.path))
        why = f"no slash separates it from {host!r}; the path starts with it"
        losses.append(node.loss(f"the place of {start!r} in the URL", why, kind=Kind.PATH))
    replaced = server is not None and bool(VARIABLE_HOST.match(parts.host))
    given = Server(server or "", {}), ""
    known, more = given if replaced else resolve_server(parts.host, variables, node, losses)
    if more and any(parts.path):
        why = "a variable has it before the path; it is moved to the end"
        losses.append(node.loss("the place of the query", why, kind=Kind.PATH))
    path = "/".join(_inline_segment(segment, variables, node) for segment in parts.path)
    path, inside, fragment = split_off_query(decode_marks(path))
    if fragment:
        losses.append(node.loss("the fragment of the URL", "it is never sent"))
    if not parts.path and known:
        known, path = split_server(known)
    segments = tuple(split_path(path)) if path or parts.path else ()
    names, written = build_path(segments, own, node, losses)
    described = _path_rows(names, own, variables, node, losses)
    used = {variable.name for variable in names}
    for key, row in own.items():
        if key not in used and row.value != f"{{{{{key}}}}}":  # some exporters repeat the server's variables
            why = "the path does not contain it"
            losses.append(row.node.loss(f"the path variable {key!r}", why, understood=False))
    query = [*parts.query, *_query_rows(inside, node, losses), *_query_rows(more, node, losses)]
    query = resolve_rows("query", query, variables, losses)
    rows = [row for row in query if not row.is_security and row.key != added]
    found = (*build_parameters("path", described, losses), *build_parameters("query", rows, losses))
    return RequestUrl(
        server=known,
        path=written,
        parameters=found,
        segments=parts.path,
        host=parts.host,
        rows=tuple(row for row in [*described, *rows] if not row.disabled),
        marks_security=any(row.is_security and not row.disabled for row in parts.query),
    )


def _inline_segment(segment: str, variables: Variables, node: Node) -> str:
    """Return a segment with the variables whose values contain slashes or a query replaced by these."""
    text = inline_variables_with("/?", segment, variables, node)
    return text.strip("/") if REFERENCE.fullmatch(segment) else text


def _read_parts(node: Node, losses: list[Loss]) -> tuple[UrlParts, dict[str, Field]]:
    """Return the parts of a URL, and the rows that describe its path variables."""
    if isinstance(node.value, str):
        return _split_url(node, losses), {}
    url = known_fields(node, KNOWN, losses)
    own = _own_rows(url.get("variable", url.get("variables")), losses)
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
    path = tuple(_split_parts(url.get("path")))
    if not host and path and path[0].startswith("{{"):
        host, path = path[0], path[1:]
    raw = _split_url(url["raw"], []) if "raw" in url and _is_url(url["raw"]) else None
    scheme = url["protocol"].text().strip().rstrip(":/") if "protocol" in url else ""
    if NO_ADDRESS.match(f"{scheme}:"):
        url["protocol"].fail(f"'{scheme}:' is not the address of an API")
    if not host and raw:
        host = raw.host
    if not scheme and raw and raw.host.partition("://")[2] == host and not host.startswith("{{"):
        scheme = raw.host.partition("://")[0]
    if raw and raw.host == host and host.startswith("{{"):
        scheme = "" if "://" in host or not scheme else scheme
    parts = UrlParts(f"{scheme}://{host}" if scheme and not SCHEME.match(host) else host, path, [])
    parts = evolve(parts, query=read_fields(url.get("query"), "a query parameter", losses))
    if "raw" in url:
        _compare_raw(parts, url["raw"], losses)
    return parts, own


def _own_rows(node: Node | None, losses: list[Loss]) -> dict[str, Field]:
    """Return the rows that describe path variables by their names; a disabled one decides nothing."""
    own: dict[str, Field] = {}
    for row in read_fields(node, "a path variable", losses):
        if row.disabled:
            losses.append(row.node.loss(f"the disabled path variable {row.key!r}", "it is switched off"))
            continue
        if row.key in own:
            losses.append(row.node.loss(f"a second path variable {row.key!r}", "only the first is used"))
        own.setdefault(row.key, row)
    return own


def _split_url(node: Node, losses: list[Loss]) -> UrlParts:
    """Split a URL that is one string."""
    text = node.text().strip()
    if bad := NO_ADDRESS.match(text):
        node.fail(f"{bad[1]!r} is not the address of an API")
    found = URL.fullmatch(text)
    if not found or not found[2]:
        node.fail("not a URL: it has no host")
    scheme, host, path, query, fragment = found.groups()
    if fragment:
        losses.append(node.loss("the fragment of the URL", "it is never sent"))
    host = (f"{scheme}://" if scheme else "") + host
    return UrlParts(host, tuple(split_path(path)[1:]), _query_rows(query or "", node, losses))


def _is_url(node: Node) -> bool:
    text = node.value.strip() if isinstance(node.value, str) else ""
    found = URL.fullmatch(text)
    return bool(found and found[2]) and not NO_ADDRESS.match(text)


def _query_rows(query: str, node: Node, losses: list[Loss]) -> list[Field]:
    """Return the rows of a query that is one string."""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    rows = [{"key": unquote(key), "value": value} for key, _, value in pairs]
    fields = read_fields(evolve(node, value=rows), "a query parameter", losses) if rows else []
    return [evolve(row, node=node) for row in fields]  # the rows have no position of their own


def _compare_raw(parts: UrlParts, raw: Node, losses: list[Loss]) -> None:
    """Report a URL string that differs from the parts; disabled rows do not count."""
    with recording_loss("the URL as a string", losses):
        text = _split_url(raw, [])
        on = [(row.key, unquote(row.value)) for row in parts.query if not row.disabled]
        hosts = {parts.host, text.host}
        if len({*map(bool, map(SCHEME.match, hosts))}) == 2:  # one has a scheme, the other has none
            hosts = {SCHEME.sub("", host) for host in hosts}
        if len(hosts) > 1 or text.path != parts.path or [(row.key, unquote(row.value)) for row in text.query] != on:
            why = "it differs from its parts, which are used"
            losses.append(raw.loss("the URL as a string", why, understood=False))


def _join_parts(node: Node | None, separator: str) -> str:
    return separator.join(_split_parts(node, split=separator)).strip()


def _split_parts(node: Node | None, split: str = "/") -> list[str]:
    """Return the parts of a host or path, which may be a list or one string; a part of a path may be several."""
    if node is None:
        return []
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return [str(node.value)]
    if isinstance(node.value, str):
        if split == "/":
            return split_path(node.value.removeprefix("/")) if node.value else []
        return node.value.split(split or None)
    parts = [_part_text(part) for part in node.items()]
    if split != "/" or not parts:
        return parts
    return split_path("/".join([parts[0].removeprefix("/") or parts[0].strip("/"), *parts[1:]]))


def _part_text(part: Node) -> str:
    """Return a part, which may be an object around a string."""
    if isinstance(part.value, dict) and "value" in part.value:
        return part.child("value").text()
    return part.text()


def _path_rows(
    names: list[PathVariable], own: dict[str, Field], variables: Variables, node: Node, losses: list[Loss]
) -> list[Field]:
    """Return a row per path variable: its own, the collection's variable, or an empty one."""
    rows = []
    for variable in names:
        name = variable.name
        row = own.get(name, own.get(name.strip(), find_variable(name, variables)))
        if row is None:
            what = f"the type of the path variable {name!r}"
            if not variable.placeholder:
                losses.append(node.loss(what, "nothing describes it", understood=False))
            empty = evolve(node, value=[{"key": variable.template_name, "value": variable.placeholder}])
            row = evolve(read_fields(empty, what, losses)[0], node=node)
        (row,) = resolve_rows("path", [evolve(row, key="x")], variables, losses) or [evolve(row, value="")]
        shown = "" if is_secret(name) and not row.value.startswith("<") else row.value
        if shown != row.value:
            losses.append(row.node.loss(f"the value of {name!r}", MAY_BE_SECRET))
        rows.append(evolve(row, key=variable.template_name, value=shown))
    return rows
