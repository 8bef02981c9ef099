"""What a list's reading has shown of its end: how it was recognised, and the total that the server stated."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fakes import KINDS, SITE, Answers, call, token

from confluence_groups_sdk import AsyncConfluenceGroups, ConfluenceGroups, RateLimiter
from confluence_groups_sdk._core.call_metadata import record_call_metadata

GROUP = {"group_id": "some-group"}
IDS = [f"id-{number}" for number in range(450)]
MORE = {"_links": {"next": "/x"}}


def page(ids: list[str], **fields: Any) -> httpx.Response:
    results = [{"type": "known", "accountId": each} for each in ids]
    return httpx.Response(200, json={"results": results, "limit": 200, "size": len(ids), "_links": {}, **fields})


Entries = tuple[list[str], dict[str, Any]]
FULL: Entries = (IDS[:200], {})
LINKED: Entries = (IDS[:200], MORE)
SHORT: Entries = (IDS[200:203], {})
EMPTY: Entries = ([], {})
COUNTED: Entries = (IDS[:3], {"totalSize": 5})
ENDS: dict[str, tuple[list[Entries], str, int | None]] = {
    "short": ([LINKED, SHORT], "the last page was shorter than its limit", None),
    "empty": ([FULL, EMPTY], "an empty page ended the list", None),
    "links": (
        [LINKED, ([], MORE), ([], MORE)],
        "two empty pages in a row ended the list, although both had a link to a next page",
        None,
    ),
    "repeated": ([COUNTED, COUNTED], "the page after the last entry only repeated the list", 5),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ENDS)
def test_the_metadata_says_how_the_end_was_recognised(kind: str, name: str) -> None:
    pages, end, total = ENDS[name]
    answers = Answers(*(page(ids, **fields) for ids, fields in pages))
    with record_call_metadata() as metadata:
        call(kind, "iter_members", answers, GROUP)
    assert len(answers.requests) == len(pages)
    assert (metadata.list_end, metadata.stated_total) == (end, total)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [0, 7])
def test_it_is_also_known_of_pages_that_were_requested_together(kind: str, missing: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        start = int(request.url.params["start"])
        counted = request.url.params["shouldReturnTotalSize"] == "true"
        ids = IDS[start : start + 200]
        return page(ids, **({"totalSize": len(IDS) + missing} if counted else {}))

    with record_call_metadata() as metadata:
        assert len(call(kind, "iter_members", answer, GROUP | {"in_parallel": 8})) == len(IDS)
    assert metadata.list_end == (
        "an empty page ended the list" if missing else "the last page was shorter than its limit"
    )
    assert metadata.stated_total == len(IDS) + missing


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_known_before_the_end(kind: str) -> None:
    with record_call_metadata() as metadata:
        call(kind, "current_user", Answers(httpx.Response(200, json={"accountId": "a", "type": "known"})), {})
    assert (metadata.list_end, metadata.stated_total) == (None, None)


@pytest.mark.parametrize("kind", KINDS)
def test_responses_are_counted_with_failures_and_repetitions(kind: str) -> None:
    limiter = RateLimiter()
    answers = Answers(httpx.Response(503), httpx.Response(429, headers={"Retry-After": "0"}), page(IDS[:3]))
    call(kind, "iter_members", answers, GROUP, rate_limiter=limiter)
    assert (limiter.snapshot().responses, limiter.snapshot().points) == (3, 3 + 2 * 3)


def test_a_client_shows_its_rate_limiter() -> None:
    limiter = RateLimiter()
    with ConfluenceGroups(SITE, auth=token(), rate_limiter=limiter) as groups:
        assert groups.rate_limiter is groups.with_options(timeout=3).rate_limiter is limiter
    with ConfluenceGroups(SITE, auth=token()) as groups:
        assert groups.rate_limiter is groups.with_options(timeout=3).rate_limiter is not limiter
    assert AsyncConfluenceGroups(SITE, auth=token(), rate_limiter=limiter).rate_limiter is limiter
