"""Text for what an operation lacks, ready to paste; ``decide:`` marks what a person must choose."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import indent
from typing import Any

from postman_openapi.yaml_io import write_yaml

from codegen.adding import list_stanzas
from codegen.adding.completeness import Lack, snake_case
from codegen.adding.facts import READERS, Facts
from codegen.adding.places import (
    CASSETTES,
    CHANGELOG,
    CONTRACT,
    FIRST_CALL,
    HANDLERS,
    PAGINATION,
    README,
    REPLAYS,
    ROUTES,
    SCENARIOS,
)
from codegen.facade.builders import OPERATIONS
from codegen.facade.callers import CLIENT
from codegen.fragment.gaps import DECIDE, JSON, OVERLAY

CALLERS = {"401": "nobody", "403": "outsider"}
ERRORS = {
    "400": "BadRequestError",
    "401": "AuthenticationError",
    "403": "PermissionDeniedError",
    "404": "NotFoundError",
    "409": "ConflictError",
}
AUTHORIZATION = {"401", "403"}


def write_stanzas(facts: Facts, gaps: Sequence[str], lacks: Sequence[Lack]) -> Iterator[tuple[str, str]]:
    """Yield a file and the text for it, for everything that an operation lacks."""
    if gaps:
        yield OVERLAY, "".join(_overlay(facts, gaps))
    for lack in lacks:
        if lack.file in WRITERS:
            yield lack.file, WRITERS[lack.file](facts, lack)


def _overlay(facts: Facts, gaps: Sequence[str]) -> Iterator[str]:
    target = f"$.paths['{facts.operation.path}'].{facts.operation.method.lower()}"
    text = " ".join(gaps)
    if "has no tag" in text:
        yield _action(target, "The tag.", {"tags": [f"{DECIDE} the tag"]})
    for tag in facts.operation.content.get("tags") or []:
        if f"has the tag {tag}, which is not listed" in text:
            yield _action("$.tags", "The folder of the item.", {"name": tag, "description": f"{DECIDE} a text."})
    if "names no scope" in text:
        why = "The classic scope that the public reference gives."
        yield _action(f"{target}.security[0].oauth2", why, f"{DECIDE} the classic scope")
        why = "The granular scopes that serve in place of the classic one; delete this action if there are none."
        yield _action(f"{target}.security", why, {"oauth2": [f"{DECIDE} the granular scope"]})
    if "documents no success" in text:
        yield _action(
            f"{target}.responses", "The success.", {f"{DECIDE} the status": {"description": f"{DECIDE} a text."}}
        )
    for place, body in _bodies(facts.operation.content):
        schema = body.get("content", {}).get(JSON, {}).get("schema")
        if schema is None or "$ref" in schema:
            continue
        name = facts.schema_name(schema)
        yield _action(f"{target}.{place}.content['{JSON}'].schema", "Only what the example shows.", None)
        if name.startswith(DECIDE):
            why = "The schema that the example shows: decide: what is required, what may be null, the descriptions."
            yield _action("$.components", why, {"schemas": {f"{DECIDE} a name": schema}})
        reference = {"schema": {"$ref": f"#/components/schemas/{name}"}}
        yield _action(f"{target}.{place}.content['{JSON}']", "The schema by its name.", reference)


def _bodies(operation: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from ((f"responses['{status}']", each) for status, each in operation.get("responses", {}).items())
    if "requestBody" in operation:
        yield "requestBody", operation["requestBody"]


def _action(target: str, description: str, update: Any) -> str:
    """Return an action as YAML, in the form of the overlay; without an update it removes."""
    action: dict[str, Any] = {"target": target, "description": description}
    action |= {"remove": True} if update is None else {"update": update}
    return "\n" + indent(write_yaml([action]), "  ")


def _required(name: str) -> str:
    argument = snake_case(name)
    return f'{argument}=required("{argument}", {argument})'


def _function(facts: Facts, _lack: Lack) -> str:
    signature = ", ".join(f"{name}: str" for name in facts.arguments)
    given = [f'_required_segment("{snake_case(name)}", {snake_case(name)})' for name in facts.in_path]
    given += [_required(name) for name in facts.in_query]
    if facts.body:
        content = facts.operation.content["requestBody"]["content"][JSON]
        fields = ", ".join(_required(name) for name in facts.body)
        given.append(f"body=generated.{facts.schema_name(content['schema'])}({fields})")
    reader = "nothing" if facts.answer is None else READERS.get(facts.answer, f"{DECIDE} a reader")
    ids = "".join(f"{name}, " for name in facts.arguments if name.endswith("_id"))
    ids = f"({ids.rstrip()})" if ids.count(",") == 1 else f"({ids.rstrip(', ')})" if ids else ""
    end = f"ids={ids or '()'}"
    scopes = f'"{DECIDE} the scopes, as scripts/regenerate.py --check states them"'
    if facts.is_list:
        return list_stanzas.page_function(facts, given, scopes, ids)
    call = (
        f'_write_call(\n        "{facts.name}",\n        request,\n        deserialization.{reader},\n'
        f'        {facts.success},\n        check="{DECIDE} the method that shows the change",\n'
        f"        scopes={scopes},\n        {end},\n    )"
        if facts.writes
        else f'_read_call(\n        "{facts.name}",\n        request,\n        deserialization.{reader},\n'
        f"        {scopes},\n        {end},\n    )"
    )
    why = f"; {DECIDE} is it repeatable (repeatable=True), and why" if facts.writes else ""
    return (
        f"def {facts.builder}({signature}) -> Call[{facts.result}]:\n"
        f'    """{DECIDE} one sentence{why}."""\n'
        f"    from ..._generated.api.{facts.folder} import {facts.module} as operation\n\n"
        f"    request = operation._get_kwargs({', '.join(given)})\n"
        f"    return {call}\n\n\n"
    )


def _paginator(facts: Facts, _lack: Lack) -> str:
    return list_stanzas.paginator(facts)


def _method(facts: Facts, _lack: Lack) -> str:
    errors = [
        f"        {ERRORS[status]}: {DECIDE} what {status} means."
        for status in facts.statuses
        if status in ERRORS and status != "401"
    ]
    if facts.is_list:
        return list_stanzas.iterator(facts, errors)
    star = "*, " if facts.arguments else ""
    signature = ", ".join(f"{name}: str" for name in facts.arguments)
    lines = [f"async def {facts.method}(self, {star}{signature}) -> {facts.result}:".replace("(self, )", "(self)")]
    lines += [f'    """{DECIDE} one sentence ({facts.name}).', ""]
    if facts.arguments:
        lines += ["    Args:", *(f"        {name}: {DECIDE} a text." for name in facts.arguments), ""]
    lines.append("    Raises:")
    if facts.arguments:
        lines.append("        ValueError: an argument is empty; nothing was sent.")
    lines += [*errors, "        APIError: as for every call.", '    """']
    sent = f"self._session.send(operations.{facts.builder}({', '.join(facts.arguments)}))"
    lines.append(f"    return await {sent}" if facts.answer else f"    await {sent}")
    return indent("\n".join(lines), "    ") + "\n\n"


