from __future__ import annotations

import httpx
from fakes import SITE, FakeClock, token

from confluence_groups_sdk import ConfluenceGroups
from confluence_groups_sdk._core.call_metadata import CallMetadata, current_call_metadata


def test_metadata_of_the_last_response_is_recorded_only_while_set() -> None:
    answers = iter(
        [
            httpx.Response(429, headers={"Retry-After": "7", "atl-request-id": "r-1"}),
            httpx.Response(204, headers={"X-RateLimit-Remaining": "5", "atl-request-id": "r-2"}),
            httpx.Response(204, headers={"atl-request-id": "r-3"}),
        ]
    )
    heard = CallMetadata()
    seen: list[tuple[str | None, float | None]] = []

    def handler(_request: httpx.Request) -> httpx.Response:
        seen.append((heard.request_id, heard.limits.retry_after))
        return next(answers)

    with (
        httpx.Client(transport=httpx.MockTransport(handler)) as http,
        ConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock()) as groups,
    ):
        reset = current_call_metadata.set(heard)
        groups.remove_member(group_id="g", account_id="a")
        current_call_metadata.reset(reset)
        groups.remove_member(group_id="g", account_id="a")
    assert seen == [(None, None), ("r-1", 7.0), ("r-2", None)]
    assert heard.request_id == "r-2"
