"""Check the generated package, and convert a large collection; compare with a generator and with another writer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from postman_openapi.cli import convert
from postman_openapi.yaml_io import write_yaml
from ruamel.yaml import YAML

from benchmarking.figures import Figure, ratio
from benchmarking.pairs import time_interleaved

ROOT = Path(__file__).parents[2]
ROUNDS = 5
OPERATIONS = 130
DEPTH, WIDTH = 4, 3  # of the objects in the bodies
TEXT = "Returns one page.\n\n**Permissions required**: none.\n\n- `size`: 1 to 200\n- `sort`: *name*, or date: 2026"


def measure() -> Iterator[Figure]:
    """Time the check and the generator, the conversion, and two writers of its document."""
    timings = time_interleaved({"check": check, "generator": generate}, rounds=ROUNDS, warm_up=1)
    yield ratio("regenerate.py --check", "the generator alone", timings.ratio("check", "generator"), goal=3)
    yield Figure("the same", timings.median("check"), "s", goal=3)
    with TemporaryDirectory() as folder:
        export = Path(folder, "export.json")
        export.write_text(json.dumps(collection(OPERATIONS)), encoding="utf-8")
        document, _ = convert(export, None)
        timings = time_interleaved({"convert": lambda: convert_file(export)}, rounds=ROUNDS)
        size = f"{export.stat().st_size / 1e6:.1f} MB of JSON to {len(write_yaml(document)) / 1e6:.1f} MB of YAML"
        yield Figure(f"{OPERATIONS} operations converted", timings.median("convert"), "s", goal=3, note=size)
    writers = {"ours": lambda: write_yaml(document), "ruamel": lambda: write_with_ruamel(document)}
    timings = time_interleaved(writers, rounds=1)
    yield ratio("its document written", "ruamel.yaml", timings.ratio("ours", "ruamel"))


def check() -> None:
    """Check that regeneration would change nothing."""
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "regenerate.py", "--check"], check=True, stdout=subprocess.DEVNULL
    )


def generate() -> None:
    """Run the generator on the fragment with its configuration."""
    with TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--meta", "none"]
        command += ["--path", f"{ROOT}/openapi/confluence-groups.openapi.yaml", "--overwrite"]
        command += ["--config", f"{ROOT}/generator-config.yaml", "--output-path", f"{folder}/generated"]
        subprocess.run(command, check=True, capture_output=True)


def convert_file(export: Path) -> None:
    """Run the converter as its users do."""
    command = [sys.executable, f"{ROOT}/scripts/postman_to_openapi.py", str(export)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def write_with_ruamel(document: dict[str, Any]) -> str:
    """Write a document with ruamel.yaml's safe writer."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.representer.ignore_aliases = lambda _: True
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def collection(operations: int) -> dict[str, Any]:
    """Return a collection as exporters write the documents of large APIs: many fields, few descriptions."""
    folders = [
        {"name": f"Things {part}", "item": [_item(number) for number in range(part, operations, 10)]}
        for part in range(min(10, operations))
    ]
    return {"info": {"name": "A large API"}, "item": folders}


def _item(number: int) -> dict[str, Any]:
    path = ["api", f"things{number}", ":thingId", "parts"]
    url = {
        "host": ["{{baseUrl}}"],
        "path": path,
        "query": [{"key": key, "value": "<string>", "description": TEXT} for key in ("expand", "sort", "status")],
        "variable": [{"key": "thingId", "value": "<string>", "description": f"(Required) Id of the thing {number}."}],
    }
    body = {"mode": "raw", "raw": json.dumps(_body(2)), "options": {"raw": {"language": "json"}}}
    request = {"method": "POST", "url": url, "body": body, "description": TEXT}
    answers = [
        {"name": f"Status {code}", "code": code, "body": json.dumps(_body(depth), indent=2)}
        for code, depth in ((200, DEPTH), (201, DEPTH - 1))
    ]
    answers += [{"name": "Not found", "code": 404}]
    return {"name": f"Change part {number}", "request": request, "response": answers}


def _body(depth: int) -> dict[str, Any]:
    """Return a body with placeholders, values and objects inside each other."""
    fields = {"id": "<string>", "count": "<integer>", "title": "A title, with a comma", "created": "<dateTime>"}
    inner = {f"child{index}": _body(depth - 1) for index in range(WIDTH)} if depth > 1 else {}
    return {**fields, **inner, "_links": {"self": "<uri>", "webui": "<string>"}}