def _first_call(facts: Facts, _lack: Lack) -> str:
    if facts.is_list:
        return list_stanzas.first_call(facts)
    names = ", ".join(facts.arguments)
    built = f"lambda *, {names}: operations.{facts.builder}({names})" if names else f"operations.{facts.builder}"
    return f'    "{facts.method}": {built},\n'


def _route(facts: Facts, _lack: Lack) -> str:
    path = facts.operation.path.removeprefix("/api")
    for name in facts.in_path:
        path = path.replace(f"{{{name}}}", f"{{{{{snake_case(name)}:{{OPAQUE}}}}}}")
    prefix = "f" if facts.in_path else ""
    return f'            ("{facts.operation.method}", {prefix}"{path}", operations.{facts.module}),\n'


def _handler(facts: Facts, _lack: Lack) -> str:
    caller = "site_admin(request, WRITE_GROUPS)" if facts.writes else "reader(request, READ_USERS, anonymous=403)"
    lines = [f"async def {facts.module}(self, request: Request) -> Response:", f'    """Answer {facts.name}."""']
    lines.append(f"    self.authenticator.{caller}  # {DECIDE} who may call it, and the scope")
    lines += [f'    {snake_case(name)} = request.path_params["{snake_case(name)}"]' for name in facts.in_path]
    lines += [f'    {snake_case(name)} = _query_argument(request, "{name}")' for name in facts.in_query]
    lines += [f'    {snake_case(name)} = await _body_argument(request, "{name}")' for name in facts.body]
    in_path = [snake_case(name) for name in facts.in_path] if facts.is_list else []  # the address of a page has these
    if unused := [name for name in facts.arguments if name not in in_path]:
        lines.append(f"    del {', '.join(unused)}  # {DECIDE} what it does, and what 404 means")
    answer = f"Response(status_code={facts.success})"
    if facts.answer:
        answer = f"JSONResponse({{}}, {facts.success})  # {DECIDE} the answer, as {facts.answer}"
    end = list_stanzas.page_answer(facts) if facts.is_list else [f"    return {answer}"]
    return indent("\n".join([*lines, *end]), "    ") + "\n\n"


