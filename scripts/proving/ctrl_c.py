"""Interrupt `apply` many times, each in a process that ends itself if a run hangs, and count what went wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proving.interrupted_runs import EVERY_STEP, RANDOM

SCRIPTS = Path(__file__).parents[1]
SHOWN = 20  # lines of a process that ended itself


def prove(runs: int, seed: int, *, every_step: bool) -> int:
    """Make the runs, and print a summary; return 1 if a run failed."""
    failed = _summarize("signals at random moments", make_runs(RANDOM, seed, runs))
    if every_step:
        failed |= _summarize("an exception at each step", make_runs(EVERY_STEP, seed, None))
    return int(failed)


def make_runs(kind: str, seed: int, runs: int | None, step: int = 1) -> Iterator[dict[str, Any]]:
    """Make runs, and yield what happened in each.

    Args:
        kind: RANDOM or EVERY_STEP.
        seed: chooses the moments of the signals.
        runs: the number of runs; None for as many as the thread has steps.
        step: 2 to make every second run, and so on.
    """
    number = 0
    while runs is None or number < runs:
        command = [sys.executable, "-X", "faulthandler", "-m", "proving.interrupted_runs"]
        command += [kind, *map(str, (seed, number, -1 if runs is None else runs, step))]
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(command, cwd=SCRIPTS, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
        ):
            for line in process.stdout or ():
                yield json.loads(line)
                number += step
            process.wait()
            errors.seek(0)
            stacks = errors.read()
        if process.returncode == 0:
            return
        print("\n".join(stacks.splitlines()[-SHOWN:]), file=sys.stderr)
        problem = "hang" if "Timeout" in stacks else f"the process ended with {process.returncode}"
        yield {"run": number, "interruption": "", "seen": "", "problem": problem}
        number += step


def _summarize(title: str, runs: Iterator[dict[str, Any]]) -> bool:
    """Print the numbers, and return whether a run failed."""
    seen: Counter[tuple[str, str]] = Counter()
    problems: Counter[str] = Counter()
    for run in runs:
        seen[run["interruption"], run["seen"]] += 1
        if run["problem"]:
            problems[run["problem"].partition(":")[0]] += 1
            print(f"run {run['run']} ({run['interruption']}): {run['problem']}", flush=True)
    print(f"{title}: {sum(seen.values()):,} runs, {sum(problems.values()):,} failed", flush=True)
    for (interruption, outcome), count in sorted(seen.items()):
        print(f"  {interruption or 'hang'}: {outcome or 'nothing'}: {count:,}")
    for problem, count in problems.most_common():
        print(f"  failed: {problem}: {count:,}")
    return bool(problems)
