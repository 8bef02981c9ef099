"""Compare the builders of calls with the fragment and the generated code, without running them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen
from openapi_diff.documents import Document, Operation
from openapi_diff.schema_view import view_schema
from postman_openapi.merging import path_shape

from codegen.facade.builders import OPERATIONS, Builder, Model
from codegen.facade.callers import CLIENT, CLIENT_CLASS, Facade
from codegen.facade.generated_api import OperationKey, Signature

CONFIG = "generator-config.yaml"
JSON = "application/json"
BODY = "body"


@frozen
class Sources:
    """Everything that is compared."""

    document: Document
    operations: dict[str, Operation]  # of the fragment, by operationId
    builders: list[Builder]
    models: list[Model]  # that the builders use
    signatures: Mapping[OperationKey, Signature]
    classes: Mapping[str, Signature]
    facade: Facade
    alias_lines: Mapping[str, int]  # of the public Literal types

    def signature(self, operation: Operation) -> Signature | None:
        """Return the generated signature of an operation."""
        return self.signatures.get((operation.method, path_shape(operation.path)))


def problem(line: int, cause: str, places: str) -> str:
    """Return a message about a line of the builders' module."""
    return f"{OPERATIONS}:{line}: {cause}: edit {places}"


def missing_builders(sources: Sources) -> Iterator[str]:
    """Yield the operations without a builder, the builders without an operation, and the unused builders."""
    known = [builder.operation for builder in sources.builders]
    for name, operation in sources.operations.items():
        if name not in known:
            signature = sources.signature(operation)
            module = signature.module if signature else "?"
            yield (
                f"{OPERATIONS}: {name} ({operation.place}) has no function here: add one that calls "
                f"_generated/api/{module}.py, and a method of {CLIENT_CLASS} in {CLIENT}; "
                "or remove the item and its overlay actions"
            )
    for builder in sources.builders:
        places = sources.facade.places(builder.name)
        if builder.operation not in sources.operations:
            cause = f"the fragment has no operation {builder.operation}{_similar(builder, sources)}"
            yield problem(builder.operation_line, cause, f"or delete {places}")
        elif known.count(builder.operation) > 1 and builder.operation == known[0]:
            yield problem(builder.line, f"several functions build {builder.operation}", places)
        if not sources.facade.methods(builder.name):
            yield f"{OPERATIONS}:{builder.line}: no method of {CLIENT_CLASS} uses {builder.name}: add one in {CLIENT}"


def _similar(builder: Builder, sources: Sources) -> str:
    """Return a hint at the operation that a builder's operation may have become."""
    unbuilt = sources.operations.keys() - {each.operation for each in sources.builders}
    close = difflib.get_close_matches(builder.operation, sorted(unbuilt), 1)
    return f"; was it renamed to {close[0]}" if close else ""


def builder_problems(builder: Builder, operation: Operation, sources: Sources) -> Iterator[str]:
    """Yield the differences between a builder and the generated code that it uses."""
    places, name = sources.facade.places(builder.name), builder.operation
    signature = sources.signature(operation)
    if signature is None or signature.module != builder.module:
        now = signature.module.replace("/", ".") if signature else "nothing"
        was = builder.module.replace("/", ".")
        cause = f"{name} is generated as api.{now}, not as api.{was}, because its tag or operationId has changed"
        yield problem(builder.module_line, cause, f"the import in {places}")
        return
    given = signature.given(builder.positional, builder.arguments)
    for argument in sorted(signature.required - given):
        cause = f"{name} now requires {_parameter_text(argument, operation)}"
        yield problem(builder.request_line, cause, places)
    for argument in sorted(given - signature.names):
        what = "a request body" if argument == BODY else f"the parameter {argument!r}"
        yield problem(builder.request_line, f"{name} no longer has {what}", places)
    if builder.positional > len(signature.positional):
        cause = f"{name} has {len(signature.positional)} path parameters, not {builder.positional}"
        yield problem(builder.request_line, cause, places)


def _parameter_text(argument: str, operation: Operation) -> str:
    if argument == BODY:
        return "a request body"
    for each in operation.parameters:
        if plain(str(each["name"])) == plain(argument):
            return f"the {each['in']} parameter `{each['name']}`"
    return f"the argument {argument!r}"


def plain(name: str) -> str:
    """Return a name as the specification and Python have it in common."""
    return re.sub("[^a-z0-9]", "", name.lower())


def model_problems(model: Model, sources: Sources) -> Iterator[str]:
    """Yield the differences between a generated class and its use."""
    builders = model_builders(model, sources)
    places = " and ".join(sources.facade.places(each.name) for each in builders) or f"operations.{model.function}"
    owners = ", ".join(each.operation for each in builders) or model.function
    signature = sources.classes.get(model.name)
    if signature is None:
        cause, remedy = _missing_class(model, builders, sources)
        yield problem(model.line, f"{owners}: {cause}", f"{remedy}operations.{model.function}, {places}")
        return
    if model.arguments is None:
        return
    fields = {plain(field): field for field in _field_names(model.name, sources.document)}
    for name in sorted(signature.required - model.arguments):
        field = fields.get(plain(name), name)
        yield problem(model.line, f"{owners} now requires the field `{field}` of {model.name}", places)
    for name in sorted(model.arguments - signature.names):
        yield problem(model.line, f"{owners}: {model.name} no longer has the field {name!r}", places)


def model_builders(model: Model, sources: Sources) -> list[Builder]:
    """Return the builders that use a class, also those that use it through another function."""
    functions = {("operations", model.function)}
    return [
        each
        for each in sources.builders
        if each.name == model.function or sources.facade.uses.get(("operations", each.name), frozenset()) & functions
    ]


def _missing_class(model: Model, builders: Sequence[Builder], sources: Sources) -> tuple[str, str]:
    """Return why a generated class does not exist, and the beginning of the remedy."""
    similar = [name for name in sources.classes if name.lower().endswith(model.name.lower())]
    similar = similar or difflib.get_close_matches(model.name, sources.classes, 1)
    for builder in builders:
        operation = sources.operations.get(builder.operation)
        for each in operation.parameters if operation else ():
            if plain(str(each["name"])) == plain(model.name):
                if view_schema(each.get("schema", {}), sources.document, builder.operation).values is None:
                    return f"`{each['name']}` has no enum any longer, so there is no generated class {model.name}", ""
                cause = f"the class of `{each['name']}` is generated as {similar[0] if similar else 'another'}, not as "
                return f"{cause}{model.name}", f"class_overrides in {CONFIG}, or "
    hint = f"; there is {similar[0]}" if similar else ""
    return f"there is no generated class {model.name}{hint}", ""


def _field_names(model: str, document: Document) -> list[str]:
    schemas = document.members(document.members(document.content.get("components"), "").get("schemas"), "/components")
    return list(view_schema(schemas[model], document, model).properties) if model in schemas else []