def _scenarios(facts: Facts, lack: Lack) -> str:
    names = ", ".join(f'"{name}": "{DECIDE} a value"' for name in facts.arguments)
    given = f", {{{names}}}" if names else ""
    rows = []
    for status in lack.statuses:
        caller = "reader" if status == "403" and facts.writes else CALLERS.get(status)
        more = f', caller="{caller}"' if caller else ""
        rows.append(f'    "{facts.method}_{status}": Scenario("{facts.method}"{given}{more}),\n')
    return "".join(rows)


def _replays(facts: Facts, lack: Lack) -> str:
    given = "{" + ", ".join(f'"{name}": "{DECIDE} a value"' for name in facts.arguments) + "}"
    rows = []
    for status in lack.statuses:
        error = f', None, sdk.{ERRORS.get(status, "APIStatusError")}, ("{status}",)'
        expected = f", {DECIDE} the result" if facts.answer else ""
        end = expected if int(status) < 300 else error
        rows.append(f'    Case("{facts.method}_{status}", "{facts.method}", {given}{end}),\n')
    return "".join(rows)


def _contract(facts: Facts, _lack: Lack) -> str:
    given = "{" + ", ".join(f'"{name}": "{DECIDE} a value"' for name in facts.arguments) + "}"
    query = "&".join(_query_values(facts))
    path = f"{facts.operation.method} /wiki/rest{facts.operation.path}{'?' if query else ''}{query}"
    body = f", {DECIDE} the body" if facts.body else ""
    return f'    Expected("{facts.name}", "{facts.method}", {given}, "{path}"{body}),\n'


def _query_values(facts: Facts) -> Iterator[str]:
    """Yield the query of the first request: what is required, the first page of a list, and defaults."""
    page = {"start": "0", "limit": "200"} if facts.is_list else {}
    for each in facts.operation.parameters:
        if each["in"] != "query":
            continue
        default = each.get("schema", {}).get("default")
        value = f"{DECIDE} a value" if each.get("required") else None if default is None else json.dumps(default)
        if shown := page.get(str(each["name"]), value):
            yield f"{each['name']}={shown}"


def _readme(facts: Facts, _lack: Lack) -> str:
    return f"| `{facts.method}({', '.join(facts.arguments)})` | {DECIDE} what it does |\n"


def _changelog(facts: Facts, _lack: Lack) -> str:
    return f"- `{facts.method}` on both clients: {DECIDE} what it does.\n"


WRITERS: Mapping[str, Callable[[Facts, Lack], str]] = {
    OPERATIONS: _function,
    PAGINATION: _paginator,
    CLIENT: _method,
    FIRST_CALL: _first_call,
    ROUTES: _route,
    HANDLERS: _handler,
    SCENARIOS: _scenarios,
    REPLAYS: _replays,
    CONTRACT: _contract,
    README: _readme,
    CHANGELOG: _changelog,
}
UNWRITTEN = CASSETTES  # a command writes them
