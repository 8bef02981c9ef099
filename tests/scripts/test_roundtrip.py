"""OpenAPI documents that an exporter converted to collections are restored: see roundtrip/README.md."""

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


def load_original(name: str) -> dict[str, Any]:
    file = FROZEN / f"{name.partition('-')[0]}.yaml"
    document: dict[str, Any] = read_yaml(file.read_text(encoding="utf-8"), file.name)
    return document


def convert_back(name: str) -> tuple[dict[str, Any], list[Loss]]:
    return postman_to_openapi.convert(FROZEN / f"{name}.json", None)


def operations(document: dict[str, Any]) -> Operations:
    """Return the operations by method and path, including the parameters of the path."""
    return {
        (method, path): {
            **item[method],
            "parameters": [*item.get("parameters", []), *item[method].get("parameters", [])],
        }
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def test_exports_of_both_documents_are_present() -> None:
    assert len(NAMES) == 8
    assert {name.partition("-")[0] for name in NAMES} == {"library", "plain"}


@pytest.mark.parametrize("name", NAMES)
def test_restored_document_is_valid(name: str) -> None:
    document, _ = convert_back(name)
    assert not list(OpenAPIV30SpecValidator(document).iter_errors())


@pytest.mark.parametrize("name", NAMES)
def test_operations_are_restored_with_unique_ids(name: str) -> None:
    document, _ = convert_back(name)
    assert operations(document).keys() == operations(load_original(name)).keys()
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len({each.lower() for each in ids}) == len(ids)


@pytest.mark.parametrize("name", NAMES)
def test_titles_descriptions_and_servers_are_restored(name: str) -> None:
    wanted, document = load_original(name), convert_back(name)[0]
    for key, operation in operations(wanted).items():
        found = operations(document)[key]
        assert found.get("description", "") == operation.get("description", "")
        if "summary" in operation:
            assert found["summary"] == operation["summary"]
    assert document["info"]["title"] == wanted["info"]["title"]
    assert document["info"].get("description") == wanted["info"].get("description")
    server = wanted["servers"][0]
    assert document["servers"][0]["url"] == server["url"]
    for variable, expected in server.get("variables", {}).items():
        assert document["servers"][0]["variables"][variable]["default"] == expected["default"]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("library-tags") or name == "library-old"])
def test_tags_are_restored_from_folders(name: str) -> None:
    wanted, document = load_original(name), convert_back(name)[0]
    for key, operation in operations(wanted).items():
        assert operations(document)[key].get("tags") == operation.get("tags")
    described = {tag["name"]: tag.get("description", "") for tag in wanted["tags"]}
    assert {tag["name"]: tag.get("description", "") for tag in document["tags"]} == described


# --- parameters


def exported_parameters(parameters: list[Any]) -> Iterator[tuple[str, str, bool, dict[str, Any]]]:
    """Yield place, name, required flag and schema of each parameter that an exporter keeps."""
    for each in parameters:
        exploded = each["in"] == "query" and each.get("style", "form") == "form" and each.get("explode", True)
        if each["in"] == "cookie":
            continue  # the exporter omits cookies
        if each["schema"]["type"] == "object" and exploded:
            for name, schema in each["schema"]["properties"].items():  # the export does not group them
                yield each["in"], name, each.get("required", False), schema
        else:
            yield each["in"], each["name"], each.get("required", False), each["schema"]


def type_shape(schema: dict[str, Any], *, formats: bool) -> Any:
    """Return the types in a schema, with formats if asked, because examples have no formats."""
    shape: list[Any] = [schema["type"]]
    if formats and schema["type"] != "integer":
        shape.append(schema.get("format"))
    if formats and schema.get("format") == "int64":
        shape.append("int64")
    if schema["type"] == "array":
        shape.append(type_shape(schema["items"], formats=formats))
    for name, inner in sorted(schema.get("properties", {}).items()):
        shape.append([name, type_shape(inner, formats=formats)])
    return shape


@pytest.mark.parametrize("name", [name for name in NAMES if "examples" not in name])
def test_parameters_are_restored_with_type_and_required_flag(name: str) -> None:
    document, _ = convert_back(name)
    for key, operation in operations(load_original(name)).items():
        wanted = {
            (place, each): (required, type_shape(schema, formats=place != "header"))
            for place, each, required, schema in exported_parameters(operation["parameters"])
        }
        found = {
            (each["in"], each["name"]): (
                each.get("required", False),
                type_shape(each["schema"], formats=each["in"] != "header"),  # generators send none in a header
            )
            for each in operations(document)[key]["parameters"]
        }
        assert found == wanted, key


def test_parameters_are_restored_from_example_values() -> None:
    document, _ = convert_back("library-paths-examples")
    texts = {"string", "number"}  # the example of a text may be a number, and that of a number an integer
    for key, operation in operations(load_original("library")).items():
        found = {(each["in"], each["name"]): each for each in operations(document)[key]["parameters"]}
        wanted = list(exported_parameters(operation["parameters"]))
        assert found.keys() == {(place, each) for place, each, _, _ in wanted}
        for place, each, required, schema in wanted:
            assert found[place, each].get("required", False) == required
            if schema["type"] not in texts and schema["type"] != "object":
                assert found[place, each]["schema"]["type"] == schema["type"]


