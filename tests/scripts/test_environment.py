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


# --- installing

LOCKED = r"""attrs==1 \
    --hash=sha256:00
    # via ours
pip==26.3 \
    --hash=sha256:11
    # via ours
pip-api==1 \
    --hash=sha256:22
"""


@pytest.fixture
def installing(project: Path) -> Path:
    """Return a folder whose Python prints its arguments, and the requirements that it gets by a pipe."""
    (project / "scripts/requirements.txt").write_text(LOCKED, encoding="utf-8")
    (project / ".venv/bin/python").write_text(
        '#!/bin/sh\n[ "$1" = -c ] && exit\necho "$*" | sed s,/dev/fd/[0-9]*,PIPE,\n'
        'for each; do case $each in /dev/fd/*) cat "$each";; esac; done\n'
        'case "$*" in *"$FAILS"*) exit 1;; esac\n',
        encoding="utf-8",
    )
    return project


def install(project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", "set -euo pipefail; source scripts/environment.sh; install_for_tests; echo done"],
        capture_output=True,
        check=False,
        cwd=project,
        encoding="utf-8",
        env={"PATH": os.environ["PATH"], "FAILS": "nothing", **variables},
    )


def test_only_files_with_known_hashes_are_installed(installing: Path) -> None:
    pip = "-m pip install --quiet"
    assert install(installing).stdout.splitlines() == [
        f"{pip} --require-hashes --requirement PIPE",
        "pip==26.3 \\",
        "    --hash=sha256:11",
        "    # via ours",
        f"{pip} --require-hashes --requirement scripts/requirements.txt",
        f"{pip} --no-deps --no-build-isolation --editable .",
        "-m compileall -q --invalidation-mode checked-hash confluence_groups_sdk",
        "done",
    ]


@pytest.mark.parametrize("step", ["/dev/fd/", "scripts/requirements.txt", "--editable ."])
def test_a_file_that_does_not_fit_stops_the_installation(installing: Path, step: str) -> None:
    done = install(installing, FAILS=step)
    assert done.returncode == 1
    assert step.replace("/dev/fd/", "PIPE") in done.stdout.splitlines()[0 if step == "/dev/fd/" else -1]
    assert "done" not in done.stdout
    if step != "--editable .":
        assert "scripts/requirements.txt cannot be installed; with NEWEST=1, the newest" in done.stderr


def test_the_newest_releases_are_installed_on_request(installing: Path) -> None:
    lines = install(installing, NEWEST="1").stdout.splitlines()
    assert lines[-2:] == [
        "-m pip install --quiet --editable .[aiohttp,sandbox,cli,keyring,review,postgres,dbos,otel] --group dev",
        "done",
    ]
    assert not [line for line in lines if "--require-hashes" in line]


@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("-h", 0), ("tests/docs", 2)])
def test_an_argument_that_is_not_known_runs_no_check(project: Path, argument: str, code: int) -> None:
    shutil.copy(ROOT / "scripts" / "test", project / "scripts")
    shutil.rmtree(project / ".venv")
    result = subprocess.run(
        ["bash", "scripts/test", argument], capture_output=True, check=False, cwd=project, encoding="utf-8"
    )
    assert (result.returncode, (result.stdout + result.stderr).splitlines()[0]) == (
        code,
        "usage: scripts/test [--package [ARGUMENT…]]",
    )
    assert not (project / ".venv").exists()
