"""Programs tested with freezegun: no wait depends on the frozen clock."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from bounded import in_new_interpreter
from freezegun import freeze_time

import confluence_groups_sdk

if TYPE_CHECKING:
    from confluence_groups_sdk.sandbox import Sandbox

NOON = "2024-05-06 12:00:00"
PACKAGE = Path(confluence_groups_sdk.__file__).parent


# --- calls after a 429


@in_new_interpreter
def test_sync_calls_wait_for_a_hold_once() -> None:
    from confluence_groups_sdk import ApiToken, ConfluenceGroups
    from confluence_groups_sdk.sandbox import Answer, Sandbox

    slept: list[float] = []
    with Sandbox() as sandbox, freeze_time(NOON), patch("time.sleep", slept.append):
        sandbox.answer_next(Answer(429, {"Retry-After": "60"}))
        with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as groups:
            for _ in range(5):
                groups.current_user()
    assert slept[0] == 60, slept
    assert sum(slept) < 61, slept


@in_new_interpreter
def test_sync_calls_return_when_they_really_wait() -> None:
    from confluence_groups_sdk import ApiToken, ConfluenceGroups, RetryPolicy
    from confluence_groups_sdk.sandbox import Answer, Sandbox

    with Sandbox() as sandbox, freeze_time(NOON):
        retry = RetryPolicy(first_delay=0)
        with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), retry=retry) as groups:
            sandbox.answer_next(Answer(429, {"Retry-After": "0"}))
            for _ in range(3):
                assert groups.current_user().email == sandbox.admin.email


@in_new_interpreter
def test_async_calls_return_after_a_429() -> None:
    from fakes import at

    from confluence_groups_sdk import ApiToken, RetryPolicy
    from confluence_groups_sdk.sandbox import Answer, Sandbox

    async def call(kind: str) -> None:
        async with at(kind, sandbox.url, auth=ApiToken(*sandbox.admin), retry=RetryPolicy(first_delay=0)) as groups:
            sandbox.answer_next(Answer(429, {"Retry-After": "0"}))
            for _ in range(4):
                await groups.current_user()

    with Sandbox() as sandbox, freeze_time(NOON):
        for kind in ("async", "aiohttp"):
            asyncio.run(call(kind))


@in_new_interpreter
def test_an_async_call_that_waits_can_be_cancelled() -> None:
    from confluence_groups_sdk import SystemClock

    async def cancel() -> None:
        task = asyncio.create_task(SystemClock().async_sleep(3600))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with freeze_time(NOON):
        asyncio.run(cancel())
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()


@in_new_interpreter
def test_apply_waits_for_a_quota_once() -> None:
    from membership_fakes import client, members, removals, team

    from confluence_groups_sdk.membership import Progress, apply
    from confluence_groups_sdk.sandbox import Answer, Sandbox

    def refuse_once(progress: Progress) -> None:
        if progress.phase == "removing" and not refused:
            refused.append(True)
            sandbox.answer_next(Answer(429, {"Retry-After": "3600"}))

    refused: list[bool] = []
    slept: list[float] = []
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        ids = team(sandbox, 150)
        with freeze_time(NOON), patch("time.sleep", slept.append), client(sandbox) as groups:
            plan = removals(groups, ids)
            journal = Path(folder) / "journal"
            report = apply(groups, plan, journal=journal, wait_for_quota=True, on_progress=refuse_once)
    assert report.stopped is None, report.stopped
    assert refused
    assert members(sandbox) == []
    assert [seconds for seconds in slept if seconds > 100] == [pytest.approx(3600, abs=60)], slept


@in_new_interpreter
def test_a_client_that_outlives_the_freeze_keeps_its_hold() -> None:
    from confluence_groups_sdk import ApiToken, ConfluenceGroups, RateLimitError, RetryPolicy
    from confluence_groups_sdk.sandbox import Answer, Sandbox

    with Sandbox() as sandbox:
        retry = RetryPolicy(max_retry_after=1)
        with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), retry=retry) as groups:
            with freeze_time(NOON):
                sandbox.answer_next(Answer(429, {"Retry-After": "60"}))
                with pytest.raises(RateLimitError):
                    groups.current_user()
            with pytest.raises(RateLimitError) as held:
                groups.current_user()
    assert held.value.retry_after is not None
    assert 1 < held.value.retry_after <= 60


# --- the sandbox


@in_new_interpreter
def test_a_sandbox_that_was_started_before_the_freeze_stops_inside_it() -> None:
    from confluence_groups_sdk.sandbox import Sandbox

    sandbox = Sandbox().start()
    _call(sandbox)
    with freeze_time(NOON):
        _call(sandbox)
        sandbox.stop()


@in_new_interpreter
def test_a_sandbox_that_is_imported_and_started_inside_a_freeze_stops_inside_it() -> None:
    with freeze_time(NOON):
        from confluence_groups_sdk.sandbox import Sandbox

        with Sandbox() as sandbox:
            _call(sandbox)


@in_new_interpreter
def test_a_sandbox_that_was_started_inside_a_freeze_stops_after_it() -> None:
    with freeze_time(NOON):
        from confluence_groups_sdk.sandbox import Sandbox

        sandbox = Sandbox().start()
        _call(sandbox)
    _call(sandbox)
    sandbox.stop()


@in_new_interpreter
def test_latency_of_a_sandbox_passes_inside_a_freeze() -> None:
    from confluence_groups_sdk.sandbox import Faults, Sandbox

    with freeze_time(NOON), Sandbox(faults=Faults(latency=0.001)) as sandbox:
        _call(sandbox)


@in_new_interpreter
def test_the_fixtures_end_inside_a_freeze() -> None:
    program = """
