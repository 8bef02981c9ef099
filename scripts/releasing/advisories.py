"""Refuse versions with known vulnerabilities: the lowest ones that users can get, and the ones that development uses.

pip-audit knows the published advisories if the index or OSV gives it their data; otherwise it may find nothing and exit
with 0. KNOWN is compared in any case, and the result says which of both was used.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from packaging.utils import canonicalize_name
from packaging.version import Version

from releasing.environments import CheckFailed, fail_on, index_variables, run
from releasing.locked import LOCKED, Pin, parse_pins, read_pins
from releasing.project import PYPROJECT, Project, lower_bound

TIMEOUT_S = 20
SERVICES = ("pypi", "osv")  # where pip-audit can ask


@frozen
class Advisory:
    """A vulnerability in the releases of a package before one."""

    package: str
    fixed: str
    name: str
    what: str


KNOWN = (
    # what every installation has
    Advisory("anyio", "4.14.2", "CVE-2026-63374", "encodes host names by IDNA 2003: another host's certificate passes"),
    Advisory("certifi", "2024.7.4", "CVE-2024-39689", "trusts the certificates of GLOBALTRUST"),
    Advisory("certifi", "2023.7.22", "CVE-2023-37920", "trusts the certificates of e-Tugra"),
    Advisory("h11", "0.16", "CVE-2025-43859", "takes any two bytes for the end of a chunk: responses can be smuggled"),
    Advisory("idna", "3.15", "CVE-2026-45409", "a long host name, such as that of a redirect, costs quadratic time"),
    # extras
    Advisory("aiohttp", "3.14.2", "CVE-2026-59881", "decompresses WebSocket frames that were not negotiated"),
    Advisory("aiohttp", "3.14.2", "CVE-2026-69243", "requests can be smuggled by a WebSocket upgrade"),
    Advisory("aiohttp", "3.14.3", "CVE-2026-69244", "malformed responses stop the client from working"),
    Advisory("filelock", "3.20.1", "CVE-2025-68146", "follows a symlink at the lock's path, and empties its target"),
    Advisory("filelock", "3.20.3", "CVE-2026-22701", "the same for SoftFileLock"),
    Advisory("jinja2", "3.1.4", "CVE-2024-34064", "xmlattr writes keys that add other attributes"),
    Advisory("jinja2", "3.1.6", "CVE-2025-27516", "a template can leave the sandbox with the filter attr"),
    Advisory("starlette", "0.49.1", "CVE-2025-62727", "a Range header costs quadratic time"),
    Advisory("starlette", "1.0.1", "CVE-2026-48710", "a Host header changes the path that a request seems to have"),
    Advisory("starlette", "1.1.0", "CVE-2026-48818", "StaticFiles opens network paths on Windows"),
    Advisory("starlette", "1.3.1", "CVE-2026-54283", "the limits of request.form() are not applied"),
    # development
    Advisory("pip", "26.0", "CVE-2026-1703", "a wheel writes files outside the folder of the installation"),
    Advisory("pip", "26.1.2", "CVE-2026-8643", "the name of a wheel's command can be a path to another folder"),
    Advisory("pytest", "9.0.3", "CVE-2025-71176", "uses a folder in /tmp that another user can make first"),
    Advisory("uv", "0.10.11", "GHSA-6gx3-4362-rf54", "unpacks some source distributions otherwise than other tools do"),
)
"""What we know without a network, for packages that pyproject.toml names: one that another package brings gets a lower
bound there if it is in the path of calls."""


def bound_problems(project: Project, known: Iterable[Advisory] = KNOWN) -> Iterator[str]:
    """Yield where pyproject.toml allows a version with a known vulnerability."""
    required = list(project.requirements(*project.groups))
    for advisory in known:
        named = [each for each in required if canonicalize_name(each.name) == advisory.package]
        if not named:
            yield f"{PYPROJECT}: {advisory.package} is not named there: {_remedy(advisory)}"
        for requirement, bound in {str(each): lower_bound(each) for each in named}.items():
            if bound is None or bound < Version(advisory.fixed):
                yield f"{PYPROJECT}: {requirement}: {_remedy(advisory)}"


def _remedy(advisory: Advisory) -> str:
    return f"write >={advisory.fixed} ({advisory.name}: {advisory.what})"


def pin_problems(pins: Iterable[Pin], where: str, known: Iterable[Advisory] = KNOWN) -> Iterator[str]:
    """Yield the pins with a known vulnerability."""
    advisories = list(known)
    for pin in pins:
        for each in advisories:
            if pin.name == each.package and Version(pin.version) < Version(each.fixed):
                yield f"{where}: {pin.name} {pin.version}: fixed in {each.fixed} ({each.name}: {each.what})"


def lowest_pins(root: Path) -> list[Pin]:
    """Return the lowest releases that pyproject.toml allows, with the newest releases of what they bring, by uv."""
    project = Project.read(root)
    options = ("--universal", "--resolution", "lowest-direct", "--all-extras", "--no-header", "--quiet")
    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder, "build.txt")
        build.write_text("\n".join(project.build_requires), encoding="utf-8")
        command = (sys.executable, "-m", "uv", "pip", "compile", PYPROJECT, str(build), "--generate-hashes", *options)
        compiled = run(*command, "--python-version", project.lowest_python, cwd=root, variables=index_variables())
    return [each for each in parse_pins(compiled) if isinstance(each, Pin)]


@frozen
class Audit:
    """What pip-audit said about some pins."""

    audited: int
    skipped: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    failure: str = ""


def audit(pins: Sequence[Pin], *options: str) -> Audit:
    """Ask pip-audit about pins."""
    files: list[set[Pin]] = []  # pip-audit takes one version of each package in a file
    for pin in pins:
        free = next((one for one in files if pin.name not in {each.name for each in one}), None)
        if free is None:
            files.append(free := set())
        free.add(pin)
    results = [_audit_file(sorted(each, key=lambda pin: pin.name), options) for each in files]
    return Audit(
        sum(each.audited for each in results),
        tuple(name for each in results for name in each.skipped),
        tuple(problem for each in results for problem in each.problems),
        next((each.failure for each in results if each.failure), ""),
    )


def _audit_file(pins: Sequence[Pin], options: Iterable[str]) -> Audit:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        file.write_text("".join(f"{each.name}=={each.version}\n" for each in pins), encoding="utf-8")
        fixed = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")
        command = (sys.executable, "-m", "pip_audit", "--requirement", str(file), *fixed, *options)
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    return read_audit(done.stdout, done.stderr, [each.name for each in pins])


def read_audit(output: str, errors: str, asked: Iterable[str]) -> Audit:
    """Read pip-audit's JSON; a package that it does not mention counts as skipped."""
    try:
        found: list[dict[str, Any]] = json.loads(output)["dependencies"]
        audited = {each["name"]: each for each in found if "skip_reason" not in each}
        problems = tuple(
            f"{name} {each['version']}: {vulnerability['id']}, fixed in {' or '.join(vulnerability['fix_versions'])}"
            for name, each in audited.items()
            for vulnerability in each["vulns"]
        )
    except (ValueError, LookupError, TypeError):
        lines = errors.strip().splitlines()
        return Audit(0, tuple(asked), failure=lines[-1][:100] if lines else "no output")
    return Audit(len(audited), tuple(name for name in asked if name not in audited), problems)


