"""OpenAPI documents that an exporter turned into collections come back: see roundtrip/README.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator
from postman_openapi import cli as postman_to_openapi
from postman_openapi.losses import Loss
from postman_openapi.yaml_io import read_yaml

FROZEN = Path(__file__).parent / "roundtrip"
NAMES = sorted(path.stem for path in FROZEN.glob("*.json"))
METHODS = ("get", "put", "post", "delete", "patch")

Operations = dict[tuple[str, str], dict[str, Any]]


def original(name: str) -> dict[str, Any]:
    file = FROZEN / f"{name.partition('-')[0]}.yaml"
    document: dict[str, Any] = read_yaml(file.read_text(encoding="utf-8"), file.name)
    return document


def back(name: str) -> tuple[dict[str, Any], list[Loss]]:
    return postman_to_openapi.convert(FROZEN / f"{name}.json", None)


def operations(document: dict[str, Any]) -> Operations:
    """Return the operations by method and path, each with the parameters of its path."""
    return {
        (method, path): {
            **item[method],
            "parameters": [*item.get("parameters", []), *item[method].get("parameters", [])],
        }
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def test_there_is_something_to_bring_back() -> None:
    assert len(NAMES) == 8
    assert {name.partition("-")[0] for name in NAMES} == {"library", "plain"}


@pytest.mark.parametrize("name", NAMES)
def test_the_document_is_valid(name: str) -> None:
    document, _ = back(name)
    assert not list(OpenAPIV30SpecValidator(document).iter_errors())


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_comes_back_under_a_name_of_its_own(name: str) -> None:
    document, _ = back(name)
    assert operations(document).keys() == operations(original(name)).keys()
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len({each.lower() for each in ids}) == len(ids)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_says_of_itself_comes_back(name: str) -> None:
    wanted, document = original(name), back(name)[0]
    for key, operation in operations(wanted).items():
        found = operations(document)[key]
        assert found.get("description", "") == operation.get("description", "")
        if "summary" in operation:
            assert found["summary"] == operation["summary"]
    assert document["info"]["title"] == wanted["info"]["title"]
    assert document["info"].get("description") == wanted["info"].get("description")
    server = wanted["servers"][0]
    assert document["servers"][0]["url"] == server["url"]
    for variable, said in server.get("variables", {}).items():
        assert document["servers"][0]["variables"][variable]["default"] == said["default"]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("library-tags") or name == "library-old"])
def test_tags_come_back_as_folders(name: str) -> None:
    wanted, document = original(name), back(name)[0]
    for key, operation in operations(wanted).items():
        assert operations(document)[key].get("tags") == operation.get("tags")
    described = {tag["name"]: tag.get("description", "") for tag in wanted["tags"]}
    assert {tag["name"]: tag.get("description", "") for tag in document["tags"]} == described


# --- parameters


def kept(parameters: list[Any]) -> Iterator[tuple[str, str, bool, dict[str, Any]]]:
    """Yield the parameters that an exporter keeps: place, name, whether it is required, schema."""
    for each in parameters:
        exploded = each["in"] == "query" and each.get("style", "form") == "form" and each.get("explode", True)
        if each["in"] == "cookie":
            continue  # the exporter writes none
        if each["schema"]["type"] == "object" and exploded:
            for name, schema in each["schema"]["properties"].items():  # nothing shows that they belong together
                yield each["in"], name, each.get("required", False), schema
        else:
            yield each["in"], each["name"], each.get("required", False), each["schema"]


def plain(schema: dict[str, Any], *, formats: bool) -> Any:
    """Return the types in a schema; examples show no formats."""
    shape: list[Any] = [schema["type"]]
    if formats and schema["type"] != "integer":
        shape.append(schema.get("format"))
    if formats and schema.get("format") == "int64":
        shape.append("int64")
    if schema["type"] == "array":
        shape.append(plain(schema["items"], formats=formats))
    for name, inner in sorted(schema.get("properties", {}).items()):
        shape.append([name, plain(inner, formats=formats)])
    return shape


@pytest.mark.parametrize("name", [name for name in NAMES if "examples" not in name])
def test_every_parameter_comes_back_with_its_type_and_whether_it_is_required(name: str) -> None:
    document, _ = back(name)
    for key, operation in operations(original(name)).items():
        wanted = {
            (place, each): (required, plain(schema, formats=True))
            for place, each, required, schema in kept(operation["parameters"])
        }
        found = {
            (each["in"], each["name"]): (each.get("required", False), plain(each["schema"], formats=True))
            for each in operations(document)[key]["parameters"]
        }
        assert found == wanted, key


def test_where_values_are_shown_every_parameter_comes_back_with_what_they_show() -> None:
    document, _ = back("library-paths-examples")
    texts = {"string", "number"}  # a text may look like a number, a number like an integer
    for key, operation in operations(original("library")).items():
        found = {(each["in"], each["name"]): each for each in operations(document)[key]["parameters"]}
        wanted = list(kept(operation["parameters"]))
        assert found.keys() == {(place, each) for place, each, _, _ in wanted}
        for place, each, required, schema in wanted:
            assert found[place, each].get("required", False) == required
            if schema["type"] not in texts and schema["type"] != "object":
                assert found[place, each]["schema"]["type"] == schema["type"]


@pytest.mark.parametrize("name", NAMES)
def test_defaults_lists_of_values_and_styles_come_back(name: str) -> None:
    document, _ = back(name)
    for key, operation in operations(original(name)).items():
        found = {(each["in"], each["name"]): each for each in operations(document)[key]["parameters"]}
        for each in operation["parameters"]:
            got: Any = found.get((each["in"], each["name"]), {})
            schema = each["schema"]
            if "default" in schema and "enum" not in schema and not each.get("required"):
                assert got["schema"]["default"] == schema["default"]
            told = "-old" not in name and each["in"] != "path"  # the exporter's ways differ in what they tell
            if "enum" in schema and told:
                assert got["schema"]["enum"] == schema["enum"]
            if "style" in each and got.get("style"):
                assert (got["style"], got["explode"]) == (each["style"], each["explode"])


# --- bodies and answers


@pytest.mark.parametrize("name", [name for name in NAMES if "examples" not in name])
def test_the_first_body_of_a_request_comes_back(name: str) -> None:
    wanted, document = original(name), back(name)[0]
    for key, operation in operations(wanted).items():
        body: Any = operations(document)[key].get("requestBody")
        if "requestBody" not in operation:
            assert body is None
            continue
        media, content = next(iter(operation["requestBody"]["content"].items()))
        assert list(body["content"]) == [media]
        schema, found = resolved(wanted, content["schema"]), body["content"][media]["schema"]
        if "xml" in media:
            assert found["type"] == "string"
            continue
        assert found["type"] == schema["type"]
        for field, inner in schema.get("properties", {}).items():
            if "$ref" not in inner:
                assert plain(found["properties"][field], formats=True) == plain(inner, formats=True)
        if "form" in media:
            assert found["required"] == schema["required"], "JSON shows no required fields, forms do"


@pytest.mark.parametrize("name", NAMES)
def test_every_status_comes_back_with_its_description(name: str) -> None:
    document, losses = back(name)
    for key, operation in operations(original(name)).items():
        found = {status: answer["description"] for status, answer in operations(document)[key]["responses"].items()}
        wanted = {}
        for status, answer in operation["responses"].items():
            code = {"4XX": "400", "default": "500" if "-old" in name else "default"}.get(status, status)
            wanted[code] = answer["description"]
        assert found.keys() == wanted.keys()
        for status, description in wanted.items():
            assert found[status] == description or not description  # an exporter puts a word of its own in its place
    doubtful = [loss for loss in losses if "`default`" in loss.what]
    assert len(doubtful) == sum("500" in each["responses"] for each in operations(document).values())


def test_all_examples_of_an_answer_come_back() -> None:
    document, _ = back("library-paths-examples")
    made = document["paths"]["/things"]["post"]["responses"]["201"]["content"]["application/json"]
    assert [example["value"] for example in made["examples"].values()] == [
        {"id": 1, "name": "Spade"},
        {"id": 2, "name": "Axe", "loaned": True},
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("2.0")])
def test_headers_of_answers_come_back(name: str) -> None:
    document, _ = back(name)
    for key, operation in operations(original(name)).items():
        for status, answer in operation["responses"].items():
            for header, said in answer.get("headers", {}).items():
                found = operations(document)[key]["responses"][status]["headers"][header]
                assert (found["schema"]["type"], found["description"]) == (said["schema"]["type"], said["description"])


# --- authentication


@pytest.mark.parametrize("name", NAMES)
def test_the_authentication_comes_back(name: str) -> None:
    wanted, document = original(name), back(name)[0]

    def schemes(where: dict[str, Any], operation: dict[str, Any]) -> list[Any]:
        needed = operation.get("security", where.get("security", []))
        found = [where["components"]["securitySchemes"][scheme] for each in needed for scheme in each]
        return [(each["type"], each.get("scheme"), each.get("in"), each.get("name")) for each in found]

    for key, operation in operations(wanted).items():
        mine = schemes(wanted, operation) or schemes(wanted, {})  # the exporter does not say that none is needed
        assert schemes(document, operations(document)[key]) == mine
    if wanted["info"]["title"] != "Plain" and not name.endswith("2.0"):  # version 1 has no details
        theirs = wanted["components"]["securitySchemes"]["oauth"]["flows"]["authorizationCode"]
        ours = document["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"]
        assert (ours["authorizationUrl"], ours["tokenUrl"]) == (theirs["authorizationUrl"], theirs["tokenUrl"])
        assert ours["scopes"].keys() == theirs["scopes"].keys()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_was_odd_in_it(name: str) -> None:
    _, losses = back(name)
    assert [str(loss) for loss in losses if not loss.understood] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_back_can_be_written_and_read(name: str) -> None:
    document, _ = back(name)
    assert json.loads(json.dumps(document)) == document
