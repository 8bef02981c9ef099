"""The converter script, run as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator
from postman_items import CREATE, MEMBERS, ROOT, SEED, edit_item, load_item
from postman_openapi.yaml_io import read_yaml

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
    report = result.stderr.decode().splitlines()
    assert report[:3] == ["2 losses of 2 kinds:", "  1 x oauth2", "  1 x the base URL {{...}}"]
    assert report[3].startswith("authentication lost: ")
    assert report[4:] == ["--verbose lists every loss with its position"]
    assert list(tmp_path.iterdir()) == []


def test_given_server_is_written(tmp_path: Path) -> None:
    result = run(ROOT / "openapi" / "postman" / SEED, "--server", "https://example.com/wiki/rest", cwd=tmp_path)
    assert yaml.safe_load(result.stdout)["servers"] == [{"url": "https://example.com/wiki/rest"}]
    assert b"{{baseUrl}}" not in result.stderr


def test_output_is_utf_8_in_any_terminal(tmp_path: Path) -> None:
    (tmp_path / "item.json").write_text(json.dumps(edit_item("/request/description", "Dagný 😀")), encoding="utf-8")
    assert (
        "Dagný 😀"
        in yaml.safe_load(run("item.json", cwd=tmp_path).stdout)["paths"].popitem()[1]["delete"]["description"]
    )


def collection_text(*items: object) -> str:
    folder = {"name": "Groups", "item": list(items)}
    return json.dumps({"info": {"name": "All"}, "item": [folder, {"name": "odd"}]})


def test_collection_becomes_one_document(tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text(collection_text(load_item(), load_item(CREATE), load_item(MEMBERS)))
    result = run("all.json", cwd=tmp_path)
    document = yaml.safe_load(result.stdout)
    assert (result.returncode, document["info"]["title"], document["tags"]) == (0, "All", [{"name": "Groups"}])
    assert len(document["paths"]) == 3
    assert not list(OpenAPIV30SpecValidator(document).iter_errors())
    assert "all.json ('odd'): /item/1: an operation: 'request' is missing" in result.stderr.decode()


def test_items_with_the_same_path_and_method_become_one_operation(tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text(collection_text(load_item(), edit_item("/name", "Another name")))
    result = run("all.json", cwd=tmp_path)
    assert len(yaml.safe_load(result.stdout)["paths"]) == 1
    assert "merged operations disagree: all.json ('Groups / Another name'): " in result.stderr.decode()


def test_report_can_be_json(tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text(collection_text(load_item()))
    result = run("all.json", "--report", "json", cwd=tmp_path)
    rows = json.loads(result.stderr)
    assert [row["pointer"] for row in rows] == [
        "/item/0/item/0/request/auth",
        "/item/0/item/0/request/url/host/0",
        "/item/1",
    ]
    assert rows[2] == {
        "item": "all.json ('odd')",
        "pointer": "/item/1",
        "what": "an operation",
        "why": "'request' is missing",
        "kind": "operation lost",
    }
    lines = run("all.json", "--verbose", cwd=tmp_path).stderr.decode().splitlines()
    lost = [f"lost: {row['item']}: {row['pointer']}: {row['what']}: {row['why']}" for row in rows]
    assert [line for line in lines if line.startswith("lost: ")] == lost
    (tmp_path / "whole.json").write_text(
        json.dumps(
            {
                "name": "x",
                "request": {"method": "GET", "url": "https://x/a"},
                "response": [{"name": "Fine", "code": 200}],
            }
        )
    )
    assert json.loads(run("whole.json", "--report", "json", cwd=tmp_path).stderr) == []


@pytest.mark.parametrize("server", ["", "not a url", "example.com", "ftp://example.com", "http://["])
def test_server_that_is_not_a_url_is_refused(tmp_path: Path, server: str) -> None:
    result = run(ROOT / "openapi" / "postman" / SEED, "--server", server, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, b"")


def test_full_output_device_exits_with_2() -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-B", str(SCRIPT), str(ROOT / "openapi" / "postman" / SEED)]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (result.returncode, b"cannot be written" in result.stderr) == (2, True)


def test_unreadable_input_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "old.json").write_text(json.dumps({"id": "1", "name": "All", "order": [], "requests": []}))
    (tmp_path / "deep.json").write_text("[" * 200 + "]" * 200)
    circle = [{"key": "a", "value": "{{b}}"}, {"key": "b", "value": "{{a}}"}]
    item = {"name": "An item", "request": "{{a}}/things"}
    document = {"info": {"name": "All"}, "item": [item], "variable": circle}
    (tmp_path / "circle.json").write_text(json.dumps(document))
    with (tmp_path / "large.json").open("wb") as large:
        large.truncate(50 * 1024 * 1024 + 1)
    for name, part in [
        ("broken.json", "not valid JSON"),
        ("old.json", "version 1: export it as version 2.1"),
        ("deep.json", "nested more than 100 levels"),
        ("circle.json", "a -> b -> a refer to each other in a circle"),
        ("large.json", "larger than 50 MB"),
        ("absent.json", "cannot be read"),
        (".", "cannot be read"),
    ]:
        result = run(name, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (2, b"")
        assert part in result.stderr.decode()
        assert b"Traceback" not in result.stderr
