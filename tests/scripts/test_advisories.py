"""Versions with known vulnerabilities are refused, and a check that compared nothing does not pass."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import requires
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from attrs import evolve
from local_index import publish, write_project
from packaging.requirements import Requirement
from releasing import advisories
from releasing.advisories import (
    KNOWN,
    Advisory,
    Audit,
    ask_pip_audit,
    audit,
    bound_problems,
    check_advisories,
    lowest_pins,
    pin_problems,
    read_audit,
)
from releasing.environments import CheckFailed
from releasing.locked import LOCKED, Pin, read_pins
from releasing.project import PYPROJECT, Project

ROOT = Path(__file__).resolve().parents[2]
DECLARED = Project.read(ROOT)
H11 = Advisory("h11", "0.16", "CVE-2025-43859", "chunks")
RUNTIME = {"httpx", "attrs", "python-dateutil"}

# What pip-audit 2.10.1 printed, with exit code 0 and NOTHING_FOUND on standard error, from an index without advisories.
WITHOUT_DATA = """{"dependencies": [
{"name": "h11", "skip_reason": "Dependency not found on PyPI and could not be audited: h11 (0.14.0)"},
{"name": "attrs", "skip_reason": "Dependency not found on PyPI and could not be audited: attrs (23.2.0)"}
], "fixes": []}
"""
NOTHING_FOUND = "No known vulnerabilities found"


def pin(name: str, version: str) -> Pin:
    return Pin(name, version, Requirement(f"{name}=={version}"))


# --- our list


def test_the_project_allows_and_locks_no_version_with_a_listed_vulnerability() -> None:
    assert list(bound_problems(DECLARED)) == []
    assert list(pin_problems(read_pins(ROOT), LOCKED)) == []


@pytest.mark.parametrize("requirement", ["h11", "h11>=0.14", "H11>=0.15.9", "h11<1", "h11!=0.14", "h11>=0.16.dev1"])
def test_bound_before_the_fix_is_refused_wherever_it_is_declared(requirement: str) -> None:
    bare = evolve(DECLARED, dependencies=(), extras={}, build_requires=(), groups={})
    for changed in (
        evolve(bare, dependencies=(requirement,)),
        evolve(bare, build_requires=(requirement,)),
        evolve(bare, extras={"more": [requirement]}),
        evolve(bare, dependencies=("h11>=0.16",), groups={"dev": [{"include-group": "a"}], "a": [requirement]}),
    ):
        (wrong,) = bound_problems(changed, [H11])
        assert wrong.lower().startswith(f"{PYPROJECT}: h11")
        assert "write >=0.16 (CVE-2025-43859: chunks)" in wrong


@pytest.mark.parametrize("requirement", ["h11>=0.16", "h11>=0.16.0,<1", "h11==0.17", "h11~=0.16.1"])
def test_bound_at_or_after_the_fix_is_accepted(requirement: str) -> None:
    assert list(bound_problems(evolve(DECLARED, dependencies=(requirement,)), [H11])) == []


@pytest.mark.parametrize("package", sorted({each.package for each in KNOWN}))
def test_each_listed_package_needs_its_bound(package: str) -> None:
    """The bounds are where users get them: without one, the listed vulnerability would be allowed."""

    def without(declared: Sequence[Any]) -> list[Any]:
        return [each for each in declared if not isinstance(each, str) or Requirement(each).name != package]

    changed = evolve(
        DECLARED,
        dependencies=tuple(without(DECLARED.dependencies)),
        extras={name: without(each) for name, each in DECLARED.extras.items()},
        groups={name: without(each) for name, each in DECLARED.groups.items()},
    )
    wrong = list(bound_problems(changed))
    assert wrong
    assert all(each.startswith(f"{PYPROJECT}: {package} is not named there") for each in wrong)


def test_pin_before_the_fix_is_refused() -> None:
    assert list(pin_problems([pin("h11", "0.16"), pin("h12", "0.1")], "the file", [H11])) == []
    (wrong,) = pin_problems([pin("h11", "0.14.0"), pin("h11", "0.16.1")], "the file", [H11])
    assert wrong == "the file: h11 0.14.0: fixed in 0.16 (CVE-2025-43859: chunks)"


def test_bounds_of_the_runtime_bring_no_package_that_httpx_does_not() -> None:
    brought, new = set[str](), {"httpx"}
    while new:
        brought |= new
        listed = (Requirement(each) for name in new for each in requires(name) or ())
        new = {each.name for each in listed if not each.marker or each.marker.evaluate({"extra": ""})} - brought
    assert {Requirement(each).name for each in DECLARED.dependencies} - RUNTIME <= brought


SMALL = """
[build-system]
requires = ["backend>=1.1"]
[project]
name = "ours"
version = "1"
requires-python = ">=3.11"
dependencies = ["direct>=1.1"]
optional-dependencies = {more = ["extra>=1.0"]}
"""


def test_the_lowest_versions_are_those_that_uv_selects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    for version in ("1.0", "1.1", "2.0"):
        publish(index, "direct", version, "indirect")
        for name in ("indirect", "extra", "backend"):
            publish(index, name, version)
    write_project(tmp_path / "root", SMALL)
    variables = {"UV_DEFAULT_INDEX": index.as_uri(), "UV_CACHE_DIR": str(tmp_path / "cache")}
    monkeypatch.setattr(advisories, "index_variables", lambda: variables)
    found = [(each.name, each.version) for each in lowest_pins(tmp_path / "root")]
    assert found == [("backend", "1.1"), ("direct", "1.1"), ("extra", "1.0"), ("indirect", "2.0")]


# --- pip-audit


class Osv(BaseHTTPRequestHandler):
    """Answers like OSV: one advisory, for h11 before 0.16."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        found = asked["package"]["name"] == "h11" and asked["version"] < "0.16"
        affected = {
            "package": {"name": "h11", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0.16.0"}]}],
        }
        advisory = {"id": "GHSA-vqfr-h8mv-ghfj", "aliases": ["CVE-2025-43859"], "affected": [affected]}
        body = json.dumps({"vulns": [advisory]} if found else {}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Return the options with which pip-audit asks a server on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/v1/query"
        yield "--vulnerability-service", "osv", "--osv-url", address, "--cache-dir", str(tmp_path)
        server.shutdown()


def test_what_pip_audit_finds_is_a_problem(osv: tuple[str, ...]) -> None:
    found = audit([pin("h11", "0.14.0"), pin("h11", "0.16.0"), pin("attrs", "23.2.0")], *osv)
    assert found == Audit(3, (), ("h11 0.14.0: CVE-2025-43859, fixed in 0.16.0",))


def test_a_service_that_does_not_answer_is_no_audit(osv: tuple[str, ...]) -> None:
    found = audit([pin("attrs", "23.2.0")], *osv[:2], "--osv-url", "http://127.0.0.1:1/v1/query")
    assert (found.audited, found.skipped, found.problems) == (0, ("attrs",), ())
    assert "ConnectionError" in found.failure


def test_skipped_releases_do_not_count_as_audited() -> None:
    found = read_audit(WITHOUT_DATA, NOTHING_FOUND, ["h11", "attrs"])
    assert found == Audit(0, ("h11", "attrs"))


@pytest.mark.parametrize(
    ("output", "skipped"),
    [
        ("", ("h11",)),
        ("[]", ("h11",)),
        ("{}", ("h11",)),
        ('{"dependencies": null}', ("h11",)),
        ('{"dependencies": [{"name": "h11"}]}', ("h11",)),
        ('{"dependencies": []}', ("h11",)),
    ],
)
def test_output_without_a_release_skips_it(output: str, skipped: tuple[str, ...]) -> None:
    found = read_audit(output, "", ["h11"])
    assert (found.audited, found.skipped, found.problems) == (0, skipped, ())


# --- the check


def answer(monkeypatch: pytest.MonkeyPatch, **results: Audit) -> None:
    def respond(pins: Sequence[Pin], _: str, service: str, *options: str) -> Audit:
        assert options[0] == "--timeout"
        return results.get(service, Audit(0, tuple(each.name for each in pins)))

    monkeypatch.setattr(advisories, "audit", respond)


ASKED = [pin("h11", "0.16"), pin("attrs", "23.2")]


def test_result_says_that_pip_audit_had_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, osv=Audit(0, ("h11", "attrs"), failure="no such host"))
    assert ask_pip_audit(ASKED, ASKED) == (
        "pip-audit had no data, so that only the list was used (pypi: nothing on these 2 releases; osv: no such host)"
    )


def test_result_names_the_service_and_what_it_had_no_data_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, osv=Audit(1, ("attrs",)))
    assert ask_pip_audit(ASKED, ASKED) == "pip-audit (osv) knows nothing against 2, but had no data on attrs"
    answer(monkeypatch, pypi=Audit(2))
    assert ask_pip_audit(ASKED, ASKED) == "pip-audit (pypi) knows nothing against 4"


