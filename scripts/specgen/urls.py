"""Addresses in Postman's forms, as a text or in parts, taken apart into server, path and parameters."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from attrs import evolve, frozen

from .collection import Parameter, Server
from .fields import Field, parameters, read_fields
from .nodes import Node
from .problems import Loss, losing
from .secrecy import KEPT_BACK, is_secret, without_credentials
from .variables import REFERENCE, Variables, expanded, unfolded

KNOWN = ("raw", "protocol", "auth", "host", "port", "path", "query", "hash", "variable", "variables")
ADDRESS = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*|\{\{[^{}]*\}\})://)?((?:\{\{[^{}]*\}\}|[^/?#])*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?",
    re.DOTALL,
)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
IN_TEMPLATE = re.compile(r"[:!\[\]]")  # what readers of a template take for the end of a name
COLON = re.compile(r":([A-Za-z0-9_][^/{}]*)")
BRACES = re.compile(r"\{\{([^{}]+)\}\}|\{([^{}/]+)\}")
NOWHERE = "nothing says where the API starts"
UNESCAPED = "~!$&'()*+,;=:@%-._"  # what may stand in a segment as it is, the per cent sign of what is escaped already


@frozen
class Address:
    """Where a request goes."""

    server: Server | None
    path: str
    parameters: tuple[Parameter, ...]
    segments: tuple[str, ...]  # of the path as it was written, for comparing
    marks_security: bool  # some query parameter was added for a security scheme


@frozen
class Parts:
    """An address in parts, still as Postman writes them."""

    host: str  # with scheme and port
    path: tuple[str, ...]
    query: list[Field]


def read_address(
    node: Node, variables: Variables, losses: list[Loss], *, added: str | None = None, server: str | None = None
) -> Address:
    """Return where a request goes.

    Args:
        node: the url of a request.
        variables: what is known of ``{{name}}``.
        losses: where to report.
        added: the name of a parameter that a security scheme adds; it is passed over.
        server: where the API starts, in place of a variable at the start of the address.

    Raises:
        SpecError: it is no address, or variables stand for each other in a circle.
    """
    parts, own = _parts(node, losses)
    names, path = _path(parts.path, node)
    described = _described(names, own, variables, node, losses)
    for key, row in own.items():
        if key not in names and row.value != f"{{{{{key}}}}}":  # a server's variables are repeated by some exporters
            why = "no part of the path has it"
            losses.append(row.node.loss(f"the path variable {key!r}", why, understood=False))
    rows = [row for row in parts.query if not row.is_security and row.key != added]
    found = (*parameters("path", described, losses), *parameters("query", rows, losses))
    replaced = parts.host.startswith("{{") and server is not None
    known = Server(server or "", {}) if replaced else _server(parts.host, {**variables}, node, losses)
    return Address(known, path, found, parts.path, any(row.is_security for row in parts.query))


def _parts(node: Node, losses: list[Loss]) -> tuple[Parts, dict[str, Field]]:
    """Return the parts of an address, and the rows that describe the variables of its path."""
    if isinstance(node.value, str):
        return _split(node, losses), {}
    url = node.fields(KNOWN, losses)
    own: dict[str, Field] = {}
    for row in read_fields(url.get("variable", url.get("variables")), "a path variable", losses):
        if row.key in own:
            losses.append(row.node.loss(f"a second path variable {row.key!r}", "only the first is carried over"))
        own.setdefault(row.key, row)
    if "auth" in url:
        losses.append(url["auth"].loss("credentials in the address", "an address holds none in OpenAPI"))
    if "hash" in url:
        losses.append(url["hash"].loss("the fragment of the address", "it is never sent"))
    if "host" not in url and "path" not in url:
        if "raw" not in url:
            node.fail("neither 'host' and 'path' nor 'raw' is there")
        parts = _split(url["raw"], losses)
        return (
            evolve(parts, query=read_fields(url["query"], "a query parameter", losses)) if "query" in url else parts
        ), own
    host = _joined(url.get("host"), ".") + (f":{_joined(url['port'], '')}" if "port" in url else "")
    scheme = f"{url['protocol'].text()}://" if "protocol" in url and not host.startswith("{{") else ""
    path = tuple(_texts(url.get("path")))
    query = read_fields(url.get("query"), "a query parameter", losses)
    parts = Parts(scheme + host, path, query)
    if "raw" in url:
        _compare(parts, url["raw"], losses)
    return parts, own


def _split(node: Node, losses: list[Loss]) -> Parts:
    """Return the parts of an address that is one text."""
    found = ADDRESS.fullmatch(node.text().strip())
    if not found or not found[2]:
        node.fail("no address: it has no host")
    scheme, host, path, query, fragment = found.groups()
    if fragment:
        losses.append(node.loss("the fragment of the address", "it is never sent"))
    pairs = [pair.partition("=") for pair in (query or "").split("&") if pair]
    rows = [{"key": unquote(key), "value": value} for key, _, value in pairs]
    fields = read_fields(evolve(node, value=rows), "a query parameter", losses) if rows else []
    fields = [evolve(row, node=node) for row in fields]  # the rows have no place of their own
    return Parts((f"{scheme}://" if scheme else "") + host, tuple(path.split("/")[1:]), fields)


def _compare(parts: Parts, raw: Node, losses: list[Loss]) -> None:
    """See that an address as text says the same as its parts, but for what is switched off."""
    with losing("the address as text", losses):
        text = _split(raw, [])
        on = [(row.key, unquote(row.value)) for row in parts.query if not row.disabled]
        same = (text.host, text.path) == (parts.host, parts.path)
        if not same or [(row.key, unquote(row.value)) for row in text.query] != on:
            why = "differs from its parts, which count"
            losses.append(raw.loss("the address as text", why, understood=False))


def _joined(node: Node | None, separator: str) -> str:
    return separator.join(_texts(node, split=separator))


def _texts(node: Node | None, split: str = "/") -> list[str]:
    """Return the parts of a host or path, which are a list or one text."""
    if node is None:
        return []
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return [str(node.value)]
    if isinstance(node.value, str):
        return (node.value.removeprefix("/") if split == "/" else node.value).split(split or None)
    return [_text(part) for part in node.items()]


def _text(part: Node) -> str:
    """Return a part, which may be an object around its text."""
    if isinstance(part.value, dict) and "value" in part.value:
        return part.child("value").text()
    return part.text()


def _path(segments: tuple[str, ...], node: Node) -> tuple[list[str], str]:
    """Return the names of the variables in a path, and the path as OpenAPI writes it."""
    names: list[str] = []
    written = []
    for segment in segments:
        if segment in (".", ".."):
            node.fail(f"the path has a part {segment!r}, which is no place below the server")
        if variable := COLON.fullmatch(segment):
            names.append(variable[1])
            written.append(f"{{{_templated(names[-1])}}}")
            continue
        text, end = "", 0
        for variable in BRACES.finditer(segment):
            names.append(variable[1] or variable[2])
            text += f"{quote(segment[end : variable.start()], safe=UNESCAPED)}{{{_templated(names[-1])}}}"
            end = variable.end()
        written.append(text + quote(segment[end:], safe=UNESCAPED))
    if len({_templated(name) for name in names}) < len(names):
        node.fail(f"the path has a variable twice: {', '.join(names)}")
    return names, "/" + "/".join(written)


def _described(
    names: list[str], own: dict[str, Field], variables: Variables, node: Node, losses: list[Loss]
) -> list[Field]:
    """Return a row for each variable of a path: its own, or that of the collection's variable, or an empty one."""
    rows = []
    for name in names:
        row = own.get(name, variables.get(name))
        if row is None:
            what = f"the type of the path variable {name!r}"
            losses.append(node.loss(what, "nothing describes it", understood=False))
            empty = evolve(node, value=[{"key": name}])
            row = evolve(read_fields(empty, what, losses)[0], node=node)
        if _templated(name) != name:
            why = f"it is {_templated(name)!r}: a template has no such name"
            losses.append(node.loss(f"the name {name!r} of a path variable", why, understood=False))
        rows.append(evolve(row, key=_templated(name)))
    return rows


