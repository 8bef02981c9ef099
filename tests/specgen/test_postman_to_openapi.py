"""The first step alone, run as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from items import ROOT, SEED, changed, seed
from openapi_spec_validator import OpenAPIV30SpecValidator
from specgen.yaml_io import read_yaml

SCRIPT = ROOT / "scripts" / "postman_to_openapi.py"


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-B", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, cwd=cwd, check=False)


def test_yaml_on_stdout_and_losses_on_stderr(tmp_path: Path) -> None:
    result = run(ROOT / "openapi" / "postman" / SEED, cwd=tmp_path)
    assert result.returncode == 0
    document = yaml.safe_load(result.stdout)
    assert document == read_yaml(result.stdout.decode(), "stdout")
    assert list(document["paths"]["/api/group/userByGroupId"]["delete"]["responses"]) == [
        "204",
        "400",
        "401",
        "403",
        "404",
    ]
    assert not list(OpenAPIV30SpecValidator(document).iter_errors())
    lost = result.stderr.decode().splitlines()
    assert [line.startswith("lost: ") for line in lost] == [True, True]
    assert list(tmp_path.iterdir()) == []


def test_a_server_is_named(tmp_path: Path) -> None:
    result = run(ROOT / "openapi" / "postman" / SEED, "--server", "https://example.com/wiki/rest", cwd=tmp_path)
    assert yaml.safe_load(result.stdout)["servers"] == [{"url": "https://example.com/wiki/rest"}]
    assert b"{{baseUrl}}" not in result.stderr


def test_a_text_that_no_terminal_can_show_is_still_utf_8(tmp_path: Path) -> None:
    (tmp_path / "item.json").write_text(json.dumps(changed("/request/description", "Dagný 😀")), encoding="utf-8")
    assert (
        "Dagný 😀"
        in yaml.safe_load(run("item.json", cwd=tmp_path).stdout)["paths"].popitem()[1]["delete"]["description"]
    )


@pytest.mark.parametrize("server", ["", "not a url", "example.com", "ftp://example.com", "http://["])
def test_a_server_that_is_no_address_is_refused(tmp_path: Path, server: str) -> None:
    result = run(ROOT / "openapi" / "postman" / SEED, "--server", server, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, b"")


def test_an_output_that_is_full_exits_with_two() -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-B", str(SCRIPT), str(ROOT / "openapi" / "postman" / SEED)]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (result.returncode, b"cannot be written" in result.stderr) == (2, True)


def test_what_cannot_be_read_exits_with_two(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "odd.json").write_text(json.dumps({**seed(), "event": []}))
    for name, part in [
        ("broken.json", "no valid JSON"),
        ("odd.json", "/event"),
        ("absent.json", "cannot be read"),
        (".", "cannot be read"),
    ]:
        result = run(name, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (2, b"")
        assert part in result.stderr.decode()
        assert b"Traceback" not in result.stderr
