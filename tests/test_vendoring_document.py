"""docs/vendoring.md, with what its commands print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from copies import PACKAGE, PARTS

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = (ROOT / "docs" / "vendoring.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n\$ (.*?)\n(.*?)```", DOCUMENT, re.DOTALL)
COMMAND = "python ../confluence-groups-sdk/scripts/vendor.py"
PLACE = "src/bigger_sdk/_vendor"


def comparable(text: str) -> str:
    """Return a text without what differs from version to version."""
    return re.sub(r"\d+ files", "N files", re.sub(r"\d+\.\d+\.\d+", "VERSION", text))


def printed(command: str, folder: Path) -> str:
    """Return what a command prints, on both streams."""
    arguments = command.removeprefix(f"{COMMAND} ").split()
    assert arguments != command.split()
    result = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "vendor.py"), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        encoding="utf-8",
    )
    return result.stdout


def test_the_commands_print_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / PLACE).mkdir(parents=True)
    (first, copied), (second, checked) = BLOCKS
    assert comparable(printed(first, tmp_path)) == comparable(copied)
    logging = tmp_path / PLACE / "confluence_groups" / "_logging.py"
    text = logging.read_text(encoding="utf-8")
    logging.write_text(text.replace('"CONFLUENCE_GROUPS_LOG"', '"BIGGER_SDK_LOG"'), encoding="utf-8")
    assert comparable(printed(second, tmp_path)) == comparable(checked)


def test_the_configuration_fits_the_package() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    settings = tomllib.loads(block)["tool"]["vendoring"]
    dropped = [Path(each) for each in settings["transformations"]["drop"] if each.startswith(PACKAGE)]
    assert dropped
    assert all((ROOT / each).is_dir() and each.name in PARTS for each in dropped)
    assert tuple(settings["namespace"].split(".")) == Path(settings["destination"]).parts[1:]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_in_the_table(part: str) -> None:
    assert re.search(rf"^\| `{part}` \|", DOCUMENT, re.MULTILINE)


def test_it_stays_short() -> None:
    assert len(DOCUMENT.encode()) < 6_000
