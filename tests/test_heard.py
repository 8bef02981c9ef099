from __future__ import annotations

import httpx
from doubles import SITE, FakeClock, token

from confluence_groups_sdk import ConfluenceGroups
from confluence_groups_sdk._heard import Heard, hearing


def test_the_last_answer_is_heard_and_only_while_somebody_listens() -> None:
    answers = iter(
        [
            httpx.Response(429, headers={"Retry-After": "7", "atl-request-id": "r-1"}),
            httpx.Response(204, headers={"X-RateLimit-Remaining": "5", "atl-request-id": "r-2"}),
            httpx.Response(204, headers={"atl-request-id": "r-3"}),
        ]
    )
    heard = Heard()
    seen: list[tuple[str | None, float | None]] = []

    def handler(_request: httpx.Request) -> httpx.Response:
        seen.append((heard.request_id, heard.limits.retry_after))
        return next(answers)

    with (
        httpx.Client(transport=httpx.MockTransport(handler)) as http,
        ConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock()) as groups,
    ):
        reset = hearing.set(heard)
        groups.remove_member(group_id="g", account_id="a")
        hearing.reset(reset)
        groups.remove_member(group_id="g", account_id="a")
    assert seen == [(None, None), ("r-1", 7.0), ("r-2", None)]
    assert heard.request_id == "r-2"