import pytest
from freezegun import freeze_time

@pytest.fixture(autouse=True)
def frozen():
    with freeze_time("2024-05-06"):
        yield

def test_a_call(confluence_groups):
    assert confluence_groups.current_user()
"""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test_theirs.py"
        path.write_text(program, encoding="utf-8")
        options = ["-p", "confluence_groups_sdk", "-p", "no:cacheprovider", "--rootdir", folder]
        assert pytest.main([*options, str(path)]) == 0


def _call(sandbox: Sandbox) -> None:
    """Send a request through a client that is not ours."""
    import httpx

    url = f"{sandbox.url}/wiki/rest/api/user/current"
    assert httpx.get(url, auth=(sandbox.admin.email, sandbox.admin.token), trust_env=False).status_code == 200


# --- clocks


def _loaded_before(path: Path, read: Callable[[ModuleType], Callable[[], float]]) -> Callable[[], float]:
    return read(_load(path))


def _loaded_inside(path: Path, read: Callable[[ModuleType], Callable[[], float]]) -> Callable[[], float]:
    with freeze_time(NOON):
        return read(_load(path))


def _load(path: Path) -> ModuleType:
    """Load a module of the package under another name."""
    package = ".".join(path.parent.relative_to(PACKAGE.parent).parts)
    spec = importlib.util.spec_from_file_location(f"{package}.clock_to_test", path)
    assert isinstance(spec, ModuleSpec)
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("load", [_loaded_before, _loaded_inside])
@pytest.mark.parametrize(
    ("path", "read"),
    [
        (PACKAGE / "_support" / "clock.py", lambda module: module.SystemClock().monotonic),
        (PACKAGE / "sandbox" / "real_time.py", lambda module: module.monotonic),
    ],
    ids=["client", "sandbox"],
)
def test_a_monotonic_clock_is_not_frozen_and_never_goes_back(
    load: Callable[[Path, Callable[[ModuleType], Callable[[], float]]], Callable[[], float]],
    path: Path,
    read: Callable[[ModuleType], Callable[[], float]],
) -> None:
    monotonic = load(path, read)
    readings = [time.monotonic(), monotonic()]
    with freeze_time(NOON) as frozen:
        readings.append(monotonic())
        frozen.tick(3600)
        readings.append(monotonic())
    readings += [monotonic(), time.monotonic()]
    assert readings == sorted(readings)


def test_the_sandbox_reads_the_clock_that_is_not_frozen() -> None:
    from confluence_groups_sdk.sandbox.faults import MachineClock

    before = time.monotonic()
    with freeze_time(NOON):
        frozen = MachineClock().monotonic()
    assert before <= frozen <= time.monotonic()


# --- other waits


@in_new_interpreter
def test_a_token_file_that_stays_locked_is_given_up() -> None:
    from confluence_groups_sdk import ConfigurationError, FileTokenStore
    from confluence_groups_sdk.auth import token_store

    with tempfile.TemporaryDirectory() as folder, patch.object(token_store, "LOCK_TIMEOUT_S", 0.01), freeze_time(NOON):
        path = Path(folder) / "tokens.json"
        refused = pytest.raises(ConfigurationError, match="keeps it locked")
        with FileTokenStore(path).lock(), refused, FileTokenStore(path).lock():
            pass


@in_new_interpreter
def test_a_login_without_consent_is_given_up() -> None:
    from confluence_groups_sdk.cli.session import oauth_callback
    from confluence_groups_sdk.cli.terminal import RefusedError

    refused = pytest.raises(RefusedError, match="nobody consented")
    with (
        patch.object(oauth_callback, "CONSENT_TIMEOUT_S", 0.01),
        freeze_time(NOON),
        oauth_callback.CallbackServer(0) as callback,
        refused,
    ):
        callback.wait_for_code()


@in_new_interpreter
def test_time_can_be_frozen_where_the_sandbox_cannot_be_loaded() -> None:
    import sys

    sys.modules["uvicorn"] = None  # type: ignore[assignment] # as if the extra were not installed
    import confluence_groups_sdk.sandbox

    with freeze_time(NOON):
        assert time.time() == pytest.approx(1_714_996_800)
    with pytest.raises(confluence_groups_sdk.ConfigurationError, match="needs uvicorn"):
        _ = confluence_groups_sdk.sandbox.Sandbox
