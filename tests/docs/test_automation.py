"""The workflows, forms and image: commands that exist, pinned actions, no host of an index, nothing in the sdist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for path in (ROOT / ".github").rglob("*") if path.is_file())
WORKFLOWS = [path for path in FILES if path.parent.name == "workflows"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SITE_COMMAND = "scripts/docs"  # exists where the site does


def jobs() -> list[dict[str, Any]]:
    return [job for path in WORKFLOWS for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()]


def test_commands_of_the_workflows_exist() -> None:
    commands = [step["run"] for job in jobs() for step in job["steps"] if "run" in step]
    scripts = {found for each in commands for found in re.findall(r"scripts/[\w.]+", each)} - {SITE_COMMAND}
    assert scripts >= {"scripts/test", "scripts/release_check"}
    assert [each for each in scripts if not (ROOT / each).exists()] == []


def test_actions_are_pinned_and_jobs_have_few_permissions() -> None:
    steps = [step for job in jobs() for step in job["steps"] if "uses" in step]
    assert [each["uses"] for each in steps if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each["uses"])] == []
    assert all(yaml.safe_load(path.read_text(encoding="utf-8"))["permissions"] == {} for path in WORKFLOWS)
    writers = [job for job in jobs() if "write" in job["permissions"].values()]
    assert all("environment" in job and "needs" in job for job in writers)
    assert all(job["timeout-minutes"] <= 60 for job in jobs())


def test_every_supported_python_is_tested() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
    (tested,) = (job["strategy"]["matrix"]["python"] for job in jobs() if "strategy" in job)
    assert tested == ["3.11", "3.12", "3.13", "3.14"]
    assert {each.rpartition(" ")[2] for each in declared if ":: 3." in each} <= set(tested)


@pytest.mark.parametrize("path", [*FILES, ROOT / "Dockerfile"], ids=lambda path: path.name)
def test_no_file_names_the_host_of_an_index(path: Path) -> None:
    assert not re.search(r"pypi\.org|pythonhosted|docker\.io|ghcr\.io|index-url", path.read_text(encoding="utf-8"))


def test_image_runs_as_a_user_without_rights_and_copies_what_the_build_needs() -> None:
    assert DOCKERFILE.rindex("USER 10001") > DOCKERFILE.rindex("FROM ")
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = re.findall(r"^COPY ([^-].*) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {name for each in copied for name in each.split()}
    assert {f"!{name}" for name in sources} == {each for each in allowed if each.startswith("!")}
    assert all((ROOT / name).exists() for name in sources)
