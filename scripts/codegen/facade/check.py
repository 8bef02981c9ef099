"""Find every place in which the facade and the fragment disagree."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from openapi_diff.documents import Document, operations
from postman_openapi.files import read_text
from postman_openapi.losses import SpecError

from codegen.facade import probe
from codegen.facade.builders import OPERATIONS, parse, read_builders, read_models
from codegen.facade.call_rules import MODELS_FILE, alias_problems, call_problems, sample_answer
from codegen.facade.callers import API_FOLDER, CLIENT, CLIENT_CLASS, FIRST_CALLS, read_facade
from codegen.facade.generated_api import read_classes, read_operations
from codegen.facade.static_rules import Sources, builder_problems, missing_builders, model_builders, model_problems

FIRST_CALL = f"{API_FOLDER}/first_call.py"


def find_problems(root: Path, document: Mapping[str, Any], fragment: str, tree: Mapping[str, bytes]) -> list[str]:
    """Return a message with file, line and cause for every disagreement.

    Args:
        root: the project's folder.
        document: the fragment, parsed.
        fragment: the fragment's file name, for messages.
        tree: the generated package, which need not be written.

    Raises:
        SpecError: the facade cannot be read.
    """
    sources = _read_sources(root, Document(document, fragment), tree)
    found, broken = [*missing_builders(sources)], set[str]()
    for builder in sources.builders:
        if operation := sources.operations.get(builder.operation):
            problems = list(builder_problems(builder, operation, sources))
            broken |= {builder.name} if problems else set()
            found += problems
        else:
            broken.add(builder.name)
    for model in sources.models:
        problems = list(model_problems(model, sources))
        broken |= {each.name for each in model_builders(model, sources)} if problems else set()
        found += problems
    return [*found, *_row_problems(sources), *_probe_problems(root, tree, sources, broken)]


def _read_sources(root: Path, document: Document, tree: Mapping[str, bytes]) -> Sources:
    module = parse(read_text(root / OPERATIONS, OPERATIONS), OPERATIONS)
    return Sources(
        document,
        {each.name: each for each in operations(document) if each.name},
        read_builders(module),
        list(read_models(module)),
        read_operations(tree),
        read_classes(tree),
        read_facade(root),
        dict(_alias_lines(parse(read_text(root / MODELS_FILE, MODELS_FILE), MODELS_FILE))),
    )


def _alias_lines(models: ast.Module) -> Iterator[tuple[str, int]]:
    for node in models.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.lineno


def _row_problems(sources: Sources) -> Iterator[str]:
    """Yield the methods without a row for `prepare`, and the rows without a method."""
    methods = sources.facade.calling_methods()
    for name in methods:
        if name not in sources.facade.first_calls:
            line = sources.facade.lines["", name]
            yield f"{FIRST_CALL}: {CLIENT_CLASS}.{name} ({CLIENT}:{line}) has no row: add one to {FIRST_CALLS}"
    for name, line in sources.facade.first_calls.items():
        if name not in methods:
            yield f"{FIRST_CALL}:{line}: {CLIENT_CLASS} has no method {name} that makes a call: delete the row"


def _probe_problems(root: Path, tree: Mapping[str, bytes], sources: Sources, broken: set[str]) -> Iterator[str]:
    """Yield the problems of calls that are really built."""
    builders = [each for each in sources.builders if each.name not in broken]
    methods = [
        name
        for name in sources.facade.calling_methods()
        if name in sources.facade.first_calls and not any(name in sources.facade.methods(each) for each in broken)
    ]
    answers = {each.name: sample_answer(sources.operations[each.operation], sources.document) for each in builders}
    wanted = {"builders": [each.name for each in builders], "methods": methods, "answers": answers}
    built = _run_probe(root, tree, wanted)
    if "error" in built:
        yield f"{built['error']['place']}: the facade cannot be imported: {built['error']['text']}"
        return
    failed = set()
    for builder in builders:
        operation = sources.operations[builder.operation]
        problems = list(alias_problems(builder, operation, built["aliases"], sources))
        problems += call_problems(builder, operation, built["calls"][builder.name], sources)
        failed |= {*sources.facade.methods(builder.name)} if problems else set()
        yield from problems
    for name, result in built["methods"].items():
        if "error" in result and name not in failed:
            line = sources.facade.first_calls[name]
            error = result["error"]
            yield f"{FIRST_CALL}:{line}: prepare({name!r}) fails: {error['place']}: {error['text']}"


def _run_probe(root: Path, tree: Mapping[str, bytes], wanted: Mapping[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in tree.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        command = [sys.executable, "-I", "-B", str(Path(probe.__file__)), str(root), folder]
        run = subprocess.run(
            command, input=json.dumps(wanted), capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    try:
        found: dict[str, Any] = json.loads(run.stdout)
    except ValueError:
        last = (run.stderr.strip().splitlines() or ["no output"])[-1]
        raise SpecError(OPERATIONS, "", f"the calls cannot be built: {last}") from None
    return found
