"""Generate clients from OpenAPI documents, and import them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from codegen import generator, pipeline
from postman_openapi.yaml_io import write_yaml


def generate_client(document: dict[str, Any], config: Path, folder: Path) -> list[str]:
    """Generate a client without warnings, import all its modules, and return the names of its operations.

    Args:
        document: a document, each operation of which must become a module.
        config: the generator's configuration.
        folder: an empty folder.

    Raises:
        SpecError: the document is not valid, or the generator warns, fails or skips an operation.
        RuntimeError: a module cannot be imported.
    """
    pipeline.validate(document)
    source = folder / "document.yaml"
    source.write_text(write_yaml(document), encoding="utf-8")
    count = sum(len(path) for path in document["paths"].values())
    tree = generator.generate(source, config, folder, operations=count)
    package = folder / "client"
    for path, content in tree.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_bytes(content)
    names = [path.removesuffix(".py").replace("/", ".") for path in tree if path.endswith(".py")]
    lines = ["import importlib", *(f"importlib.import_module({f'client.{name}'!r})" for name in names)]
    run = subprocess.run(
        [sys.executable, "-"],
        input="\n".join(lines),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"the generated client cannot be imported:\n{run.stderr}")
    return [name for name in names if name.startswith("api.") and not name.endswith("__init__")]
