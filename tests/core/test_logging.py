"""Log lines of calls, and the environment variable that prints them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import httpx
import pytest
from fakes import KINDS, Answers, FakeClock, call

from confluence_groups_sdk import APIError
from confluence_groups_sdk._support.redaction import hash_id

BOTH = {"group_id": "the-group", "account_id": "the-account"}
NAMED = f"removeMemberFromGroupByGroupId {hash_id('the-group')} {hash_id('the-account')}"
PROGRAM = """
import httpx
from confluence_groups_sdk import ApiToken, ConfluenceGroups
transport = httpx.MockTransport(lambda request: httpx.Response(204))
with httpx.Client(transport=transport) as http:
    auth = ApiToken("me@example.com", "t")
    groups = ConfluenceGroups("https://your-domain.atlassian.net", auth=auth, http_client=http)
    groups.remove_member(group_id="the-group", account_id="the-account")
"""


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "confluence_groups_sdk"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_request_is_logged(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    answers = iter([(0.25, httpx.Response(503)), (1.5, httpx.Response(204, headers={"atl-request-id": "r-2"}))])

    def answer(_request: httpx.Request) -> httpx.Response:
        seconds, response = next(answers)
        clock.sleep(seconds)
        return response

    with caplog.at_level(logging.INFO, logger="confluence_groups_sdk"):
        call(kind, "remove_member", answer, BOTH, clock=clock)
    assert lines(caplog) == [
        f"{NAMED}: 503 Service Unavailable, attempt 1, 250 ms, request id None",
        f"{NAMED}: sending again in 2.0 s",
        f"{NAMED}: 204, attempt 2, 1500 ms, request id r-2",
    ]


def test_failures_and_malformed_responses_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="confluence_groups_sdk"):
        for answer in (httpx.ReadTimeout("late"), httpx.Response(201, content=b"{}")):
            with pytest.raises(APIError):
                call("sync", "create_group", Answers(answer), {"name": "secret project"})
    first, second, third = lines(caplog)
    assert first == "createGroup: no response (ReadTimeout), attempt 1, 0 ms, request id None"
    assert second.startswith("createGroup: 201, attempt 1")
    assert third.startswith("createGroup: 201 Created, but the body has no id")
    assert "secret" not in first + second + third


def test_a_hash_is_short_stable_and_not_the_id() -> None:
    assert hash_id("the-account") == hash_id("the-account") != hash_id("the-group")
    assert len(hash_id("a" * 1000)) == 9
    assert hash_id("\ud800").startswith("#")


@pytest.mark.parametrize(
    ("word", "shown"), [("info", True), ("DEBUG", True), (" Info ", True), ("", False), ("loud", False), (None, False)]
)
def test_the_environment_variable_prints_the_log(word: str | None, shown: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CONFLUENCE_GROUPS_LOG"}
    if word is not None:
        environment["CONFLUENCE_GROUPS_LOG"] = word
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert (f"INFO confluence_groups_sdk: {NAMED}: 204, attempt 1" in result.stderr) is shown
    assert "the-account" not in result.stderr
    assert shown or not result.stderr