def check_advisories(root: Path, *, quick: bool) -> str:
    """Return how versions were checked.

    Raises:
        CheckFailed: a version has a known vulnerability, or nothing could be compared.
    """
    project, pins = Project.read(root), read_pins(root)
    if not KNOWN:
        raise CheckFailed("no listed advisories to compare with")
    if not pins:
        raise CheckFailed(f"{LOCKED}: no versions to compare")
    fail_on([*bound_problems(project), *pin_problems(pins, LOCKED)])
    listed = f"no version before the fixes of {len(KNOWN)} listed advisories"
    if quick:
        return f"{listed}; pip-audit was not asked"
    lowest = lowest_pins(root)
    if not lowest:
        raise CheckFailed("no lowest versions to compare")
    fail_on(pin_problems(lowest, "the lowest versions"))
    return f"{listed}; {ask_pip_audit(lowest, pins)}"


def ask_pip_audit(lowest: Sequence[Pin], locked: Sequence[Pin]) -> str:
    """Return what pip-audit could say; the first service that has any data is asked about all versions.

    Raises:
        CheckFailed: pip-audit knows a vulnerability.
    """
    failures = []
    for service in SERVICES:
        options = ("--vulnerability-service", service, "--timeout", str(TIMEOUT_S))
        first = audit(lowest, *options)
        if first.audited:
            results = (first, audit(locked, *options))
            fail_on(f"pip-audit: {problem}" for each in results for problem in each.problems)
            skipped = sorted({name for each in results for name in each.skipped})
            missing = f", but had no data on {', '.join(skipped)}" if skipped else ""
            return f"pip-audit ({service}) knows nothing against {sum(each.audited for each in results)}{missing}"
        failures.append(f"{service}: {first.failure or f'nothing on these {len(lowest)} releases'}")
    return f"pip-audit had no data, so that only the list was used ({'; '.join(failures)})"
