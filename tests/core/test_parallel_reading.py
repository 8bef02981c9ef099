"""`iter_members(in_parallel=…)`: threads and tasks that end with the iterator, and errors and metadata as ever."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager, suppress
from typing import Any

import httpx
import pytest
from bounded import in_new_interpreter
from fakes import KINDS, SITE, WIRED, FakeClock, at, call, call_at, token
from list_servers import UNIDENTIFIED, Server, ids_of, make_ids

from confluence_groups_sdk import (
    APIConnectionError,
    AsyncConfluenceGroups,
    ClientClosedError,
    ConfluenceGroups,
    IncompleteReadError,
    PermissionDeniedError,
)
from confluence_groups_sdk._core.call_metadata import record_call_metadata
from confluence_groups_sdk._support.concurrency.tasks import map_in_tasks
from confluence_groups_sdk._support.concurrency.threads import map_in_threads
from confluence_groups_sdk.sandbox import Group, Person, Sandbox

TOGETHER = {"group_id": "g", "in_parallel": 8}
BOUND_S = 20


def start_of(request: httpx.Request) -> int:
    return int(request.url.params.get("start", 0))


@contextmanager
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    end = time.monotonic() + BOUND_S
    while left := set(threading.enumerate()) - before:  # a thread without work may only be starting, and then ends
        assert time.monotonic() < end, left
        for thread in left:
            with suppress(RuntimeError):  # it has not started yet
                thread.join(1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [0, -1, 65, 1.5, True, "8", None])
def test_a_number_out_of_range_sends_nothing(kind: str, number: object) -> None:
    server = Server(make_ids(3))
    with pytest.raises(ValueError, match="in_parallel must be a whole number from 1 to 64"):
        call(kind, "iter_members", server, {"group_id": "g", "in_parallel": number})
    assert not server.requested_urls


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [1, 2, 16, 64])
def test_the_result_is_that_of_a_sequential_reading(kind: str, number: int) -> None:
    server = Server(make_ids(4321), counts=True)
    assert ids_of(call(kind, "iter_members", server, {"group_id": "g", "in_parallel": number})) == make_ids(4321)
    assert len(server.requested_urls) == 22
    flags = {url.params["shouldReturnTotalSize"] for url in server.requested_urls}
    assert flags == ({"false"} if number == 1 else {"false", "true"})


@pytest.mark.parametrize("kind", WIRED)
def test_a_sandbox_is_read_over_sockets(kind: str) -> None:
    with Sandbox() as sandbox, no_thread_is_left():
        people = [Person(f"557058:{number:08d}", f"Person {number}", f"{number}@x.test") for number in range(700)]
        for person in people:
            sandbox.directory.add_person(person)
        sandbox.directory.add_group(Group("g", "g"), [person.account_id for person in people])
        sandbox.page_limit = 30
        found = call_at(kind, sandbox.url, "iter_members", TOGETHER, auth=httpx.BasicAuth(*sandbox.admin))
    assert ids_of(found) == [person.account_id for person in people]


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_requested_at_the_same_time_and_taken_in_order(kind: str) -> None:
    """The first of the predicted pages is answered only when the last of those at the same time has arrived."""
    server, lock = Server(make_ids(2000), counts=True), threading.Lock()
    together = threading.Barrier(8)

    def answer(request: httpx.Request) -> httpx.Response:
        with lock:
            response = server(request)
        if 200 < start_of(request) < 199 * 10:
            together.wait(BOUND_S)
        return response

    async def answer_async(request: httpx.Request) -> httpx.Response:
        return await asyncio.to_thread(answer, request)

    if kind == "sync":
        with no_thread_is_left():
            assert ids_of(call(kind, "iter_members", answer, TOGETHER)) == make_ids(2000)
        return

    async def read() -> list[str]:
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(answer_async)) as http,
            AsyncConfluenceGroups(SITE, auth=token(), http_client=http) as groups,
        ):
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(16))
            return [user.account_id async for user in groups.iter_members(group_id="g", in_parallel=8)]

    assert asyncio.run(read()) == make_ids(2000)


def test_an_error_is_raised_after_the_members_before_it() -> None:
    server, found = Server(make_ids(5000), counts=True), list[str]()

    def forbid(request: httpx.Request) -> httpx.Response:
        late = start_of(request) >= 199 * 9
        headers = {"atl-request-id": f"page at {start_of(request)}"}
        return httpx.Response(403, headers=headers) if late else server(request)

    with (
        httpx.Client(transport=httpx.MockTransport(forbid)) as http,
        ConfluenceGroups(SITE, auth=token(), http_client=http) as groups,
        record_call_metadata() as metadata,
        no_thread_is_left(),
    ):
        with pytest.raises(PermissionDeniedError):
            found.extend(user.account_id for user in groups.iter_members(group_id="g", in_parallel=8))
        assert metadata.request_id == f"page at {199 * 9}"

    async def read() -> None:
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(forbid)) as http_async,
            AsyncConfluenceGroups(SITE, auth=token(), http_client=http_async) as groups,
        ):
            async for user in groups.iter_members(group_id="g", in_parallel=8):
                found.append(user.account_id)

    found.clear()
    with pytest.raises(PermissionDeniedError):
        asyncio.run(read())
    assert found == make_ids(199 * 9 + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_is_that_of_the_page_that_was_taken_last(kind: str) -> None:
    server = Server([*make_ids(5000), f"{UNIDENTIFIED}1"], counts=True)

    def name_page(request: httpx.Request) -> httpx.Response:
        response = server(request)
        response.headers["atl-request-id"] = f"page at {start_of(request)}"
        return response

    with record_call_metadata() as metadata:
        assert ids_of(call(kind, "iter_members", name_page, TOGETHER)) == make_ids(5000)
    assert metadata.request_id == f"page at {199 * 25 + 1}", "the page with the unidentified member was read again"
    assert metadata.unidentified == 1

    with (
        httpx.Client(transport=httpx.MockTransport(name_page)) as http,
        ConfluenceGroups(SITE, auth=token(), http_client=http) as groups,
        record_call_metadata() as metadata,
    ):
        members = groups.iter_members(group_id="g", in_parallel=8)
        for _ in range(199 * 4 + 1):
            next(members)
        assert metadata.request_id == f"page at {199 * 3}", "although later pages were received"
        members.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_that_is_too_long_stops(kind: str) -> None:
    server = Server(make_ids(20_000), counts=True)
    with pytest.raises(IncompleteReadError, match="goes on") as caught:
        call(kind, "iter_members", server, TOGETHER, max_list_items=1000)
    assert caught.value.received == tuple(make_ids(1000))
    assert len(server.requested_urls) < 2 + 4 * 8 + 9


def test_few_pages_are_requested_before_they_are_needed() -> None:
    server = Server(make_ids(100_000), counts=True)
    with (
        no_thread_is_left(),
        httpx.Client(transport=httpx.MockTransport(server)) as http,
        ConfluenceGroups(SITE, auth=token(), http_client=http) as groups,
    ):
        members = groups.iter_members(group_id="g", in_parallel=4)
        assert not server.requested_urls
        next(members)
        assert len(server.requested_urls) == 1
        for _ in range(600):
            next(members)
        members.close()
        assert len(server.requested_urls) <= 2 + 4 * 4 + 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_that_closes_a_gap_has_new_members(kind: str) -> None:
    server, lock = Server(make_ids(1000), counts=True), threading.Lock()

    def leave(request: httpx.Request) -> httpx.Response:
        with lock:
            if start_of(request) == 199 * 3:
                del server.ids[:5]
            return server(request)

    found = call(kind, "iter_members", leave, {"group_id": "g", "in_parallel": 2})
    assert sorted(ids_of(found)) == sorted(make_ids(1000))
    assert server.starts[:2] == [0, 199], "two calls at the same time are several"


def test_four_pages_for_each_call_are_requested_ahead() -> None:
    server = Server(make_ids(100_000), counts=True)

    async def read() -> list[int]:
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(server)) as http,
            AsyncConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock()) as groups,
            aclosing(groups.iter_members(group_id="g", in_parallel=4)) as members,
        ):
            for _ in range(200 + 199):
                await anext(members)
            counts = [len(server.requested_urls)]
            await anext(members)
            for _ in range(1000):
                await asyncio.sleep(0)
            return [*counts, len(server.requested_urls)]

    assert asyncio.run(read()) == [2, 2 + 4 * 4 + 1]


def test_a_page_that_waits_for_its_retry_does_not_hold_up_those_after_it() -> None:
    """At 50 calls a second, 31 pages take 0.6 s, and such a retry is sent about 1 s after the pause of all calls."""
    server, lock, late = Server(make_ids(10_000), counts=True), threading.Lock(), threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        if start_of(request) == 199 * 2:
            assert late.wait(BOUND_S)
        elif start_of(request) == 199 * (2 + 31):
            late.set()
        with lock:
            return server(request)

    assert ids_of(call("sync", "iter_members", answer, TOGETHER)) == make_ids(10_000)


@pytest.mark.parametrize("kind", KINDS)
def test_pages_that_were_predicted_wrongly_are_not_all_requested(kind: str) -> None:
    server, lock = Server(make_ids(10_000), counts=True), threading.Lock()

    def shrink(request: httpx.Request) -> httpx.Response:
        with lock:
            server.cap = 50 if len(server.requested_urls) > 3 else 200
            return server(request)

    assert ids_of(call(kind, "iter_members", shrink, {"group_id": "g", "in_parallel": 2})) == make_ids(10_000)
    assert len(server.requested_urls) < 3 + 10_000 / 49 + 20, "50 long pages were predicted, and 4 requested at a time"


def test_a_reading_that_is_left_ends_its_tasks() -> None:
    server = Server(make_ids(100_000), counts=True)
    hanging = asyncio.Event()

    async def hang_later(request: httpx.Request) -> httpx.Response:
        if start_of(request) > 1000:
            await hanging.wait()
        return server(request)

    async def read() -> None:
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(hang_later)) as http,
            AsyncConfluenceGroups(SITE, auth=token(), http_client=http) as groups,
        ):
            async with aclosing(groups.iter_members(group_id="g", in_parallel=8)) as members:
                async for member in members:
                    if member.account_id == "id-500":
                        break
            assert asyncio.all_tasks() == {asyncio.current_task()}
            consumer = asyncio.create_task(consume(groups))
            while len(asyncio.all_tasks()) < 8:
                await asyncio.sleep(0)
            consumer.cancel()
            with pytest.raises(asyncio.CancelledError):
                await consumer
            assert asyncio.all_tasks() == {asyncio.current_task()}

    async def consume(groups: AsyncConfluenceGroups) -> None:
        async for _ in groups.iter_members(group_id="g", in_parallel=8):
            pass

    asyncio.run(read())


@pytest.mark.parametrize("kind", KINDS)
def test_closing_the_client_ends_a_reading_at_once(kind: str) -> None:
    with Sandbox() as sandbox, no_thread_is_left():
        accounts = [f"557058:{number:08d}" for number in range(400)]
        for account in accounts:
            sandbox.directory.add_person(Person(account, account, f"{account[7:]}@x.test"))
        sandbox.directory.add_group(Group("g", "g"), accounts)
        sandbox.page_limit = 10
        options: dict[str, Any] = {"auth": httpx.BasicAuth(*sandbox.admin), "clock": FakeClock()}
        if kind == "sync":
            groups = ConfluenceGroups(sandbox.url, **options)
            members = groups.iter_members(group_id="g", in_parallel=4)
            next(members)
            groups.close()
            with pytest.raises(APIConnectionError) as caught:
                list(members)
            assert not isinstance(caught.value, ClientClosedError), "it was begun before"
            with pytest.raises(ClientClosedError):
                list(groups.iter_members(group_id="g", in_parallel=4))
            return

        async def read() -> None:
            async with at("async", sandbox.url, **options) as groups:
                members = groups.iter_members(group_id="g", in_parallel=4)
                await anext(members)
                await groups.aclose()
                with pytest.raises(APIConnectionError) as caught:
                    [member async for member in members]
                assert not isinstance(caught.value, ClientClosedError)
                with pytest.raises(ClientClosedError):
                    await anext(groups.iter_members(group_id="g", in_parallel=4))

        asyncio.run(read())


@in_new_interpreter
def test_an_interruption_leaves_no_thread() -> None:
    server, waiting = Server(make_ids(20_000), counts=True), threading.Event()

    def interrupt_later(request: httpx.Request) -> httpx.Response:
        if start_of(request) == 199 * 20:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            waiting.set()
        elif start_of(request) > 199 * 20:
            waiting.wait(BOUND_S)
        return server(request)

    with (
        httpx.Client(transport=httpx.MockTransport(interrupt_later)) as http,
        ConfluenceGroups(SITE, auth=token(), http_client=http) as groups,
    ):
        with no_thread_is_left(), pytest.raises(KeyboardInterrupt):
            list(groups.iter_members(group_id="g", in_parallel=8))
        assert len(server.requested_urls) < 60
        assert len(list(groups.iter_members(group_id="g"))) == 20_000, "the client can be used again"


# --- the functions below it


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
@pytest.mark.parametrize("ahead", [None, 1, 2, 9])
def test_items_are_taken_when_needed(count: int, ahead: int | None) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(count):
            taken.append(number)
            yield number

    async def double(number: int) -> int:
        return 2 * number

    def check(done: int) -> None:
        assert len(taken) <= max(done + (8 if ahead is None else ahead), 1)

    for done, result in enumerate(map_in_threads(lambda number: 2 * number, items(), workers=2, ahead=ahead), 1):
        assert result == 2 * (done - 1)
        check(done)
    assert taken == list(range(count))
    taken.clear()

    async def run() -> None:
        done = 0
        async for result in map_in_tasks(double, items(), workers=2, ahead=ahead):
            done += 1
            assert result == 2 * (done - 1)
            check(done)

    asyncio.run(run())
    assert taken == list(range(count))


def test_by_default_eight_tasks_work_and_four_times_as_many_are_begun() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    async def same(number: int) -> int:
        return number

    async def first() -> int:
        async with aclosing(map_in_tasks(same, items())) as results:
            return await anext(results)

    assert asyncio.run(first()) == 0
    assert len(taken) == 4 * 8 + 1


def test_tasks_are_limited_and_end_at_an_error() -> None:
    running: set[int] = set()
    most: list[int] = []
    ended: list[int] = []

    async def work(number: int) -> int:
        running.add(number)
        most.append(len(running))
        try:
            for _ in range(5 if number < 10 else 1000):
                await asyncio.sleep(0)
            if number == 9:
                raise ValueError("nine")
            return number
        finally:
            running.discard(number)
            ended.append(number)

    found: list[int] = []

    async def collect() -> None:
        async for result in map_in_tasks(work, range(100), workers=3):
            found.append(result)

    async def run() -> None:
        with pytest.raises(ValueError, match="nine"):
            await collect()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())
    assert found == list(range(9))
    assert max(most) == 3
    assert not running