def _templated(name: str) -> str:
    """Return a name as a path template can hold it."""
    return IN_TEMPLATE.sub("_", name)


def _server(host: str, variables: Variables, node: Node, losses: list[Loss]) -> Server | None:
    """Return the server that a host with its scheme and port stands for; None where nothing says where it is."""
    address = unfolded(host, variables, node)
    if not address or address.startswith("{{"):
        place = f"{node.pointer}/host/0" if isinstance(node.value, dict) and "host" in node.value else node.pointer
        what = address.partition("}}")[0] + "}}" if address else "the server"
        losses.append(Loss(node.where, place, what, NOWHERE))
        return None
    if (bare := without_credentials(address)) != address:
        losses.append(node.loss("credentials in the address", "an address holds none in OpenAPI"))
        address = bare
    if not SCHEME.match(address) and not address.startswith("/"):
        losses.append(node.loss(f"the scheme of {address!r}", "none is named; https is taken"))
        address = f"https://{address}"
    address = re.split(r"[?#]", address, maxsplit=1)[0]
    address = address.rstrip("/") or "/"
    if not address.isprintable() or " " in address:
        losses.append(node.loss(f"the server {address!r}", "no address", understood=False))
        return None
    used = {}
    for match in BRACES.finditer(address):
        used[match[1] or match[2]] = _server_variable(match[1] or match[2], variables, node, losses)
    return Server(BRACES.sub(lambda match: f"{{{match[1] or match[2]}}}", address), used)


def _server_variable(name: str, variables: Variables, node: Node, losses: list[Loss]) -> dict[str, object]:
    """Return a variable of a server as OpenAPI writes it; its default is what Postman's variable stands for."""
    row = variables.get(name)
    default = expanded(f"{{{{{name}}}}}", variables, node)
    if (bare := without_credentials(default)) != default:
        losses.append(node.loss("credentials in the address", "an address holds none in OpenAPI"))
        default = bare
    if is_secret(name) and default:
        losses.append(node.loss(f"the value of the variable {name!r}", KEPT_BACK))
        default = name
    if not default or REFERENCE.search(default):
        losses.append(node.loss(f"the value of the variable {name!r}", "it is not known; its name stands for it"))
        default = name
    written: dict[str, object] = {"default": default}
    if row and row.only:
        written["enum"] = list(dict.fromkeys([*row.only, default]))
    if row and row.description:
        written["description"] = row.description
    return written
