"""Compare the calls that the facade builds with the fragment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openapi_diff.documents import Document, Operation
from openapi_diff.schema_view import view_schema

from codegen.facade.builders import Builder
from codegen.facade.sample import make_sample, misfit
from codegen.facade.static_rules import JSON, Sources, plain, problem

MODELS_FILE = "confluence_groups_sdk/models.py"
READERS = "confluence_groups_sdk/_core/api/deserialization.py"
IGNORED = "nothing"  # the reader that ignores the body
SUCCESS = re.compile("2[0-9][0-9]")

Call = Mapping[str, Any]  # as the probe describes it


def success_statuses(operation: Operation) -> list[int]:
    """Return the documented statuses of success."""
    return [int(status) for status in operation.content.get("responses", {}) if SUCCESS.fullmatch(str(status))]


def scopes_text(operation: Operation) -> str:
    """Return the scopes of an operation as the facade's remedies name them."""
    listed = [scopes for way in operation.content.get("security", []) for scopes in way.values() if scopes]
    texts = [f"{' and '.join(scopes)} ({_scope_kind(scopes)})" for scopes in listed]
    return (", or " if any(len(scopes) > 1 for scopes in listed) else " or ").join(texts)


def _scope_kind(scopes: Sequence[str]) -> str:
    return "granular" if any(scope.count(":") > 1 for scope in scopes) else "classic"


def success_schema(operation: Operation) -> Any:
    """Return the schema of the JSON that an operation answers with, or None."""
    for status in success_statuses(operation):
        answer = operation.content["responses"][str(status)]
        if JSON in answer.get("content", {}):
            return answer["content"][JSON].get("schema", {})
    return None


def sample_answer(operation: Operation, document: Document) -> dict[str, Any] | None:
    """Return a JSON answer with every documented field, in an object; None if the operation answers without one."""
    schema = success_schema(operation)
    return None if schema is None else {"body": make_sample(schema, document, operation.place)}


def call_problems(builder: Builder, operation: Operation, calls: Sequence[Call], sources: Sources) -> Iterator[str]:
    """Yield the differences between the calls of a builder and the fragment, each once."""
    places, seen = sources.facade.places(builder.name), set[str]()
    for call in calls:
        causes = (
            _error(builder.operation, operation, call)
            if "error" in call
            else _call_causes(builder.operation, operation, call, sources.document)
        )
        for cause in causes:
            if cause not in seen:
                seen.add(cause)
                yield problem(builder.line, cause, places)


def _error(name: str, operation: Operation, call: Call) -> Iterator[str]:
    """Yield why a call cannot be built: a required parameter may be left out, or the reason is an exception's."""
    absent = {plain(argument) for argument, value in call["arguments"].items() if value is None}
    for each in operation.parameters:
        if each.get("required") and plain(str(each["name"])) in absent:
            yield _left_out(name, each)
            return
    arguments = ", ".join(f"{name}={value!r}" for name, value in call["arguments"].items())
    yield f"the call cannot be built ({arguments}): {call['error']['place']}: {call['error']['text']}"


def _call_causes(name: str, operation: Operation, call: Call, document: Document) -> Iterator[str]:
    statuses = success_statuses(operation)
    if statuses != [call["success"]]:
        listed = ", ".join(map(str, statuses)) or "no status"
        yield f"{name} succeeds with {listed}, and the call expects {call['success']}"
    if call["scopes"] != scopes_text(operation):
        yield f'the scopes of {name} are "{scopes_text(operation)}", and the call says "{call["scopes"]}"'
    if call["writes"] != (operation.method not in ("GET", "HEAD")):
        yield f"{name} is a {operation.method}, and the call says that it {'changes' if call['writes'] else 'reads'}"
    yield from _parameter_causes(name, operation, call, document)
    yield from _body_causes(name, operation, call, document)
    yield from _answer_causes(name, operation, call)


def _parameter_causes(name: str, operation: Operation, call: Call, document: Document) -> Iterator[str]:
    places = {"query": call["request"]["params"] or {}, "header": call["request"]["headers"] or {}}
    for each in operation.parameters:
        sent = places.get(str(each["in"]))
        if sent is None:
            continue
        if each["name"] in sent:
            if why := misfit(sent[each["name"]], each.get("schema", {}), document, name):
                yield f"the {each['in']} parameter `{each['name']}` of {name} {why}"
        elif each.get("required"):
            yield _left_out(name, each)
    known = {each["name"] for each in operation.parameters if each["in"] == "query"}
    for extra in sorted(places["query"].keys() - known):
        yield f"{name} has no query parameter `{extra}`"


def _left_out(name: str, parameter: Mapping[str, Any]) -> str:
    return f"{name} now requires the {parameter['in']} parameter `{parameter['name']}`, which is not always sent"


def _body_causes(name: str, operation: Operation, call: Call, document: Document) -> Iterator[str]:
    content = operation.content.get("requestBody", {}).get("content", {})
    if JSON not in content:
        return
    schema, sent = content[JSON].get("schema", {}), call["request"]["json"]
    if why := misfit(sent, schema, document, name):
        yield f"the body of {name} {why}"
        return
    view = view_schema(schema, document, name)
    for field in sorted(view.required - sent.keys()):
        yield f"{name} now requires the body field `{field}`"
    for field, value in sent.items():
        if field not in view.properties:
            yield f"the body of {name} has no field `{field}`"
        elif why := misfit(value, view.properties[field], document, name):
            yield f"the body field `{field}` of {name} {why}"


def _answer_causes(name: str, operation: Operation, call: Call) -> Iterator[str]:
    reader, schema = call["reader"], success_schema(operation)
    if reader == IGNORED:
        return
    if schema is None:
        yield f"{name} answers without JSON, and the call reads it with deserialization.{reader}"
    answer = call.get("answer", {})
    if "error" in answer:
        yield f"the documented answer of {name} cannot be read: {answer['error']['place']}: {answer['error']['text']}"
    for field in answer.get("empty", []):
        if field not in ("limit", "total"):
            yield f"no documented field of {name}'s answer becomes {answer['type']}.{field} ({READERS})"


def alias_problems(
    builder: Builder, operation: Operation, aliases: Mapping[str, Sequence[str]], sources: Sources
) -> Iterator[str]:
    """Yield the differences between the public Literal types and the enums of parameters."""
    for each in operation.parameters:
        alias = next((name for name in aliases if plain(name) == plain(str(each["name"]))), None)
        values = view_schema(each.get("schema", {}), sources.document, builder.operation).values
        if alias is None or values is None:
            continue
        changes = [f"has `{value}`, which {alias} lacks" for value in values if value not in aliases[alias]]
        changes += [f"no longer has `{value}`, which {alias} has" for value in aliases[alias] if value not in values]
        for change in changes:
            places = f"{alias}, and the docstrings of {sources.facade.places(builder.name)}"
            line = sources.alias_lines[alias]
            yield f"{MODELS_FILE}:{line}: the enum of {builder.operation}'s `{each['name']}` {change}: edit {places}"
