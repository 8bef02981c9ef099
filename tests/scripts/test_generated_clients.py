"""openapi-python-client keeps every operation of a converted document, and its code can be imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from codegen import configuration
from postman_items import ROOT
from postman_openapi import cli
from proving.generated_clients import generate_client

CONFIG = ROOT / configuration.CONFIG
CASES = Path(__file__).parent / "cases"
RESERVED = "import-loses-answer.json"  # its parameters have the names of the generator's own variables, by design
HEADERS = (
    *(("X-Request-Id", "<uuid>"), ("X-Date", "<date>"), ("X-Since", "<dateTime>"), ("X-Ids", "1,2"), ("X-Any", "")),
    *(("X-Count", "5"), ("X-Flag", "true"), ("X-File", "<binary>"), ("X-List", "<string>,<string>")),
    *(("X-Object", "a,<string>,b,<integer>"), ("X-Key", "{{key}}"), ("X-Name", "<name of it>")),
)
PATHS = (
    *("a/:2nd", "b/:id.json", "c/:id:cancel", "d/<account id>/x", "e/{{base path}}/y", "f/{{$guid}}", "g/:id/:id"),
    *("h/{id}-{id2}", "i/Customers(':id')", "j/%7Bid%7D", "k/${id}", "l/:from..:to", "m/things:search", "n/:naïve"),
    *("o//p", "q/<integer>", "r/a b", "s/{", "t/}", "u/:{{id}}", "v/{{id}}{{id}}", "w/:a-b/:a_b", "x/{{名前}}"),
    *("y/:client/:url/:body", "z/:class/:from", "1/:A/:a", "2/{{a.b}}", "3/:id,:id2"),
)
BODIES = (
    *('{ "a": <id>, }', "[", "{", "{a: 1, 'b': 'c'}", '{"a": {{n}}, "b": [{{x}}, ...]}', "text", '"text"', "null"),
    *('{"a": undefined}', '{"a": {"b": [1, "x", null]}}', "[]", "{}", '{"$ref": "x", "a b": {"": 1}}', "{{body}}"),
    *('{"@id": "1", "id": 2, "@type": "x", "type": {"a b": 1, "ab": [{"$": 1, "@": 2}]}, "a-b": 1, "a_b": 2}',),
    *('[{"a": 1}, {"a": "b"}]', '{"class": 1, "self": 2, "from": 3, "additional_properties": 4}'),
)


def item(name: str, url: str, **more: Any) -> Any:
    return {"name": name, "request": {"method": "POST", "url": f"https://x.example.com/{url}", **more}}


def json_body(text: str) -> Any:
    return {
        "header": [{"key": "Content-Type", "value": "application/json"}],
        "body": {"mode": "raw", "raw": text},
    }


ODD_COLLECTION: dict[str, Any] = {
    "info": {"name": "Odd"},
    "item": [
        item("Headers", "headers", header=[{"key": name, "value": value} for name, value in HEADERS]),
        *(item(f"Path {number}", path) for number, path in enumerate(PATHS)),
        *(item(f"Body {number}", f"body/{number}", **json_body(text)) for number, text in enumerate(BODIES)),
        *(
            {
                **item(f"Answer {number}", f"answer/{number}"),
                "response": [
                    {"code": 200, "header": [{"key": "Content-Type", "value": "application/json"}], "body": text}
                ],
            }
            for number, text in enumerate(BODIES)
        ),
        item("A very long name that goes on and on, " * 9, "long/1"),
        item("A very long name that goes on and on, " * 9 + "again", "long/2"),
        item("x" * 300, "long/3"),
        item("一覧", "list"),
        item("", "unnamed"),
        item("import", "keyword"),
        item("2nd", "digit"),
        item("Form", "form", body={"mode": "urlencoded", "urlencoded": [{"key": "a b", "value": "1"}]}),
        item(
            "Parts", "parts", body={"mode": "formdata", "formdata": [{"key": "f", "type": "file"}, {"key": "g[a]"}]}
        ),
        item("Raw form", "raw-form", header="Content-Type: application/x-www-form-urlencoded", body={
            "mode": "raw", "raw": "a=1&b=x+y&a=2"}),
        item("Case", "case", **json_body('{"requests": [{"query": {"a": 1}}], "Requests": [{"query": {"b": 1}}]}')),
        item("Words", "words", **json_body('{"a": {"bC": {"x": 1}}, "aB": {"c": {"y": 1}}, "a_b": {"c": {"z": 1}}}')),
        item("File", "file", body={"mode": "file", "file": {"src": "x"}}),
        item("Query", "query?a[]=1&a[]=2&b[c]=1&b[d][e]=2&client=1&url=2&$x=1&x=2&1=2&sort=a|b&{{k}}=1"),
        item("Names", "names?sortBy=1&sort_by=2&sort-order=1&sort order=2&ab=1&a-b=2&X-ID=1&x_id=2&xID=3"),
        item("Deep", "deep", **json_body(json.dumps({"m" * 120: [{"n" * 90: {"o" * 90: {"p": 1}}}]}))),
        item("Deep and empty", "deep/3", **json_body(json.dumps({"m" * 300: {}, "n" * 300: {"o" * 300: {"p": 1}}}))),
        item("Deep words " * 9, "deep/2", **json_body('{"oneTwoThree":' * 18 + "1" + "}" * 18)),
        item("Three names", "three?limit=1&Limit=2&LIMIT=3"),
        item("More names", "more?Limit=1&limit=2&LIMIT=3&lim_it=4&lim-it=5&limIt=6"),
        item("Reserved names", "reserved?client=1&Client=2&url=3&URL=4&client_query=5"),
        item("Two places", "places/:sortBy?sortBy=1&sort_by=2", header=[{"key": "sort-by", "value": "1"}]),
        item("Enum", "enum?order=x", ),
    ],
}  # fmt: skip
ENUM = {
    "key": "order",
    "value": "asc",
    "description": "Which (This can only be one of asc,ASC,desc,-desc)",
}
ODD_COLLECTION["item"][-1]["request"]["url"] = {"host": ["x"], "path": ["enum"], "query": [ENUM]}


def convert(document: Any, folder: Path) -> dict[str, Any]:
    source = folder / "export.json"
    source.write_text(json.dumps(document), encoding="utf-8")
    return cli.convert(source, None)[0]


def test_every_odd_operation_is_kept(tmp_path: Path) -> None:
    document = convert(ODD_COLLECTION, tmp_path)
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert len(operations) == len(ODD_COLLECTION["item"])
    assert max(len(each["operationId"]) for each in operations) <= 80
    assert len(generate_client(document, CONFIG, tmp_path)) == len(operations)


def test_every_case_is_kept(tmp_path: Path) -> None:
    items = []
    cases = [path for path in sorted(CASES.glob("*.json")) if path.name != RESERVED]
    for number, path in enumerate(cases):
        case = json.loads(path.read_text(encoding="utf-8-sig"))
        for variable in case.get("variable", []):
            case["item"][0].setdefault("variable", []).append(variable)
        items += [{"name": f"{number} {path.stem}", "item": case["item"]}] if case["item"] else []
    document = convert({"info": {"name": "Cases"}, "item": items}, tmp_path)
    count = sum(len(path) for path in document["paths"].values())
    assert len(generate_client(document, CONFIG, tmp_path)) == count > 10


def test_the_generator_reads_the_description_of_a_parameter_only_in_its_schema(tmp_path: Path) -> None:
    """Otherwise the converter could write it once."""
    query = [{"key": "order", "value": "asc", "description": "In words"}]
    url = {"host": ["https://x.example.com"], "path": ["a"], "query": query}
    document = convert({"info": {"name": "X"}, "item": [{"name": "One", "request": {"url": url}}]}, tmp_path)
    (parameter,) = document["paths"]["/a"]["get"]["parameters"]
    assert parameter["description"] == parameter["schema"]["description"] == "In words"
    for place, documented in ((parameter, True), (parameter["schema"], False)):
        folder = tmp_path / str(documented)
        folder.mkdir()
        kept = place.pop("description")
        generate_client(document, CONFIG, folder)
        code = (folder / "client/api/default/one.py").read_text(encoding="utf-8")
        assert ("In words" in code) is documented
        place["description"] = kept
