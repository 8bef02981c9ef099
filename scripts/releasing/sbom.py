"""The list of the packages that a release was tested with, as CycloneDX (a software bill of materials)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from releasing.builds import EPOCH_S
from releasing.environments import clean_environment, install, run
from releasing.project import PYPROJECT, Project

SPEC_VERSION = "1.6"
ROOT_REF = "root-component"  # the name that cyclonedx-py gives to the package itself


def sbom_name(project: Project) -> str:
    return f"{project.name.replace('-', '_')}-{project.version}.cdx.json"


def write_sbom(wheel: Path, root: Path, folder: Path) -> Path:
    """Install a wheel with all extras into a new environment, list its packages in a file, and return the file."""
    project = Project.read(root)
    python = clean_environment(folder)
    install(python, f"{wheel}[{','.join(project.extras)}]")
    target = folder / sbom_name(project)
    options = ("--pyproject", str(root / PYPROJECT), "--mc-type", "library", "--short-PURLs", "--output-reproducible")
    command = (sys.executable, "-m", "cyclonedx_py", "environment", *options, "--sv", SPEC_VERSION, "--of", "JSON")
    variables = {"SOURCE_DATE_EPOCH": str(EPOCH_S)}
    run(*command, "--output-file", str(target), python, cwd=folder, variables=variables)
    document = json.loads(target.read_text(encoding="utf-8"))
    root_component = document["metadata"]["component"]  # its version is dynamic, which cyclonedx-py does not read
    root_component |= {"version": project.version, "purl": f"pkg:pypi/{project.name}@{project.version}"}
    target.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return target


def sbom_problems(text: str, project: Project) -> Iterator[str]:
    """Yield what is missing in such a file, and each path of this machine in it.

    Args:
        text: the file.
        project: what it must describe.
    """
    document: Mapping[str, Any] = json.loads(text)
    described = document["metadata"]["component"]
    if (described["name"], described.get("version")) != (project.name, project.version):
        yield f"it describes {described['name']} {described.get('version')}, not {project.name} {project.version}"
    listed = {canonicalize_name(each["name"]) for each in document["components"]}
    for each in map(Requirement, [*project.dependencies, *(each for some in project.extras.values() for each in some)]):
        if canonicalize_name(each.name) not in {*listed, project.name}:
            yield f"{each.name} is missing"
    edges = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    if not edges.get(ROOT_REF):
        yield "it does not say what the package itself requires"
    for place in ("file:", os.path.expanduser("~/"), os.sep + "tmp" + os.sep):
        if place in text:
            yield f"it has a path of this machine: {place}"
