"""One call in instructions (valgrind's callgrind), which do not depend on what else the machine does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

from .calls import EMAIL, GROUP_ID, PATH, TOKEN
from .figures import Figure
from .servers import serving

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


def measure() -> Iterator[Figure]:
    """Count both; nothing where valgrind is not installed."""
    if not shutil.which("valgrind"):
        print("instructions: not counted, since valgrind is not installed", file=sys.stderr)
        return
    with serving() as url:
        ours, httpx = each_call(OURS, url), each_call(HTTPX, url)
    yield Figure(
        what="one remove_member, in instructions",
        against="httpx.Client.delete",
        value=ours / httpx,
        unit="x",
        goal=0.95,
    )
    yield Figure(what="the same", value=ours / 1000, unit="thousand instructions")


def each_call(program: str, url: str) -> float:
    """Return the instructions that each call takes: what many take beyond what few do."""
    few, many = (counted(f"URL, COUNT = {url!r}, {count}\n{program}") for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def counted(program: str) -> int:
    """Return the instructions that a program takes."""
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}", sys.executable, "-c", program]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "0"}
    )
    found = COLLECTED.search(done.stderr)
    assert found, done.stderr
    return int(found[1])