@pytest.mark.parametrize("name", NAMES)
def test_defaults_enums_and_styles_are_restored(name: str) -> None:
    document, _ = convert_back(name)
    for key, operation in operations(load_original(name)).items():
        found = {(each["in"], each["name"]): each for each in operations(document)[key]["parameters"]}
        for each in operation["parameters"]:
            parameter: Any = found.get((each["in"], each["name"]), {})
            schema = each["schema"]
            if "default" in schema and "enum" not in schema and not each.get("required"):
                proven = "examples" not in name and "off" not in name  # these exports write samples, or disable the row
                shown = parameter["schema"]["default"] if proven else parameter["example"]
                assert shown == schema["default"]
            has_enum = "-old" not in name and each["in"] != "path"  # not every export contains the enum
            if "enum" in schema and has_enum:
                assert parameter["schema"]["enum"] == schema["enum"]
            if "style" in each and parameter.get("style"):
                assert (parameter["style"], parameter["explode"]) == (each["style"], each["explode"])


# --- bodies and answers


@pytest.mark.parametrize("name", [name for name in NAMES if "examples" not in name])
def test_first_request_body_is_restored(name: str) -> None:
    wanted, document = load_original(name), convert_back(name)[0]
    for key, operation in operations(wanted).items():
        body: Any = operations(document)[key].get("requestBody")
        if "requestBody" not in operation:
            assert body is None
            continue
        media, content = next(iter(operation["requestBody"]["content"].items()))
        assert list(body["content"]) == [media]
        schema, found = resolve(wanted, content["schema"]), body["content"][media]["schema"]
        if "xml" in media:
            assert found["type"] == "string"
            continue
        assert found["type"] == schema["type"]
        for field, inner in schema.get("properties", {}).items():
            if "$ref" not in inner:
                assert type_shape(found["properties"][field], formats=True) == type_shape(inner, formats=True)
        if "form" in media:
            assert found["required"] == schema["required"], "forms have required fields, unlike JSON"


@pytest.mark.parametrize("name", NAMES)
def test_statuses_are_restored_with_descriptions(name: str) -> None:
    document, losses = convert_back(name)
    for key, operation in operations(load_original(name)).items():
        found = {status: answer["description"] for status, answer in operations(document)[key]["responses"].items()}
        wanted = {}
        for status, answer in operation["responses"].items():
            code = {"4XX": "400", "default": "500" if "-old" in name else "default"}.get(status, status)
            wanted[code] = answer["description"]
        assert found.keys() == wanted.keys()
        for status, description in wanted.items():
            assert found[status] == description or not description  # exporters replace an empty description
    doubtful = [loss for loss in losses if "`default`" in loss.what]
    assert len(doubtful) == sum("500" in each["responses"] for each in operations(document).values())


def test_examples_of_a_response_are_restored() -> None:
    document, _ = convert_back("library-paths-examples")
    made = document["paths"]["/things"]["post"]["responses"]["201"]["content"]["application/json"]
    assert [example["value"] for example in made["examples"].values()] == [
        {"id": 1, "name": "Spade"},
        {"id": 2, "name": "Axe", "loaned": True},
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("2.0")])
def test_response_headers_are_restored(name: str) -> None:
    document, _ = convert_back(name)
    for key, operation in operations(load_original(name)).items():
        for status, answer in operation["responses"].items():
            for header, expected in answer.get("headers", {}).items():
                found = operations(document)[key]["responses"][status]["headers"][header]
                assert (found["schema"]["type"], found["description"]) == (
                    expected["schema"]["type"],
                    expected["description"],
                )


# --- authentication


@pytest.mark.parametrize("name", NAMES)
def test_authentication_is_restored(name: str) -> None:
    wanted, document = load_original(name), convert_back(name)[0]

    def schemes(where: dict[str, Any], operation: dict[str, Any]) -> list[Any]:
        needed = operation.get("security", where.get("security", []))
        found = [where["components"]["securitySchemes"][scheme] for each in needed for scheme in each]
        return [(each["type"], each.get("scheme"), each.get("in"), each.get("name")) for each in found]

    for key, operation in operations(wanted).items():
        expected = schemes(wanted, operation) or schemes(
            wanted, {}
        )  # the exporter does not export an empty security list
        assert schemes(document, operations(document)[key]) == expected
    if wanted["info"]["title"] != "Plain" and not name.endswith("2.0"):  # version 1 has no details
        theirs = wanted["components"]["securitySchemes"]["oauth"]["flows"]["authorizationCode"]
        ours = document["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"]
        assert (ours["authorizationUrl"], ours["tokenUrl"]) == (theirs["authorizationUrl"], theirs["tokenUrl"])
        assert ours["scopes"].keys() == theirs["scopes"].keys()


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_is_understood(name: str) -> None:
    _, losses = convert_back(name)
    assert [str(loss) for loss in losses if not loss.understood] == []


@pytest.mark.parametrize("name", NAMES)
def test_restored_document_survives_json(name: str) -> None:
    document, _ = convert_back(name)
    assert json.loads(json.dumps(document)) == document
