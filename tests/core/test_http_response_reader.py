"""Whether a response has a body, and the limits within which it is read."""

from __future__ import annotations

import httpx
import pytest
from fakes import SITE, FakeClock, token

from confluence_groups_sdk import ConfluenceGroups, Timeout
from confluence_groups_sdk._core.config import ClientConfig
from confluence_groups_sdk._core.transport.replies import UnreadableResponse
from confluence_groups_sdk._core.transport.response_reader import (
    MAX_BODY_BYTES,
    BoundedBodyReader,
    ends_with_connection,
    has_no_body,
)

LENGTH, NOTHING, CHUNKS = {"Content-Length": "2"}, {"Content-Length": "0"}, {"Transfer-Encoding": "chunked"}


def response_with(status: int = 200, headers: dict[str, str] | None = None) -> httpx.Response:
    request = httpx.Request("GET", SITE)
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(b""), request=request)


def config_with(total: float | None, clock: FakeClock) -> ClientConfig:
    with ConfluenceGroups(SITE, auth=token(), timeout=Timeout(total=total), clock=clock) as groups:
        return groups._session.config


@pytest.mark.parametrize(
    ("status", "headers", "nothing", "by_connection"),
    [
        (200, {}, False, True),
        (203, {}, False, True),
        (204, {}, True, False),
        (205, {}, False, True),
        (200, LENGTH, False, False),
        (200, NOTHING, True, False),
        (200, CHUNKS, False, False),
        (200, NOTHING | CHUNKS, False, False),
        (204, CHUNKS, True, False),
    ],
)
def test_how_a_body_ends(status: int, headers: dict[str, str], nothing: bool, by_connection: bool) -> None:
    response = response_with(status, headers)
    assert has_no_body(response) is nothing
    assert ends_with_connection(response) is by_connection


@pytest.mark.parametrize("has_config", [True, False])
def test_a_body_may_have_16_mib(has_config: bool) -> None:
    config = config_with(60, FakeClock()) if has_config else None
    for more, is_complete in ((0, True), (1, False)):
        reader = BoundedBodyReader(response_with(), config)
        assert reader.add(b"x" * (MAX_BODY_BYTES - 1)) is True
        assert reader.add(b"x" * (1 + more)) is is_complete
        found = reader.finish()
        if is_complete:
            assert isinstance(found, httpx.Response)
            assert len(found.content) == 16 * 1024 * 1024
        else:
            assert isinstance(found, UnreadableResponse)
            assert found.problem == "the body is longer than 16 MiB"


def test_a_body_may_take_until_the_deadline() -> None:
    clock = FakeClock()
    clock.sleep(5)
    reader = BoundedBodyReader(response_with(), config_with(7, clock), started=3)
    clock.sleep(5)
    assert reader.add(b"a") is True
    clock.sleep(0.5)
    with pytest.raises(httpx.ReadTimeout):
        reader.add(b"b")


def test_a_body_without_a_deadline_may_take_for_ever() -> None:
    clock = FakeClock()
    reader = BoundedBodyReader(response_with(), config_with(None, clock))
    clock.sleep(1e9)
    assert reader.add(b"a") is True