def test_what_pip_audit_knows_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, pypi=Audit(2, problems=("h11 0.16: CVE-1, fixed in 0.17",)))
    monkeypatch.setattr(advisories, "lowest_pins", lambda _: ASKED)
    assert "pip-audit was not asked" in check_advisories(ROOT, quick=True)
    with pytest.raises(CheckFailed, match=r"pip-audit: h11 0\.16: CVE-1, fixed in 0\.17"):
        check_advisories(ROOT, quick=False)


def test_listed_vulnerability_of_a_lowest_version_fails_without_pip_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch)
    monkeypatch.setattr(advisories, "lowest_pins", lambda _: [pin("h11", "0.14")])
    with pytest.raises(CheckFailed, match=r"the lowest versions: h11 0\.14: fixed in 0\.16"):
        check_advisories(ROOT, quick=False)


def test_nothing_to_compare_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisories, "lowest_pins", lambda _: [])
    with pytest.raises(CheckFailed, match="no lowest versions"):
        check_advisories(ROOT, quick=False)
    monkeypatch.setattr(advisories, "read_pins", lambda _: [])
    with pytest.raises(CheckFailed, match="no versions to compare"):
        check_advisories(ROOT, quick=True)
    monkeypatch.undo()
    monkeypatch.setattr(advisories, "KNOWN", ())
    with pytest.raises(CheckFailed, match="no listed advisories"):
        check_advisories(ROOT, quick=True)
