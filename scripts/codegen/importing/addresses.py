"""Write the addresses of an export as ``{{baseUrl}}`` and a path, if they lead to a server of the API."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen
from postman_openapi.json_nodes import Node
from postman_openapi.losses import SpecError
from postman_openapi.merging import path_shape
from postman_openapi.reader.paths import split_off_query
from postman_openapi.reader.urls import RequestUrl, read_url
from postman_openapi.reader.variables import Variables

BASE = "{{baseUrl}}"
ROWS = ("variable", "variables")
PLACE = ("host", "path", "protocol", "port", *ROWS)  # the members of a URL that say where it leads

Segments = tuple[str, ...]


def read_servers(overlay: Any) -> list[str]:
    """Return the URLs of the servers that an overlay adds."""
    actions = overlay.get("actions") if isinstance(overlay, dict) else None
    updates = [action.get("update") for action in actions or () if isinstance(action, dict)]
    lists = [update.get("servers") for update in updates if isinstance(update, dict)]
    rows = [row for rows in lists if isinstance(rows, list) for row in rows]
    return [row["url"] for row in rows if isinstance(row, dict) and isinstance(row.get("url"), str)]


def _split_urls(urls: Sequence[str]) -> tuple[SplitResult, ...]:
    return tuple(urlsplit(url) for url in urls)


@frozen
class AddressBook:
    """The addresses of the API: its servers, and the method and path shape of each operation.

    The path of a server counts, as in a comparison of documents; the host of a known operation may be any.
    """

    servers: tuple[SplitResult, ...] = field(converter=_split_urls)
    operations: Collection[tuple[str, str]]

    def path_below_server(self, url: Node, method: str, variables: Variables) -> Segments | None:
        """Return the path of a URL without the server's part, as Postman writes it; None for another API's URL."""
        try:
            address = read_url(url, variables, [])
            server = urlsplit(address.server.url if address.server else "")
        except (SpecError, ValueError):
            return None  # the reader names the problem
        whole = (*filter(None, server.path.split("/")), *address.path.removeprefix("/").split("/"))
        length = self._server_length(whole, method, server.hostname or "")
        return None if length is None else _written_end(address, whole[length:])

    def _server_length(self, whole: Segments, method: str, host: str) -> int | None:
        """Return the number of segments that belong to the server, or None if this is no server of ours."""
        is_variable = host in ("", "{") or (host.startswith("{") and host.endswith("}"))
        ours = is_variable or any(_share_domain(host, server.hostname or "") for server in self.servers)
        complete = [length for length in self._complete(whole) if length < len(whole)]
        partial = [*self._partial(whole), 0] if is_variable else [0] if ours else []
        for length in (*complete, *partial):
            if (method, path_shape("/" + "/".join(whole[length:]))) in self.operations:
                return length
        return complete[0] if complete and ours else None

    def _complete(self, whole: Segments) -> Iterator[int]:
        """Yield the lengths of the servers' paths that this path starts with."""
        for server in self.servers:
            parts = [*filter(None, server.path.split("/"))]
            if parts and all(part.startswith("{") or part == own for part, own in zip(parts, whole, strict=False)):
                yield len(parts)

    def _partial(self, whole: Segments) -> Iterator[int]:
        """Yield the lengths of the ends of servers' paths, whose beginnings may be in a variable."""
        for server in self.servers:
            parts = tuple(filter(None, server.path.split("/")))
            yield from (length for length in range(1, len(parts)) if whole[:length] == parts[-length:])


def _share_domain(one: str, other: str) -> bool:
    """Check whether two hosts are equal or differ in their first labels alone: sites of one provider."""
    domains = [host.partition(".")[2] for host in (one, other)]
    return one == other or (domains[0] == domains[1] and "." in domains[0])


def _written_end(address: RequestUrl, end: Segments) -> Segments:
    """Return the end of a path as Postman writes it, for its end in a template."""
    if len(address.segments) >= len(end):
        return address.segments[len(address.segments) - len(end) :]
    return tuple(f":{part[1:-1]}" if part.startswith("{") else part for part in end)


