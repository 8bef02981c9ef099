"""A signal handler closes a client: it and the call that it has interrupted end at once, wherever the call is."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import httpx
from fakes import token
from raw_socket_servers import SocketServer, reply_with, serve

from confluence_groups_sdk import APIError, ConfluenceGroups, RateLimiter, RetryPolicy
from confluence_groups_sdk._core.transport.closing import CLOSING_THREAD
from confluence_groups_sdk._generated.api.group import remove_member_from_group_by_group_id

BOTH = {"group_id": "g", "account_id": "a"}
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
LAST = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
RETRY = RetryPolicy(max_retries=1, first_delay=0.001)
BOUND_S = 10
# The modules with locks that a handler could wait for in vain.
TRACED = (
    "threading",
    "httpcore._sync.connection_pool",
    "confluence_groups_sdk._support.clock",
    "confluence_groups_sdk._core.transport.closing",
)
LINES_AT_LEAST = 40


def test_a_call_can_be_interrupted_at_each_line() -> None:
    _close_at_each_line_of_a_call(DONE)


def test_a_call_that_waits_for_its_retry_can_be_interrupted_at_each_line() -> None:
    _close_at_each_line_of_a_call(UNAVAILABLE)


def test_a_raw_call_can_be_interrupted_at_each_line() -> None:
    _close_at_each_line_of_a_call(LAST, raw=True)


def _close_at_each_line_of_a_call(answer: bytes, *, raw: bool = False) -> None:
    with serve(reply_with(answer)) as server:
        lines: set[tuple[object, int]] = set()
        while _close_at_next_line(server, lines, raw=raw):
            pass
    assert len(lines) > LINES_AT_LEAST


def _close_at_next_line(server: SocketServer, lines: set[tuple[object, int]], *, raw: bool) -> bool:
    """Close the client when a call reaches a new line, as a signal handler would; return whether it reached one."""
    groups = ConfluenceGroups(server.address, auth=token(), retry=RETRY, rate_limiter=RateLimiter(max_in_flight=1))
    closed = ended = False

    def trace(frame: FrameType, event: str, _argument: object) -> Callable[..., Any] | None:
        nonlocal closed
        if not str(frame.f_globals.get("__name__", "")).startswith(TRACED):
            return None
        line = (frame.f_code, frame.f_lineno)
        if event == "line" and line not in lines:
            lines.add(line)
            closed = True
            sys.settrace(None)
            groups.close()
        return trace

    def call() -> None:
        nonlocal ended
        sys.settrace(trace)
        try:
            if raw:
                remove_member_from_group_by_group_id.sync_detailed(client=groups.raw, **BOTH)
            else:
                groups.remove_member(**BOTH)
        except (APIError, httpx.TransportError):
            pass
        finally:
            sys.settrace(None)
        ended = True

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(BOUND_S)
    assert ended, f"a call that was interrupted at one of {lines} has not ended"
    groups.close()
    for each in threading.enumerate():
        if each.name == CLOSING_THREAD:
            each.join(BOUND_S)
            assert not each.is_alive(), "the thread that waits for httpcore's lock has not ended"
    assert not groups._session.http.client._transport._pool.connections  # type: ignore[attr-defined]
    return closed
