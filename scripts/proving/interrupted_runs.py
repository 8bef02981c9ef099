"""Runs of `apply` that are interrupted, in this process: python -m proving.interrupted_runs KIND SEED FIRST END STEP

Prints a line of JSON for each run. If a run hangs, the process prints the stacks of its threads and ends.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from confluence_groups_sdk.membership import Outcome, Plan, Report, apply, read_journal
from proving.fake_site import FakeSite, make_plan

RANDOM, EVERY_STEP = "random", "every-step"
HANG_S = 10.0
TRACED = tuple(
    os.path.join(*each) for each in (("membership", "execution"), ("planning", "parallel.py"), ("concurrent",))
)
FINISHED = (Outcome.REMOVED, Outcome.ADDED)


Instruction = tuple[str, str, int]
Step = tuple[Instruction, int]  # an instruction, and how often it was passed


class StopError(Exception):
    """A program's own handler stops the program."""


class Interruption:
    """A way to interrupt `apply`.

    Attributes:
        name: for the summary.
        handler: the handler for the signal.
        pauses: the seconds before each signal.
        moment: when the signals were sent or the exception was raised; None if not yet.
    """

    def __init__(self, name: str, handler: Any, pauses: list[float]) -> None:
        self.name = name
        self.handler = handler
        self.pauses = pauses
        self.moment: float | None = None

    def send(self) -> None:
        """Send the signals; called in a thread."""
        for pause in self.pauses:
            time.sleep(pause)
            os.kill(os.getpid(), signal.SIGINT)
            self.moment = self.moment or time.monotonic()


def raise_interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, as the handler of a program may."""
    raise KeyboardInterrupt


def raise_stop(_signal: int, _frame: FrameType | None) -> None:
    """Raise an exception of the program's own."""
    raise StopError


def random_interruption(chance: random.Random, seconds: float) -> Interruption:
    """Choose a handler, and the moments of one or more signals within some seconds."""
    first = chance.uniform(0, seconds)
    gap = chance.uniform(0.0003, 0.008)
    kind = chance.randrange(5)
    if kind == 0:
        return Interruption("Python's handler, one signal", signal.default_int_handler, [first])
    if kind == 1:
        return Interruption("Python's handler, two signals", signal.default_int_handler, [first, gap])
    if kind == 2:
        return Interruption("own KeyboardInterrupt, one signal", raise_interrupt, [first])
    if kind == 3:
        gaps = [chance.uniform(0.0001, 0.003) for _ in range(chance.randrange(1, 6))]
        return Interruption("own KeyboardInterrupt, several signals", raise_interrupt, [first, *gaps])
    return Interruption("own exception, one or two signals", raise_stop, [first, gap][: chance.randrange(1, 3)])


def run_and_check(folder: Path, interruption: Interruption, *, raise_at: Step | None = None) -> dict[str, Any]:
    """Apply a plan, interrupt it, check what is left behind, and resume.

    Args:
        folder: where the journal is written.
        interruption: interrupts the run with signals.
        raise_at: raises KeyboardInterrupt at this step instead.
    """
    site = FakeSite()
    plan, journal = make_plan(site), folder / "journal"
    signal.signal(signal.SIGINT, interruption.handler)
    sender = threading.Thread(target=interruption.send)
    report: Report | None = None
    error: BaseException | None = None
    ended = 0.0
    tracer = _Tracer(raise_at)
    try:
        if raise_at is None:
            sender.start()
        else:
            sys.settrace(tracer)
        try:
            report = apply(site.client, plan, journal=journal, on_progress=lambda _: None)
        finally:
            sys.settrace(None)
        ended = time.monotonic()
    except BaseException as caught:
        error = caught
    _wait_for(sender)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    happened = (
        tracer.raised if raise_at is not None else interruption.moment is not None and interruption.moment < ended
    )
    try:
        problem = _find_problem(site, plan, journal, report, error, interrupted=happened)
    except Exception as failure:
        problem = f"{type(failure).__name__}: {failure}"
    seen = type(error).__name__ if error else "report, interrupted" if report and report.interrupted else "report"
    return {"interruption": interruption.name, "seen": seen, "problem": problem}


