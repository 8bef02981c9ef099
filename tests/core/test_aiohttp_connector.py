"""Connections of aiohttp: the causes of their errors, and which of them a request gets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import pytest
from attrs import define

from confluence_groups_sdk._core.transport.connections import aiohttp_connector
from confluence_groups_sdk._core.transport.connections.aiohttp_connector import WatchedConnector, WatchedHandler, poll
from confluence_groups_sdk._core.transport.connections.watching import TURNS, UNEXPECTED, UnexpectedDataError

ALERT = ssl.SSLError(1, "alert")


def in_loop(work: Callable[[WatchedHandler], None]) -> None:
    async def run() -> None:
        work(WatchedHandler(asyncio.get_running_loop()))

    asyncio.run(run())


# --- the causes of errors


@pytest.mark.parametrize("lost", [ALERT, ConnectionResetError("reset")])
def test_the_error_of_a_lost_connection_has_its_cause(lost: OSError) -> None:
    def lose(handler: WatchedHandler) -> None:
        handler.connection_lost(lost)
        error = handler.exception()
        assert isinstance(error, aiohttp.ClientOSError)
        assert error.__cause__ is lost

    in_loop(lose)


def test_an_error_is_not_its_own_cause() -> None:
    def lose(handler: WatchedHandler) -> None:
        lost = ValueError("not of the system")
        handler.connection_lost(lost)
        assert handler.exception() is lost
        assert lost.__cause__ is None

    in_loop(lose)


@pytest.mark.parametrize("cause", [None, ValueError("earlier")])
def test_an_earlier_error_keeps_its_cause_or_gets_one(cause: Exception | None) -> None:
    def lose(handler: WatchedHandler) -> None:
        earlier = aiohttp.ClientOSError("earlier")
        earlier.__cause__ = cause
        handler.set_exception(earlier)
        handler.connection_lost(ALERT)
        assert handler.exception() is earlier
        assert earlier.__cause__ is (cause or ALERT)

    in_loop(lose)


def test_a_connection_that_is_closed_after_a_complete_response_has_no_error() -> None:
    def lose(handler: WatchedHandler) -> None:
        handler.feed_eof()
        handler.connection_lost(None)
        assert handler.exception() is None

    in_loop(lose)


# --- giving out connections


@define
class Pooled:
    """A connection, as aiohttp gives it out."""

    protocol: WatchedHandler
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@define(slots=False)
class Requested:
    """What a connector reads of a request."""

    method: str = "DELETE"


@define
class Pool:
    """Connections that aiohttp gives out one after another, and how long the connector sleeps between."""

    connections: list[Pooled]
    given: int = 0
    turns: int = 0

    async def connect(self, *_: object) -> Pooled:
        self.given += 1
        return self.connections[self.given - 1]

    async def poll(self, turns: int) -> None:
        self.turns += turns


def connect(monkeypatch: pytest.MonkeyPatch, prepare: Callable[[WatchedHandler, int], None], number: int = 3) -> Pool:
    """Let a connector give out one of these connections, after preparing each of them."""

    async def run() -> Pool:
        pool = Pool([Pooled(WatchedHandler(asyncio.get_running_loop())) for _ in range(number)])
        for place, each in enumerate(pool.connections):
            prepare(each.protocol, place)
        monkeypatch.setattr(aiohttp.TCPConnector, "connect", pool.connect)
        monkeypatch.setattr(aiohttp_connector, "poll", pool.poll)
        connector = WatchedConnector()
        try:
            request: Any = Requested()
            found: Any = await connector.connect(request, [], aiohttp.ClientTimeout())
        finally:
            await connector.close()
        assert found is pool.connections[pool.given - 1]
        assert [each.closed for each in pool.connections[: pool.given]] == [True] * (pool.given - 1) + [False]
        assert not found.protocol.end.reached, "the response to the request is followed"
        return pool

    return asyncio.run(run())


def test_a_new_connection_is_watched_before_its_first_request_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(handler: WatchedHandler, _place: int) -> None:
        assert handler.is_new

    pool = connect(monkeypatch, keep)
    assert (pool.given, pool.turns, pool.connections[0].protocol.is_new) == (1, TURNS, False)

    def use(handler: WatchedHandler, _place: int) -> None:
        handler.is_new = False

    pool = connect(monkeypatch, use)
    assert (pool.given, pool.turns) == (1, 0)


def test_pooled_connections_with_bytes_left_or_closed_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(handler: WatchedHandler, place: int) -> None:
        handler.is_new = False
        if place == 0:
            handler.end.give_up()
        if place == 1:
            handler.force_close()

    assert connect(monkeypatch, spoil).given == 3


@pytest.mark.parametrize("lost", [None, ALERT])
def test_data_before_the_first_request_is_an_error_with_its_cause(
    lost: ssl.SSLError | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(handler: WatchedHandler, _place: int) -> None:
        handler.end.give_up()
        if lost is not None:
            handler.set_exception(lost)

    with pytest.raises(httpx.ConnectError, match=UNEXPECTED) as caught:
        connect(monkeypatch, spoil)
    assert isinstance(caught.value.__cause__, UnexpectedDataError)
    assert caught.value.__cause__.args == (lost or UNEXPECTED,)


def test_two_turns_of_the_event_loop_by_default_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    asyncio.run(poll())
    assert slept == [0, 0]
