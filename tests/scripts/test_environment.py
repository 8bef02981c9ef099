"""scripts/environment.sh unsets the variables of a machine that would change what the checks see."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from postman_items import ROOT

UNSET = (
    *("PYTHONUNBUFFERED", "PYTHONPATH", "FORCE_COLOR", "NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES"),
    *("CONFLUENCE_API_TOKEN", "CONFLUENCE_SITE"),
)
FOR_PYTEST_ONLY = ("https_proxy", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
KEPT = ("PYTHON", "PIP_INDEX_URL", "LANG")
SET_BY_THE_SCRIPT = {"PYTHONDONTWRITEBYTECODE", "PIP_DISABLE_PIP_VERSION_CHECK"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with the script and a .venv whose Python prints its environment."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "environment.sh", tmp_path / "scripts")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || env | cut -d= -f1\n', encoding="utf-8")
    python.chmod(0o700)
    return tmp_path


def run(project: Path, command: str) -> tuple[list[str], set[str]]:
    """Run a command after sourcing the script; return the printed lines before the names, and the names."""
    machine = dict.fromkeys((*UNSET, *FOR_PYTEST_ONLY, *KEPT), "a-secret")
    result = subprocess.run(
        ["bash", "-c", f"set -euo pipefail; source scripts/environment.sh; echo --; {command}"],
        capture_output=True,
        check=True,
        cwd=project,
        encoding="utf-8",
        env={"PATH": os.environ["PATH"], "CDPATH": ".", **machine},
    )
    assert "a-secret" not in result.stdout
    before, _, names = result.stdout.partition("--\n")
    return before.splitlines(), {line for line in names.splitlines() if not line.startswith("unset: ")}


def test_variables_that_affect_checks_are_unset_and_named(project: Path) -> None:
    printed, names = run(project, "python")
    assert [line.split()[0] for line in printed] == ["unset:"]
    assert set(printed[0].split()[1:]) == set(UNSET)
    assert names.isdisjoint(UNSET)
    assert names >= {*FOR_PYTEST_ONLY, *KEPT, *SET_BY_THE_SCRIPT}


def test_pytest_sees_no_proxy_or_certificate_variables(project: Path) -> None:
    _, names = run(project, "run_pytest")
    assert names.isdisjoint(FOR_PYTEST_ONLY)
    assert names >= {*KEPT, *SET_BY_THE_SCRIPT}
