"""Measure import and construction in a new interpreter, in an environment with only the runtime dependencies."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarking.figures import Figure, ratio
from benchmarking.pairs import time_interleaved
from benchmarking.servers import serving

ROUNDS = 30
PACKAGE = "confluence_groups_sdk"
ROOT = Path(__file__).parents[2]
SITE = "https://your-domain.atlassian.net"
TOOLS = {"pip", "setuptools", "wheel", "confluence-groups-sdk"}

ALIASES = {"attr": "attrs"}

BUILT = (
    "from confluence_groups_sdk import ApiToken, ConfluenceGroups\n"
    f"ConfluenceGroups({SITE!r}, auth=ApiToken('me@example.com', 'token'))"
)
PROGRAMS = {
    "nothing": "pass",
    "imported": "import confluence_groups_sdk",
    "httpx": "import httpx\nhttpx.Client()",
    "ours": BUILT,
    "generated": (
        "from confluence_groups_sdk._generated import AuthenticatedClient\n"
        f"AuthenticatedClient(base_url='{SITE}/wiki/rest', token='token').get_httpx_client()"
    ),
    "httpx and attrs": "import httpx, attrs\nhttpx.Client()",
    "httpx called": "import httpx\nhttpx.Client().delete({url!r})",
    "ours called": (
        "from confluence_groups_sdk import ApiToken, ConfluenceGroups\n"
        "groups = ConfluenceGroups({url!r}, auth=ApiToken('me@example.com', 'token'))\n"
        "groups.remove_member(group_id='g', account_id='a')"
    ),
}


def measure() -> Iterator[Figure]:
    """Time programs in new interpreters, and count the installed packages."""
    with lean_environment() as python, serving() as url:
        timings = time_interleaved(starters(python, url), rounds=ROUNDS, warm_up=1)
        installed = dependencies(python)
        loading = import_times(python)
    seconds = timings.seconds
    over = [one - other for one, other in zip(seconds["imported"], seconds["nothing"], strict=True)]
    over_ms = max(0.0, statistics.median(over)) * 1000
    bare = "import httpx; httpx.Client()"
    yield Figure("import confluence_groups_sdk", over_ms, "ms", "a bare interpreter", goal=2)
    built = timings.ratio("ours", "httpx")
    yield ratio("ConfluenceGroups(...) built", bare, built, goal=1.12)
    yield ratio("the generated client built", bare, timings.ratio("generated", "httpx"))
    yield ratio("import attrs, which both need, and nothing else", bare, timings.ratio("httpx and attrs", "httpx"))
    called = timings.ratio("ours called", "httpx called")
    yield ratio("built, and a member removed", "the same program with httpx alone", called)
    first, httpx = ((timings.median(f"{name} called") - timings.median(name)) * 1000 for name in ("ours", "httpx"))
    yield Figure("the first call, beyond building", first, "ms", note=f"httpx: {httpx:.1f} ms")
    note = f"attrs: {loading['attrs']:.1f} ms, all modules: {sum(loading.values()):.0f} ms"
    what = "loading this package's modules for building, by -X importtime"
    yield Figure(what, loading[PACKAGE], "ms", note=note)
    yield Figure("packages installed with it", len(installed), "packages", note=", ".join(installed))


@contextmanager
def lean_environment() -> Iterator[Path]:
    """Yield the interpreter of a new environment with only this package and its dependencies, compiled."""
    with TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(ROOT)]
        subprocess.run(install, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""})
        subprocess.run([python, "-m", "compileall", "-q", folder], check=False)
        yield python


def starters(python: Path, url: str) -> dict[str, Callable[[], object]]:
    """Return functions that run each program in a new interpreter, in a folder without another copy of the package."""
    return {name: _starter(python, program.format(url=url)) for name, program in PROGRAMS.items()}


def dependencies(python: Path) -> list[str]:
    """Return the installed packages except ours and those of a new environment."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"]
    listed = subprocess.run(command, check=True, capture_output=True)
    return sorted({each["name"] for each in json.loads(listed.stdout)} - TOOLS)


def import_times(python: Path) -> Mapping[str, float]:
    """Return the import time before a client is built, in ms by package, as ``-X importtime`` reports it."""
    command = [str(python), "-X", "importtime", "-c", BUILT]
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=python.parent)
    times: defaultdict[str, float] = defaultdict(float)
    for line in run.stderr.splitlines()[1:]:
        own, _, name = line.removeprefix("import time:").split("|")
        times[ALIASES.get(root := name.strip().partition(".")[0], root)] += int(own) / 1000
    return times


def _starter(python: Path, program: str) -> Callable[[], object]:
    return lambda: subprocess.run([python, "-c", program], check=True, cwd=python.parent)
