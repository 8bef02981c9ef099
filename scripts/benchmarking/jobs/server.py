"""A server on loopback that knows a company: as cheap as possible, in its own process, slow and limited on request.

It answers the reads that jobs make, and removals. Its bodies are put together from texts that are built in advance.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from urllib.parse import parse_qs, unquote

from attrs import asdict, define, field, frozen

from benchmarking.jobs import company as companies
from benchmarking.jobs.company import Company, group_id, group_name
from benchmarking.reading import CALLER, account_id, user
from benchmarking.servers import DONE, HEADERS, Bucket, Limit, run_server, serve

API = "/wiki/rest/api/"
PAGE = 200
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
BODY = f"HTTP/1.1 200 OK\r\n{HEADERS}Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b".encode()
PAGE_BODY = (
    b'{"results":[%b],"start":%d,"limit":%d,"size":%d,%b"_links":{"base":"http://127.0.0.1/wiki","context":"/wiki"%b}}'
)
ACCESS_GROUP = {"id": "f1d0f7dc-acda-4ad2-b398-26a7150a6b1c", "name": "confluence-users", "type": "group"}

Query = Mapping[str, list[str]]


@frozen
class Spent:
    """What a server has answered.

    Attributes:
        calls: accepted calls.
        refused: calls that were answered with 429.
        points: the points of the accepted calls, as Atlassian counts them.
        repeated: accepted removals of somebody who was not a member.
    """

    calls: int
    refused: int
    points: int
    repeated: int


@define
class Site:
    """The company's people and groups as texts, and who is in which group now."""

    company: Company
    calls: int = 0
    points: int = 0
    repeated: int = 0
    _users: dict[str, bytes] = field(init=False)
    _groups: dict[str, bytes] = field(init=False)
    _members: dict[str, list[str]] = field(init=False)
    _memberships: dict[str, list[str]] = field(init=False, factory=dict)
    _access: bytes = field(init=False)
    _caller: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        numbers = range(self.company.people)
        indexes = range(len(self.company.groups))
        self._users = {account_id(number): _dump(user(number)) for number in numbers}
        self._groups = {group_id(index): _dump(_group(index)) for index in indexes}
        self._members = {
            group_id(index): [account_id(number) for number in members]
            for index, members in enumerate(self.company.groups)
        }
        for group, members in self._members.items():
            for member in members:
                self._memberships.setdefault(member, []).append(group)
        self._access, self._caller = _dump(ACCESS_GROUP), _dump(CALLER)

    def answer(self, request: bytes) -> bytes:
        """Return the response to a request, given its head."""
        method, target, _ = request.split(b" ", 2)
        path, _, query = target.decode("ascii").partition("?")
        self.calls += 1
        self.points += 1
        arguments = parse_qs(query)
        if method == b"DELETE":
            return self._remove(arguments["groupId"][0], arguments["accountId"][0])
        return self._read(path.removeprefix(API), arguments)

    def _read(self, path: str, query: Query) -> bytes:
        """Return the response to a GET."""
        if path.startswith("group/") and path.endswith("/membersByGroupId"):
            group = unquote(path[len("group/") : -len("/membersByGroupId")])
            return self._page(self._members.get(group, []), self._users, query)
        read: Mapping[str, Callable[[Query], bytes]] = {
            "group": self._list_groups,
            "group/by-id": lambda query: self._one(self._with_access_group().get(query["id"][0])),
            "group/picker": self._search,
            "user": lambda query: self._one(self._users.get(query["accountId"][0])),
            "user/bulk": self._look_up,
            "user/current": lambda _query: self._one(self._caller),
            "user/memberof": lambda query: self._page(
                self._memberships.get(query["accountId"][0], []), self._groups, query
            ),
        }
        return read[path](query) if path in read else NOT_FOUND

    def _with_access_group(self) -> Mapping[str, bytes]:
        return {ACCESS_GROUP["id"]: self._access, **self._groups}

    def _list_groups(self, query: Query) -> bytes:
        if query.get("accessType"):
            given = {"": self._access} if query["accessType"] == ["user"] else {}
            return self._page(list(given), given, query)
        return self._page(["", *self._groups], {"": self._access, **self._groups}, query)

    def _search(self, query: Query) -> bytes:
        wanted = query["query"][0]
        found = [group_id(index) for index in range(len(self._groups)) if wanted in group_name(index)]
        return self._page(found, self._groups, query)

    def _look_up(self, query: Query) -> bytes:
        asked = [each for value in query["accountId"] for each in value.split(",") if each in self._users]
        return self._page(asked, self._users, {})

    def _remove(self, group: str, account: str) -> bytes:
        members = self._members.get(group)
        if members is None or account not in self._users:
            return NOT_FOUND
        if account in members:
            members.remove(account)
            self._memberships[account].remove(group)
        else:
            self.repeated += 1
        return DONE

    def _page(self, ids: Sequence[str], texts: Mapping[str, bytes], query: Query) -> bytes:
        start = int(query.get("start", ["0"])[0])
        limit = min(int(query.get("limit", ["200"])[0]), PAGE)
        shown = ids[start : start + limit]
        self.points += 2 * len(shown)
        total = b'"totalSize":%d,' % len(ids) if query.get("shouldReturnTotalSize") == ["true"] else b""
        more = b',"next":"/rest/api/more"' if start + limit < len(ids) else b""
        results = b",".join(map(texts.__getitem__, shown))
        return _respond(PAGE_BODY % (results, start, limit, len(shown), total, more))

    def _one(self, body: bytes | None) -> bytes:
        if body is None:
            return NOT_FOUND
        self.points += 2
        return _respond(body)


def _group(index: int) -> dict[str, object]:
    """Return a group in the shape of live responses."""
    identifier = group_id(index)
    return {
        "id": identifier,
        "name": group_name(index),
        "resourceAri": f"ari:cloud:identity::group/{identifier}",
        "type": "group",
        "_links": {"self": f"http://127.0.0.1/wiki/rest/experimental/group/{group_name(index)}"},
    }


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _respond(body: bytes) -> bytes:
    return BODY % (len(body), body)


def serving_company(
    company: Callable[..., Company], *arguments: int, latency: float = 0.0, rate: float | None = None
) -> AbstractContextManager[str]:
    """Run the server in its own process; the context manager gives its URL, and ``GET /log`` a `Spent`.

    Args:
        company: a function of `companies` that returns the company.
        arguments: its arguments.
        latency: seconds before each response.
        rate: accepted calls per second, as many of them at once; None for no limit.
    """
    return run_server(__name__, [company.__name__, arguments, latency, rate])


def main(name: str, arguments: Sequence[int], latency: float, rate: float | None) -> None:
    """Serve a company until the process ends; the arguments are as for `serving_company`."""
    site = Site(getattr(companies, name)(*arguments))
    bucket = None if rate is None else Bucket(Limit(rate))
    refused = 0

    def answer(request: bytes) -> bytes:
        nonlocal refused
        refusal = bucket.refuse(time.monotonic()) if bucket else None
        refused += refusal is not None
        return refusal or site.answer(request)

    asyncio.run(serve(answer, lambda: asdict(Spent(site.calls, refused, site.points, site.repeated)), latency))


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
