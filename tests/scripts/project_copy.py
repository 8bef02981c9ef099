"""A copy of the project in which a test can change files and run scripts/regenerate.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from postman_items import ROOT
from warm_python import run_warm


def copy_project(folder: Path) -> Path:
    """Return a copy of everything that the command reads and writes."""
    for part in ("openapi", "scripts", "confluence_groups_sdk"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "generator-config.yaml"):
        shutil.copy(ROOT / file, folder / file)
    return folder


def run(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command; with variables in an interpreter of its own, as a user does, otherwise in a forked one."""
    command = [sys.executable, str(project / "scripts" / "regenerate.py"), *arguments]
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    if not environment:
        return run_warm(command, project.parent, variables)
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=project.parent, env=variables)


def read_files(project: Path) -> dict[str, bytes]:
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