class _Tracer:
    """Raises KeyboardInterrupt in this thread at an instruction.

    Attributes:
        seen: how often each instruction has been passed, by file, function and number.
        raised: whether the exception was raised.
    """

    def __init__(self, raise_at: Step | None) -> None:
        self.seen: Counter[Instruction] = Counter()
        self.raised = False
        self._raise_at = raise_at

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> Callable[..., Any] | None:
        if not any(each in frame.f_code.co_filename for each in TRACED):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            instruction = (frame.f_code.co_filename, frame.f_code.co_qualname, frame.f_lasti)
            self.seen[instruction] += 1
            if (instruction, self.seen[instruction]) == self._raise_at:
                self.raised = True
                sys.settrace(None)
                raise KeyboardInterrupt
        return self


def _wait_for(thread: threading.Thread) -> None:
    """Wait until all signals are sent and handled."""
    while True:
        try:
            if thread.ident is not None:
                thread.join()
            time.sleep(0.001)
            return
        except BaseException:  # noqa: S112 - a late signal
            continue


def _find_problem(
    site: FakeSite, plan: Plan, journal: Path, report: Report | None, error: BaseException | None, *, interrupted: bool
) -> str | None:
    """Return what is wrong after a run, or None; then resume it."""
    if error is not None and not isinstance(error, KeyboardInterrupt | StopError):
        return f"wrong error: {type(error).__name__}: {error}"
    if report is not None and interrupted and not report.interrupted:
        return "interruption not seen"
    writes = list(site.writes)
    if problem := _check_journal(site, plan, journal, report):
        return problem
    resumed = apply(site.client, plan, journal=journal)
    if site.writes[: len(writes)] != writes:
        return "calls after the end: they were sent while the journal was read"
    if resumed.unfinished or not site.is_done(plan):
        return f"not completed: {resumed}"
    if again := [key for key, count in Counter(site.writes).items() if count > 1]:
        return f"sent again: {len(again)} changes"
    return None


def _check_journal(site: FakeSite, plan: Plan, journal: Path, report: Report | None) -> str | None:
    data = journal.read_bytes() if journal.exists() else b""
    if not data:
        return "no record: changes were sent" if site.writes else None
    if not data.endswith(b"\n"):
        return "half a line: at the end of the journal"
    state = read_journal(journal)
    made = {key for key, result in state.results.items() if result.outcome in FINISHED}
    if state.in_doubt:
        return f"results lost: {len(state.in_doubt)} changes in doubt"
    if made != set(site.writes):
        return f"results lost: the journal has {len(made)}, the server made {len(set(site.writes))}"
    if report is None:
        return None
    if {result.change.key for result in report.results} | {each.key for each in report.unfinished} != {
        change.key for change in plan.changes
    }:
        return "wrong report: some changes are missing"
    return None if report.journal_hash == state.last_hash else "wrong report: another hash"


def _time_run(folder: Path) -> float:
    """Return the seconds that a run takes without an interruption: the second one, because the first loads modules."""
    for name in ("first", "second"):
        site = FakeSite()
        plan = make_plan(site)
        began = time.monotonic()
        apply(site.client, plan, journal=folder / name, on_progress=lambda _: None)
    return time.monotonic() - began


def _list_steps(folder: Path) -> list[Step]:
    """Return the steps to raise an exception at: each instruction that a run passes, several times."""
    tracer = _Tracer(None)
    site = FakeSite()
    plan = make_plan(site)
    sys.settrace(tracer)
    apply(site.client, plan, journal=folder / "steps", on_progress=lambda _: None)
    sys.settrace(None)
    return [(instruction, times) for instruction in sorted(tracer.seen) for times in (1, 2, 15)]


def _runs(kind: str, seed: int, first: int, end: int, step: int) -> Iterator[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        seconds = 1.1 * _time_run(Path(folder))  # a few signals come too late
        steps = _list_steps(Path(folder)) if kind == EVERY_STEP else []
    for number in range(first, len(steps) if kind == EVERY_STEP else end, step):
        chance = random.Random(f"{seed} {number}")  # noqa: S311 - the moments are not secret
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        with TemporaryDirectory() as own:
            if kind == RANDOM:
                run = run_and_check(Path(own), random_interruption(chance, seconds))
            else:
                interruption = Interruption("an exception at one step", signal.SIG_IGN, [])
                run = run_and_check(Path(own), interruption, raise_at=steps[number])
        yield {"run": number, **run}


if __name__ == "__main__":
    for each in _runs(sys.argv[1], *map(int, sys.argv[2:])):
        print(json.dumps(each), flush=True)
    faulthandler.cancel_dump_traceback_later()
