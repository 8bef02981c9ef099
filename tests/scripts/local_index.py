"""A package index in a folder, for uv."""

from __future__ import annotations

from pathlib import Path

from test_release_check import write_release


def publish(index: Path, name: str, version: str, *requires: str) -> None:
    """Add a release, the wheel of a package without modules, to an index, whose address is `index.as_uri()`."""
    files = index / name
    files.mkdir(parents=True, exist_ok=True)
    write_release(files, name, version, *requires)
    links = "".join(f'<a href="{each.name}">{each.name}</a>\n' for each in sorted(files.glob("*.whl")))
    (files / "index.html").write_text(f"<!doctype html><html><body>{links}</body></html>", encoding="utf-8")


def write_project(root: Path, text: str) -> None:
    """Write the files from which the scripts read a project."""
    (root / "confluence_groups_sdk").mkdir(parents=True)
    (root / "confluence_groups_sdk/_version.py").write_text('__version__ = "1.0.0"\n', encoding="utf-8")
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
