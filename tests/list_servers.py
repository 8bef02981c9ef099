"""A server of lists that misbehaves as configured, and changes while it is read."""

from __future__ import annotations

from typing import Any

import httpx
from attrs import define, field

from confluence_groups_sdk import User

UNIDENTIFIED = "null-"  # the ids of entries that the server sends as null


@define
class Server:
    """A server that has the same ids in every list, and misbehaves as configured."""

    ids: list[str]
    cap: int = 200
    overlap: int = 0  # number of results by which a page starts too early
    hidden: frozenset[str] = frozenset()  # ids that a page omits without a replacement
    total: int | None = None  # the total, stated even if not requested
    counts: bool = False  # whether the true total is stated if requested
    next_link: bool | None = None  # a next link to send always; None for a correct link
    ignores_start: bool = False
    stated_limit: str = "asked"  # the limit in the response: the one "asked" for, the one "used", or "none"
    known: int = 200  # the status of the existence check of the group
    requested_urls: list[httpx.URL] = field(factory=list)
    cut_list: bool = False  # whether a response looked like the end of a list that goes on; no client can notice

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requested_urls.append(request.url)
        if request.url.path.endswith("/by-id"):
            return httpx.Response(self.known, json={"type": "group", "id": "g", "name": "n", "statusCode": self.known})
        start, limit = int(request.url.params["start"]), int(request.url.params["limit"])
        first = 0 if self.ignores_start else max(0, start - self.overlap)
        ids = self.ids[first : first + min(limit, self.cap)]
        more = first + len(ids) < len(self.ids) if self.next_link is None else self.next_link
        shown = [each for each in ids if each not in self.hidden]
        body: dict[str, Any] = {"results": list(map(entry, shown)), "start": start, "size": len(ids)}
        if self.stated_limit != "none":
            body["limit"] = limit if self.stated_limit == "asked" else min(limit, self.cap)
        if ids and not more and first + len(ids) < len(self.ids) and len(shown) < min(limit, body.get("limit", limit)):
            told_by_total = "limit" not in body or (self.total or 0) > start + len(ids)
            self.cut_list |= first < start or not told_by_total
        body["_links"] = {"next": "/rest/api/elsewhere?start=9999"} if more else {}
        if self.total is not None:
            body["totalSize"] = self.total
        elif self.counts and request.url.params.get("shouldReturnTotalSize") == "true":
            body["totalSize"] = len(self.ids)
        return httpx.Response(200, json=body)

    @property
    def starts(self) -> list[int]:
        return [int(url.params["start"]) for url in self.requested_urls if "start" in url.params]


def entry(item_id: str) -> dict[str, Any] | None:
    """Return an entry that is both a user and a group; None for an unidentified one."""
    if item_id.startswith(UNIDENTIFIED):
        return None
    return {"type": "known", "accountId": item_id, "id": item_id, "name": item_id}


def make_ids(count: int) -> list[str]:
    return [f"id-{number}" for number in range(count)]


def ids_of(result: list[Any]) -> list[str]:
    return [item.account_id if isinstance(item, User) else item.id for item in result]