def rewrite_addresses(item: Any, where: str, book: AddressBook, variables: Variables) -> tuple[Any, list[str]]:
    """Return an item with its addresses below ``{{baseUrl}}``, and a note for each address that differed.

    An example that keeps an older address than its request receives that of the request.
    """
    request = item.get("request") if isinstance(item, dict) else None
    if not isinstance(request, dict) or "url" not in request:
        return item, []
    before = _address(request["url"])
    url = _below_base(request["url"], where, _method(request), book, variables)
    notes = [_change_note(before, _address(url))] if _address(url) != before else []
    changed = {**item, "request": {**request, "url": url}}
    if isinstance(item.get("response"), list):
        sent = [_sent_url(answer, _method(request)) for answer in item["response"]]
        older = [_address(own) for own in sent if own is not None and _address(own) != before]
        notes += [f"an example keeps the older address {_shorten(address, before)}" for address in older]
        changed["response"] = [
            answer if own is None or _address(own) == _address(url) else _with_url(answer, _with_place(own, url))
            for answer, own in zip(item["response"], sent, strict=True)
        ]
    return changed, notes


def _change_note(before: str, after: str) -> str:
    end = _common_end(before, after)
    return f"{before.removesuffix(end)} is read as {after.removesuffix(end)}"


def _shorten(address: str, other: str) -> str:
    """Return the part of an address in which it differs from another one, if they end alike."""
    return address.removesuffix(_common_end(address, other))


def _common_end(one: str, other: str) -> str:
    """Return the segments in which two addresses end alike."""
    pairs = zip(reversed(one.split("/")[1:]), reversed(other.split("/")[1:]), strict=False)
    same = [mine for mine, its in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return "".join(f"/{part}" for part in reversed(same))


def _sent_url(answer: Any, method: str) -> Any:
    """Return the URL of an example's request, or None if there is none of this method."""
    sent = answer.get("originalRequest") if isinstance(answer, dict) else None
    return sent.get("url") if isinstance(sent, dict) and _method(sent) == method else None


def _with_url(answer: Any, url: Any) -> Any:
    return {**answer, "originalRequest": {**answer["originalRequest"], "url": url}}


def _method(request: Any) -> str:
    return str(request.get("method", "GET")).strip().upper()


def _below_base(url: Any, where: str, method: str, book: AddressBook, variables: Variables) -> Any:
    """Return a URL with ``{{baseUrl}}`` in place of the server; unchanged if it leads elsewhere."""
    segments = book.path_below_server(Node(url, where), method, variables)
    if segments is None:
        return url
    address = "/".join([BASE, *segments])
    if not isinstance(url, dict):
        return _replace_address(url, address)
    raw = url.get("raw")
    if isinstance(raw, str) and book.path_below_server(Node(raw, where), method, variables) != segments:
        return url  # the reader reports that they differ
    described = {name: url[name] for name in ROWS if name in url}
    return _with_place(url, {**described, "host": [BASE], "path": [*segments], "raw": address})


def _with_place(url: Any, model: Any) -> Any:
    """Return a URL that leads where another one does, with its own query."""
    address = _address(model)
    if isinstance(url, str):
        return _replace_address(url, address)
    if not isinstance(url, dict) or not isinstance(model, dict | str):
        return url
    place = {name: model[name] for name in PLACE if name in model} if isinstance(model, dict) else {}
    if not {"host", "path"} & url.keys():  # it is only a text
        place = {name: rows for name, rows in place.items() if name in ROWS}
    placed = {name: place.get(name, value) for name, value in url.items() if name not in PLACE or name in place}
    placed |= place
    if isinstance(url.get("raw"), str) or not {"host", "path"} & placed.keys():
        placed["raw"] = _replace_address(str(url.get("raw", "")), address)
    return placed


def _address(url: Any) -> str:
    """Return a URL without its query."""
    if isinstance(url, dict):
        if isinstance(url.get("raw"), str):
            return split_off_query(url["raw"])[0]
        host = _join(url.get("host"), ".")
        scheme = f"{url['protocol']}://" if url.get("protocol") else ""
        return f"{scheme}{host}{':' if url.get('port') else ''}{url.get('port', '')}/{_join(url.get('path'), '/')}"
    return split_off_query(url)[0] if isinstance(url, str) else ""


def _join(parts: Any, separator: str) -> str:
    if isinstance(parts, Sequence) and not isinstance(parts, str):
        return separator.join(str(part.get("value", "")) if isinstance(part, dict) else str(part) for part in parts)
    return str(parts or "").removeprefix(separator)


def _replace_address(text: str, address: str) -> str:
    return address + text[len(split_off_query(text)[0]) :]
