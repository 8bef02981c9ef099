"""What each distribution must hold and may hold. Whatever else is in one is refused, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from attrs import frozen
from packaging.metadata import parse_email

from .archives import members
from .project import PACKAGE, Project

INFO = "*.dist-info"
RUNTIME = (
    f"{PACKAGE}/*.py",
    f"{PACKAGE}/py.typed",
    f"{PACKAGE}/cli/approval.css",
    f"{PACKAGE}/cli/approval.js",
    f"{PACKAGE}/membership/plan.schema.json",
)
GENERATED = (f"{PACKAGE}/_generated/client.py", f"{PACKAGE}/_generated/models/__init__.py")


@frozen
class Rule:
    """Patterns for the files of a distribution; a star stands for any text, slashes too."""

    needs: tuple[str, ...]  # each has a file in it
    holds: tuple[str, ...]  # nothing but these; of them, all that the source has
    never: tuple[str, ...]  # not even where ``holds`` would have it


WHEEL = Rule(
    needs=(*RUNTIME, *GENERATED, *(f"{INFO}/{name}" for name in ("METADATA", "entry_points.txt", "licenses/LICENSE"))),
    holds=(
        *RUNTIME,
        *(f"{INFO}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")),
    ),
    never=("tests/*", "*/tests/*", "*/test_*", "*/conftest.py"),
)
SDIST = Rule(
    needs=(
        *RUNTIME,
        *GENERATED,
        *("LICENSE", "PKG-INFO", "pyproject.toml", "generator-config.yaml"),
        *("docs/*.md", "openapi/*.openapi.yaml", "openapi/overlay.yaml", "openapi/postman/*.json"),
        *("scripts/test", "scripts/regenerate.py", "tests/test_*.py", "tests/cassettes/*.yaml"),
    ),
    holds=(
        *RUNTIME,
        *("docs/*", "examples/*", "benchmarks/*", "openapi/*", "scripts/*", "tests/*"),
        *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "PKG-INFO", "README.md", "SECURITY.md"),
        *("pyproject.toml", "generator-config.yaml", ".gitattributes", ".gitignore", ".pre-commit-config.yaml"),
    ),
    never=("*.pyc", "*/.*"),
)


def wrong_contents(archive: Path, source: Iterable[str]) -> Iterator[str]:
    """Yield what a distribution lacks and what must not be in it, a line for each file.

    Args:
        archive: a wheel, or a source distribution.
        source: the files it was built from.
    """
    rule = WHEEL if archive.suffix == ".whl" else SDIST
    top = "" if rule is WHEEL else f"{archive.name.removesuffix('.tar.gz')}/"
    names = {each.name.removeprefix(top) for each in members(archive)}
    for pattern in rule.needs:
        if not any(fnmatchcase(name, pattern) for name in names):
            yield f"{archive.name}: {pattern} is missing"
    for name in sorted(set(source) - names):
        if _allowed(name, rule) and name not in rule.needs:
            yield f"{archive.name}: {name} is missing"
    for name in sorted(names):
        if not _allowed(name, rule):
            yield f"{archive.name}: {name} must not be in it, by scripts/releasing/contents.py"


def _allowed(name: str, rule: Rule) -> bool:
    return _matches(name, rule.holds) and not _matches(name, rule.never)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def wrong_metadata(archive: Path, project: Project) -> Iterator[str]:
    """Yield the fields of a distribution's metadata that are not the project's."""
    pattern = f"{INFO}/METADATA" if archive.suffix == ".whl" else "*/PKG-INFO"
    held = [each for each in members(archive) if fnmatchcase(each.name, pattern)]
    if len(held) != 1:
        yield f"{archive.name}: {len(held)} files {pattern} in it, not one"
        return
    metadata, _ = parse_email(held[0].content)
    wanted = {
        "Name": (metadata.get("name"), project.name, "pyproject.toml"),
        "Version": (metadata.get("version"), project.version, "_version.py"),
        "Requires-Python": (metadata.get("requires_python"), project.requires_python, "pyproject.toml"),
        "Provides-Extra": (sorted(metadata.get("provides_extra", ())), sorted(project.extras), "pyproject.toml"),
    }
    for field, (value, other, file) in wanted.items():
        if value != other:
            yield f"{archive.name}: {held[0].name}: {field} is {value}, and {other} in {file}"
