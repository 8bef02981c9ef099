"""Let processes with several threads share tokens that expire all the time, and count the refreshes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from databases.embedded import running_postgres

from confluence_groups_sdk import Tokens
from confluence_groups_sdk.fleet import Postgres
from confluence_groups_sdk.sandbox import Faults, Sandbox
from proving.fleet_host import TOKENS

SCRIPTS = Path(__file__).parents[1]
CALLS_BETWEEN = 100
LATENCY_S = 0.004


def prove(processes: int, threads: int, expiries: int) -> int:
    """Run the proof, and print a summary; return 1 if something is wrong."""
    refreshes, done = run(processes, threads, expiries)
    errors = [error for each in done for error in each["errors"]]
    calls = sum(each["calls"] for each in done)
    print(f"{processes} processes with {threads} threads, {calls:,} calls, {expiries} forced expiries")
    print(f"  {refreshes} refreshes, {len(errors)} errors")
    print(*(f"  failed: {error}" for error in errors[:20]), sep="\n", end="\n" if errors else "")
    return int(bool(errors) or refreshes != expiries + 1)


def run(processes: int, threads: int, expiries: int) -> tuple[int, list[dict[str, Any]]]:
    """Let processes make calls while all access tokens expire again and again.

    Returns:
        The number of refreshes, and what each process says.
    """
    calls = -(-(expiries * CALLS_BETWEEN + CALLS_BETWEEN // 2) // processes)
    faults = Faults(latency=LATENCY_S, expire_tokens_every=CALLS_BETWEEN)
    with running_postgres() as server, Sandbox(faults=faults) as sandbox, Postgres(server.dsn) as shared:
        shared.init()
        grant = sandbox.grant(expires_in=0)
        shared.token_store(TOKENS).save(Tokens(grant.access_token, grant.refresh_token, grant.expires_at))
        command = [sys.executable, "-m", "proving.fleet_host", "call", server.dsn, sandbox.url, sandbox.cloud_id]
        command += [*sandbox.oauth_client, str(threads), str(calls)]
        done = run_together(command, processes)
        refreshes = sum(seen.target == "/oauth/token" for seen in sandbox.requests)
    return refreshes, done


def run_together(command: Sequence[str], processes: int) -> list[dict[str, Any]]:
    """Start processes, let them begin at the same time, and return what they print."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=SCRIPTS)
            )
            for _ in range(processes)
        ]
        for each in running:
            stack.callback(each.kill)
            assert each.stdout is not None, "it is a pipe"
            each.stdout.readline()
        for each in running:
            assert each.stdin is not None, "it is a pipe"
            each.stdin.write("\n")
            each.stdin.flush()
        return [json.loads(each.communicate()[0]) for each in running]
