"""What importing and building cost a program that has just started, in an environment with the runtime alone."""

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

from .figures import Figure, ratio
from .pairs import interleaved
from .servers import serving

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
    """Time programs in new interpreters, and count what is installed."""
    with lean_environment() as python, serving() as url:
        timings = interleaved(starters(python, url), rounds=ROUNDS, warm_up=1)
        installed = dependencies(python)
        loading = import_times(python)
    seconds = timings.seconds
    over = [one - other for one, other in zip(seconds["imported"], seconds["nothing"], strict=True)]
    bare = "import httpx; httpx.Client()"
    yield Figure(
        what="import confluence_groups_sdk",
        against="a bare interpreter",
        value=max(0.0, statistics.median(over)) * 1000,
        unit="ms",
        goal=2,
    )
    yield ratio(
        "ConfluenceGroups(...) built", bare, timings.ratio("ours", "httpx"), goal=1.12, short="building a client"
    )
    yield ratio("the generated client built", bare, timings.ratio("generated", "httpx"))
    yield ratio("import attrs, which both need, and nothing else", bare, timings.ratio("httpx and attrs", "httpx"))
    yield ratio(
        "built, and a member removed", "the same program with httpx alone", timings.ratio("ours called", "httpx called")
    )
    yield Figure(
        what="the first call, beyond building",
        value=(timings.median("ours called") - timings.median("ours")) * 1000,
        unit="ms",
        note=f"httpx: {(timings.median('httpx called') - timings.median('httpx')) * 1000:.1f} ms",
    )
    yield Figure(
        what="loading this package's modules for building, by -X importtime",
        value=loading[PACKAGE],
        unit="ms",
        note=f"attrs: {loading['attrs']:.1f} ms, all modules: {sum(loading.values()):.0f} ms",
    )
    yield Figure(what="packages installed with it", value=len(installed), unit="packages", note=", ".join(installed))


@contextmanager
def lean_environment() -> Iterator[Path]:
    """Give the interpreter of a new environment that has this package and what it needs, compiled, and no more."""
    with TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(ROOT)]
        subprocess.run(install, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""})
        subprocess.run([python, "-m", "compileall", "-q", folder], check=False)
        yield python


def starters(python: Path, url: str) -> dict[str, Callable[[], object]]:
    """Give each program, to be run by a new interpreter, in a folder that has no other copy of the package."""
    return {name: _starter(python, program.format(url=url)) for name, program in PROGRAMS.items()}


def dependencies(python: Path) -> list[str]:
    """Return what is installed beside the package, and did not come with the environment."""
    listed = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"],
        check=True,
        capture_output=True,
    )
    return sorted({each["name"] for each in json.loads(listed.stdout)} - TOOLS)


def import_times(python: Path) -> Mapping[str, float]:
    """Return the milliseconds that loading takes before a client is built, by package, as ``-X importtime`` has it."""
    command = [str(python), "-X", "importtime", "-c", BUILT]
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=python.parent)
    times: defaultdict[str, float] = defaultdict(float)
    for line in run.stderr.splitlines()[1:]:
        own, _, name = line.removeprefix("import time:").split("|")
        times[ALIASES.get(root := name.strip().partition(".")[0], root)] += int(own) / 1000
    return times


def _starter(python: Path, program: str) -> Callable[[], object]:
    return lambda: subprocess.run([python, "-c", program], check=True, cwd=python.parent)
