"""Count the instructions of import, construction and one call with valgrind's callgrind; other load has no effect."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

from benchmarking.calls import EMAIL, GROUP_ID, PATH, TOKEN
from benchmarking.figures import Figure
from benchmarking.servers import serving

FEW, MANY = 20, 60  # calls
COLLECTED = re.compile(r"Collected : (\d+)")
IDS = "[f'557058:1e9d5a4e-2f1a-4a0b-9d7c-{number:012x}' for number in range(COUNT)]"
OURS = f"""
from confluence_groups_sdk import ApiToken, ConfluenceGroups
groups = ConfluenceGroups(URL, auth=ApiToken({EMAIL!r}, {TOKEN!r}))
for account_id in {IDS}:
    groups.remove_member(group_id={GROUP_ID!r}, account_id=account_id)
"""
HTTPX = f"""
import httpx
http = httpx.Client()
for account_id in {IDS}:
    http.delete(URL + {PATH!r}, params={{"groupId": {GROUP_ID!r}, "accountId": account_id}})
"""
BARE = "pass"
IMPORT = "import confluence_groups_sdk"
BUILD_HTTPX = "import httpx; httpx.Client()"
BUILD_OURS = f"""
from confluence_groups_sdk import ApiToken, ConfluenceGroups
ConfluenceGroups("https://your-domain.atlassian.net", auth=ApiToken({EMAIL!r}, {TOKEN!r}))
"""


def measure() -> Iterator[Figure]:
    """Count import, construction and a call, if valgrind is installed."""
    if not shutil.which("valgrind"):
        print("instructions: not counted, because valgrind is not installed", file=sys.stderr)
        return
    bare = count_instructions(BARE)
    programs = (IMPORT, BUILD_OURS, BUILD_HTTPX)
    imported, built, built_httpx = (count_instructions(each) - bare for each in programs)
    with serving() as url:
        ours, httpx = count_each_call(OURS, url), count_each_call(HTTPX, url)
    thousand = "thousand instructions"
    yield Figure("import, in instructions", imported / 1000, thousand)
    yield Figure("building a client, in instructions", built / built_httpx, "x", BUILD_HTTPX, goal=1.15)
    yield Figure("the same", built / 1000, thousand)
    yield Figure("one remove_member, in instructions", ours / httpx, "x", "httpx.Client.delete", goal=0.95)
    yield Figure("the same", ours / 1000, thousand)


def count_each_call(program: str, url: str) -> float:
    """Return the instructions of one call: the difference between many calls and few, divided by their number."""
    few, many = (count_instructions(f"URL, COUNT = {url!r}, {count}\n{program}") for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def count_instructions(program: str) -> int:
    """Return the instructions of a program."""
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}", sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found = COLLECTED.search(done.stderr)
    assert found, done.stderr
    return int(found[1])
