"""Each rule of the release check, with a distribution, a change log or a public API that breaks it."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import release_check
from attrs import evolve
from packaging.requirements import Requirement
from releasing import accepted
from releasing.archives import Member, first_difference, read_members
from releasing.builds import (
    EPOCH_S,
    FIRST_BUILD,
    SECOND_BUILD,
    Distributions,
    build,
    build_wheel,
    copy_source,
    reproducibility_problems,
    source_files,
)
from releasing.changelog import Section, changelog_problems, find_section, parse_sections
from releasing.contents import content_problems, metadata_problems
from releasing.environments import CheckFailed, install, lowest_installer
from releasing.installs import install_runtime, installed_versions
from releasing.long_description import checked_address, relative_links, with_absolute_links
from releasing.project import Project
from releasing.sbom import sbom_problems

ROOT = Path(__file__).resolve().parents[2]
VERSION = Project.read(ROOT).version
ADDRESS = "https://git.example.com/owner/name"
WHEEL = f"confluence_groups_sdk-{VERSION}-py3-none-any.whl"

# Replaces the module that reads the public API: here the whole API is a file with one line.
RELEASED = """
def compare_surface(root):
    names = [(root / name).read_text() for name in ("surface", "openapi/released/public-api.json")]
    return [] if names[0] == names[1] else [f"{names[0]} is new"]

def accept_release(root):
    (root / "openapi/released").mkdir(parents=True, exist_ok=True)
    (root / "openapi/released/public-api.json").write_text((root / "surface").read_text())
    return ["openapi/released/public-api.json"]
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Return the distributions of the project in its current state."""
    return build(ROOT, tmp_path_factory.mktemp("built"), FIRST_BUILD)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the project's source, with an accepted public API."""
    folder = copy_source(ROOT, tmp_path, FIRST_BUILD)
    (folder / "scripts/versioning/released.py").write_text(RELEASED, encoding="utf-8")
    (folder / "surface").write_text("remove_member", encoding="utf-8")
    (folder / ".gitignore").write_text("surface\n__pycache__/\n", encoding="utf-8")
    shutil.rmtree(folder / "openapi/released", ignore_errors=True)
    done = run(folder, "--accept")
    assert done.returncode == 0, done.stderr
    return folder


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project / "scripts/release_check.py"), *arguments]
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=project.parent, env=variables)


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def set_address(project: Path, address: str) -> None:
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    text = re.sub(r'(?m)^repository = ".*?"', f'repository = "{address}"', text)
    (project / "pyproject.toml").write_text(text, encoding="utf-8")


# --- the command


def test_correct_project_passes_and_each_check_is_named(project: Path) -> None:
    done = run(project, "--quick")
    assert (done.returncode, done.stderr) == (0, "")
    checks = [line.partition(":")[0] for line in done.stdout.splitlines()]
    first = ["changelog", "requirements", "advisories", "surface"]
    assert checks == [*first, "built", "reproducible", "contents", "metadata", "twine", "description"]
    assert not (project / "dist").exists()


def test_all_problems_are_named_in_one_run(project: Path) -> None:
    (project / "confluence_groups_sdk/py.typed").unlink()
    (project / "confluence_groups_sdk/tests").mkdir()
    (project / "confluence_groups_sdk/tests/test_inside.py").touch()
    (project / "surface").write_text("renamed", encoding="utf-8")
    replace(
        project / "pyproject.toml",
        'dynamic = ["version", "readme", "urls"]',
        'version = "9.9.9"\ndynamic = ["readme", "urls"]',
    )
    done = run(project, "--quick")
    assert done.returncode == 1
    wheel, sdist = "confluence_groups_sdk-9.9.9-py3-none-any.whl", "confluence_groups_sdk-9.9.9.tar.gz"
    for wrong in (
        "CHANGELOG.md: the public API has changed",
        f"{wheel}: confluence_groups_sdk/py.typed is missing",
        f"{sdist}: confluence_groups_sdk/py.typed is missing",
        f"{wheel}: confluence_groups_sdk/tests/test_inside.py must not be in it",
        f"{wheel}: confluence_groups_sdk-9.9.9.dist-info/METADATA: Version is 9.9.9, but {VERSION} in _version.py",
        f"{sdist}: confluence_groups_sdk-9.9.9/PKG-INFO: Version is 9.9.9, but {VERSION} in _version.py",
    ):
        assert wrong in done.stderr


def test_vulnerable_bound_and_outdated_requirements_are_refused(project: Path) -> None:
    replace(project / "pyproject.toml", '"h11>=0.16"', '"h11>=0.14"')
    replace(project / "pyproject.toml", '"attrs>=23.2"', '"attrs>=9999"')
    done = run(project, "--quick")
    assert done.returncode == 1
    assert "failed: requirements: scripts/requirements.txt: attrs>=9999: " in done.stderr
    assert "failed: advisories: pyproject.toml: h11>=0.14: write >=0.16 (CVE-2025-43859" in done.stderr


def test_build_with_file_times_is_not_reproducible(project: Path) -> None:
    replace(
        project / "pyproject.toml",
        "[tool.hatch.version]",
        "[tool.hatch.build]\nreproducible = false\n\n[tool.hatch.version]",
    )
    done = run(project, "--quick")
    assert done.returncode == 1
    assert f"{WHEEL}: two builds differ: confluence_groups_sdk/__init__.py" in done.stderr
    assert "it is the time of the build" in done.stderr


def test_readme_that_does_not_render_fails_twine(project: Path) -> None:
    (project / "README.md").write_text("", encoding="utf-8")
    done = run(project, "--quick")
    assert done.returncode == 1
    assert "twine: failed" in done.stdout
    assert "long_description" in done.stderr


def test_failed_build_is_reported_with_its_output(project: Path) -> None:
    replace(project / "pyproject.toml", 'path = "confluence_groups_sdk/_version.py"', 'path = "nowhere.py"')
    done = run(project, "--quick")
    assert done.returncode == 1
    assert "failed: built:" in done.stderr
    assert "nowhere.py" in done.stderr


def test_unreadable_file_is_named(project: Path) -> None:
    (project / "CHANGELOG.md").unlink()
    done = run(project, "--accept")
    assert (done.returncode, done.stderr) == (
        1,
        "failed: changelog: CHANGELOG.md: cannot be read: No such file or directory\n",
    )


def test_usage_error_and_failed_check_have_different_exit_codes(project: Path) -> None:
    assert run(project, "--quick", "--accept").returncode == 2
    assert run(project, "--fast").returncode == 2
    helped = run(project, "--help")
    assert helped.returncode == 0
    assert "the lowest and on the newest dependencies" in " ".join(helped.stdout.split())


# --- contents of the distributions


def test_distributions_of_the_project_are_complete(built: Distributions) -> None:
    for archive in (built.wheel, built.sdist):
        assert list(content_problems(archive, source_files(ROOT))) == []
        assert list(metadata_problems(archive, Project.read(ROOT))) == []


def with_changes(archive: Path, folder: Path, *, without: str = "", added: str = "") -> Path:
    """Write a copy of an archive with one file removed or added."""
    copy = folder / archive.name
    kept = [each for each in read_members(archive) if not without or not each.name.endswith(without)]
    assert len(kept) == len(read_members(archive)) - bool(without)
    write(copy, [*kept, *([Member(added, b"", 0o644, EPOCH_S)] if added else [])])
    return copy


def write(archive: Path, files: list[Member], *, made: int = 0) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive, "w") as wheel:
            for each in files:
                day = zipfile.ZipInfo(each.name, (2020 + each.time - EPOCH_S, 2, 2, 0, 0, 0))
                day.external_attr = each.mode << 16
                wheel.writestr(day, each.content)
        return
    tape = BytesIO()
    with tarfile.open(fileobj=tape, mode="w") as sdist:
        for each in files:
            entry = tarfile.TarInfo(each.name)
            entry.size, entry.mode, entry.mtime = len(each.content), each.mode, each.time
            sdist.addfile(entry, BytesIO(each.content))
    archive.write_bytes(gzip.compress(tape.getvalue(), mtime=made))


@pytest.mark.parametrize(
    "name",
    [
        "confluence_groups_sdk/py.typed",
        "confluence_groups_sdk/_support/html_page/base.html.j2",
        "confluence_groups_sdk/_support/html_page/macros.html.j2",
        "confluence_groups_sdk/_support/html_page/page.css",
        "confluence_groups_sdk/_support/html_page/page.js",
        "confluence_groups_sdk/cli/rendering/approval_page.html.j2",
        "confluence_groups_sdk/review/pages/sheet_page.html.j2",
        "confluence_groups_sdk/membership/plan.schema.json",
        "confluence_groups_sdk/review/pages/evidence_page.html.j2",
        "confluence_groups_sdk/_generated/client.py",
        "confluence_groups_sdk/_core/limits/retry_policy.py",
    ],
)
def test_missing_package_file_is_named_in_both_archives(built: Distributions, tmp_path: Path, name: str) -> None:
    for archive in (built.wheel, built.sdist):
        copy = with_changes(archive, tmp_path, without=name)
        assert list(content_problems(copy, source_files(ROOT))) == [f"{archive.name}: {name} is missing"]


def test_missing_licence_is_named_in_both_archives(built: Distributions, tmp_path: Path) -> None:
    wheel, sdist = (with_changes(each, tmp_path, without="/LICENSE") for each in (built.wheel, built.sdist))
    assert list(content_problems(wheel, [])) == [f"{wheel.name}: *.dist-info/licenses/LICENSE is missing"]
    assert list(content_problems(sdist, [])) == [f"{sdist.name}: LICENSE is missing"]


@pytest.mark.parametrize("name", ["tests/test_cassettes.py", "openapi/overlay.yaml", "scripts/demo", "docs/limits.md"])
def test_missing_source_file_is_named_in_the_sdist(built: Distributions, tmp_path: Path, name: str) -> None:
    sdist = with_changes(built.sdist, tmp_path, without=f"/{name}")
    assert list(content_problems(sdist, source_files(ROOT))) == [f"{sdist.name}: {name} is missing"]


@pytest.mark.parametrize(
    "name",
    [
        "tests/test_retry.py",
        "confluence_groups_sdk/test_retry.py",
        "confluence_groups_sdk/tests/__init__.py",
        "confluence_groups_sdk/membership/conftest.py",
        "confluence_groups_sdk/notes.txt",
        "confluence_groups_sdk/__pycache__/_retry.cpython-311.pyc",
        "scripts/regenerate.py",
    ],
)
def test_forbidden_file_in_the_wheel_is_named(built: Distributions, tmp_path: Path, name: str) -> None:
    wheel = with_changes(built.wheel, tmp_path, added=name)
    (wrong,) = content_problems(wheel, source_files(ROOT))
    assert wrong.startswith(f"{WHEEL}: {name} must not be in it")


@pytest.mark.parametrize("name", [".env", "tests/.secret", "tests/x.pyc", "dist/old.whl", "notes.txt"])
def test_forbidden_file_in_the_sdist_is_named(built: Distributions, tmp_path: Path, name: str) -> None:
    sdist = with_changes(built.sdist, tmp_path, added=f"confluence_groups_sdk-{VERSION}/{name}")
    (wrong,) = content_problems(sdist, source_files(ROOT))
    assert f": {name} must not be in it" in wrong


def test_file_outside_the_folder_of_the_sdist_is_refused(built: Distributions, tmp_path: Path) -> None:
    sdist = with_changes(built.sdist, tmp_path, added="elsewhere/docs/a.md")
    (wrong,) = content_problems(sdist, [])
    assert ": elsewhere/docs/a.md must not be in it" in wrong


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (f"\nVersion: {VERSION}".encode(), b"\nVersion: 9.9.9", f"Version is 9.9.9, but {VERSION} in _version.py"),
        (b"\nRequires-Python: >=3.11", b"\nRequires-Python: >=3.9", "Requires-Python is >=3.9, but >=3.11"),
        (b"\nName: confluence-groups-sdk", b"\nName: groups", "Name is groups, but confluence-groups-sdk"),
        (
            b"\nProvides-Extra: keyring",
            b"",
            "Provides-Extra is ['aiohttp', 'cli', 'dbos', 'files', 'otel', 'postgres', 'review', 'sandbox'], but",
        ),
    ],
)
def test_metadata_that_differs_from_the_project_is_named(
    built: Distributions, tmp_path: Path, old: bytes, new: bytes, field: str
) -> None:
    for archive, place in ((built.wheel, "METADATA"), (built.sdist, "PKG-INFO")):
        files = read_members(archive)
        changed = [
            Member(
                each.name,
                each.content.replace(old, new) if each.name.endswith(f"/{place}") else each.content,
                0,
                EPOCH_S,
            )
            for each in files
        ]
        write(tmp_path / archive.name, changed)
        (wrong,) = metadata_problems(tmp_path / archive.name, Project.read(ROOT))
        assert wrong.startswith(f"{archive.name}: ")
        assert f"/{place}: {field}" in wrong


def test_missing_metadata_is_named(built: Distributions, tmp_path: Path) -> None:
    wheel = with_changes(built.wheel, tmp_path, without="/METADATA")
    assert list(metadata_problems(wheel, Project.read(ROOT))) == [
        f"{WHEEL}: it has 0 files *.dist-info/METADATA instead of one"
    ]


# --- reproducible builds


def test_builds_in_different_environments_have_the_same_bytes(built: Distributions, tmp_path: Path) -> None:
    other = build(ROOT, tmp_path, SECOND_BUILD, "--sdist", "--wheel")
    assert list(reproducibility_problems(built, other)) == []
    assert built.wheel.read_bytes() == other.wheel.read_bytes()


def test_source_copy_has_its_own_modes_and_times_and_no_ignored_files(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "build").mkdir(parents=True)
    (root / ".git").mkdir()
    for name in ("build/a.py", ".git/config", "b.pyc", "kept.py", "run"):
        (root / name).touch()
    (root / ".gitignore").write_text("build/\n*.pyc\n", encoding="utf-8")
    (root / "run").chmod(0o755)
    copy = copy_source(root, tmp_path, SECOND_BUILD)
    assert sorted(path.name for path in copy.iterdir()) == [".gitignore", "kept.py", "run"]
    assert [(copy / name).stat().st_mode & 0o777 for name in ("kept.py", "run")] == [0o600, 0o700]
    assert (copy / "kept.py").stat().st_mtime == SECOND_BUILD.time


ALIKE = [Member("a/one.py", b"1\n2\n", 0o644, EPOCH_S), Member("a/two.py", b"", 0o644, EPOCH_S)]


@pytest.mark.parametrize("kind", ["x.whl", "x.tar.gz"])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ([ALIKE[0]], "a/two.py is only in one-"),
        ([*ALIKE, Member("a/0.py", b"", 0o644, EPOCH_S)], "a/0.py is only in other-"),
        ([ALIKE[1], ALIKE[0]], "a/one.py has the position of a/two.py in the other"),
        ([Member("a/one.py", b"1\n3\n", 0o644, EPOCH_S), ALIKE[1]], "a/one.py differs in line 2"),
        ([Member("a/one.py", b"1\n2\n4\n", 0o644, EPOCH_S), ALIKE[1]], "a/one.py differs in line 3"),
        ([ALIKE[0], Member("a/two.py", b"", 0o600, EPOCH_S)], "a/two.py has mode 644, and 600 in the other"),
        ([ALIKE[0], Member("a/two.py", b"", 0o644, EPOCH_S + 1)], f"a/two.py has time {EPOCH_S}, and "),
    ],
)
def test_the_first_difference_is_named(tmp_path: Path, kind: str, changed: list[Member], message: str) -> None:
    one, other = tmp_path / f"one-{kind}", tmp_path / f"other-{kind}"
    write(one, ALIKE)
    write(other, ALIKE)
    assert first_difference(one, other) is None
    write(other, changed)
    assert (first_difference(one, other) or "").replace(f"{tmp_path}{os.sep}", "").startswith(message)


def test_difference_of_archive_headers_is_named(tmp_path: Path) -> None:
    one, other = tmp_path / "one.tar.gz", tmp_path / "other.tar.gz"
    write(one, ALIKE)
    write(other, ALIKE, made=1)
    assert first_difference(one, other) == "the files are the same, but the headers of the archives differ"


def test_file_time_other_than_the_epoch_is_refused_even_if_builds_agree(tmp_path: Path) -> None:
    late = [ALIKE[0], Member("a/two.py", b"", 0o644, EPOCH_S + 1)]
    built = Distributions(tmp_path / "x.tar.gz", tmp_path / "x.whl")
    for archive in (built.sdist, built.wheel):
        write(archive, late)
    wrong = list(reproducibility_problems(built, built))
    assert [each.partition(" has time ")[0] for each in wrong] == ["x.tar.gz: a/two.py", "x.whl: a/two.py"]


# --- the lowest allowed releases


def write_release(folder: Path, name: str, version: str, *requires: str) -> Path:
    """Write the wheel of a package without modules."""
    wheel, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    head = [
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
        *(f"Requires-Dist: {each}" for each in requires),
    ]
    contents = {
        "METADATA": "\n".join(head),
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "".join(f"{info}/{each},,\n" for each in ("METADATA", "WHEEL", "RECORD")),
    }
    write(wheel, [Member(f"{info}/{each}", text.encode(), 0o644, EPOCH_S) for each, text in contents.items()])
    return wheel


def test_the_lowest_and_the_newest_releases_that_the_project_allows_are_installed(tmp_path: Path) -> None:
    for version in ("1.0", "1.1", "2.0", "3.0"):
        write_release(tmp_path, "direct", version, "indirect>=1")
        write_release(tmp_path, "indirect", version)
    requires = "direct!=1.1,<3,>=1.1"
    (tmp_path / "pyproject.toml").write_text(
        f'[project]\nname = "ours"\nversion = "1"\ndependencies = ["{requires}"]', encoding="utf-8"
    )
    ours = write_release(tmp_path, "ours", "1", requires)
    local = ("--no-index", "--find-links", str(tmp_path), "--cache-dir", str(tmp_path / "cache"))

    def install_newest(python: str, *arguments: str) -> None:
        install(python, *local, *arguments)

    def install_lowest(python: str, *arguments: str) -> None:
        lowest_installer(tmp_path / "pyproject.toml")(python, *local, *arguments)

    newest = install_runtime(tmp_path / "newest", ours, [], install_newest)
    assert installed_versions(newest).startswith("direct==2.0, indirect==3.0, ours")
    write_release(tmp_path, "direct", "1.2", "indirect>=1")
    python = install_runtime(tmp_path / "lowest", ours, [], install_lowest)
    assert installed_versions(python).startswith("direct==1.2, indirect==3.0, ours")
    install_lowest(newest, str(ours))
    assert installed_versions(newest).startswith("direct==1.2, "), "also if a newer one is installed"
    impossible = write_release(tmp_path, "ours", "2", "direct>=2,<1")
    with pytest.raises(CheckFailed, match="direct"):
        install_runtime(tmp_path / "none", impossible, [], install_newest)


def test_an_sdist_is_built_with_the_lowest_backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands: list[tuple[str, ...]] = []

    def run(*command: str, **_: object) -> str:
        if "config" not in command:
            commands.append(command)
        return ""

    monkeypatch.setattr("releasing.environments.run", run)
    install = lowest_installer(tmp_path / "pyproject.toml")
    install_runtime(tmp_path / "sdist", tmp_path / "ours.tar.gz", ["hatchling>=1.27"], install)
    backend, ours = commands
    lowest = {"--resolution", "lowest-direct", str(tmp_path / "pyproject.toml")}
    assert set(backend) > {*lowest, "hatchling>=1.27"}
    assert set(ours) > {*lowest, "--no-build-isolation", str(tmp_path / "ours.tar.gz")}


def test_uv_takes_the_index_from_the_settings_of_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables: list[object] = []

    def run(*command: str, **options: object) -> str:
        if "config" in command:
            return "global.find-links='one two'\nglobal.index-url='a'\n:env:.index-url='https://index.example/simple'\n"
        variables.append(options["variables"])
        return ""

    monkeypatch.setattr("releasing.environments.run", run)
    lowest_installer(tmp_path / "pyproject.toml")("python")
    assert variables == [
        {
            "UV_INDEX_STRATEGY": "unsafe-best-match",
            "UV_DEFAULT_INDEX": "https://index.example/simple",
            "UV_FIND_LINKS": "one,two",
        }
    ]


DECLARED = Project.read(ROOT)


@pytest.mark.parametrize(
    "requirement",
    ["httpx", "httpx<1", "httpx>0.27", "httpx>=1,!=1.0", "httpx>=2,<1", "httpx!=1; python_version < '3.12'"],
)
def test_requirement_without_a_lower_bound_is_refused(requirement: str) -> None:
    for changed in (
        evolve(DECLARED, dependencies=(*DECLARED.dependencies, requirement)),
        evolve(DECLARED, build_requires=(requirement,)),
        evolve(DECLARED, extras={**DECLARED.extras, "more": [requirement]}),
    ):
        (wrong,) = changed.unbounded_requirements()
        assert wrong.startswith("pyproject.toml: httpx")
        assert "no lower bound" in wrong


def test_requirement_with_a_lower_bound_is_not_refused() -> None:
    assert list(DECLARED.unbounded_requirements()) == []
    allowed = (
        "httpx>=0.28,<0.29",
        "rich~=14.3.1",
        "uvicorn[standard]>=0.32",
        "a==1",
        "a>=1,>=2",
        "tomli>=2; python_version < '3.11'",
    )
    assert list(evolve(DECLARED, dependencies=allowed).unbounded_requirements()) == []


# --- the change log

GOOD = """# Changelog

Words.

## [0.2.0] - unreleased

### Added

- One, over
  two lines.
- Two.

## [0.1.0] - 2026-01-31

- Three.
"""


def test_a_change_log_is_read_by_version() -> None:
    assert parse_sections(GOOD) == [
        Section("0.2.0", "unreleased", ("One, over two lines.", "Two.")),
        Section("0.1.0", "2026-01-31", ("Three.",)),
    ]
    assert list(changelog_problems(GOOD, "0.2.0")) == []
    assert list(changelog_problems(GOOD.replace("unreleased", "2026-02-28"), "0.2.0")) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[0.2.0]", "[0.3.0]", "0 sections [0.2.0]"),
        ("[0.2.0]", "[0.2.0]\n\n- Again.\n\n## [0.2.0]", "2 sections [0.2.0]"),
        ("## [0.2.0]", "## [Unreleased]\n\n- More.\n\n## [0.2.0]", "[Unreleased] is above [0.2.0]"),
        ("- One, over\n  two lines.\n- Two.\n", "", "[0.2.0] has no entry"),
        ("unreleased", "soon", "[0.2.0] has the date 'soon'"),
        (" - unreleased", "", "[0.2.0] has the date ''"),
        ("2026-01-31", "2026-02-31", "[0.1.0] has the date '2026-02-31'"),
        ("2026-01-31", "unreleased", "[0.1.0] has the date 'unreleased'"),
        ("2026-01-31", "20260131", "[0.1.0] has the date '20260131'"),
    ],
)
def test_change_log_that_does_not_fit_the_version_is_refused(old: str, new: str, message: str) -> None:
    assert old in GOOD
    wrong = list(changelog_problems(GOOD.replace(old, new, 1), "0.2.0"))
    assert [each for each in wrong if each.startswith("CHANGELOG.md: ") and message in each], wrong


# --- the public API and its entries in the change log


class Surface:
    """A folder with a public API, and the functions of the module that reads it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = "remove_member"
        (root / "openapi/released").mkdir(parents=True)

    @property
    def snapshot(self) -> Path:
        return self.root / accepted.SNAPSHOT

    def compare_surface(self, root: Path) -> list[str]:
        return [] if (root / accepted.SNAPSHOT).read_text(encoding="utf-8") == self.now else [f"{self.now} is new"]

    def accept_release(self, root: Path) -> list[str]:
        (root / accepted.SNAPSHOT).write_text(self.now, encoding="utf-8")
        return [accepted.SNAPSHOT]


FIRST = Section("0.1.0", "unreleased", ("The first one.",))
SECOND = Section("0.1.0", "unreleased", ("The first one.", "`add_member`."))


@pytest.fixture
def surface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surface:
    """Return a public API that is not accepted yet."""
    seen = Surface(tmp_path)
    module = SimpleNamespace(accept_release=seen.accept_release, compare_surface=seen.compare_surface)
    monkeypatch.setitem(sys.modules, "versioning.released", module)
    return seen


def test_surface_never_accepted_is_reported_with_the_command(surface: Surface) -> None:
    assert list(accepted.acceptance_problems(surface.root, FIRST)) == [
        f"{accepted.ACCEPTED}: missing: run scripts/release_check --accept"
    ]
    assert accepted.accept(surface.root, FIRST) == [accepted.SNAPSHOT, accepted.ACCEPTED]
    assert list(accepted.acceptance_problems(surface.root, FIRST)) == []


def test_changed_surface_needs_a_new_entry_in_the_change_log(surface: Surface) -> None:
    accepted.accept(surface.root, FIRST)
    surface.now = "remove_member add_member"
    (wrong,) = accepted.acceptance_problems(surface.root, FIRST)
    assert wrong.startswith("CHANGELOG.md: the public API has changed")
    assert "(remove_member add_member is new; 1 in all)" in wrong
    assert list(accepted.acceptance_problems(surface.root, SECOND)) == []


def test_surface_change_without_an_entry_is_not_accepted(surface: Surface) -> None:
    accepted.accept(surface.root, FIRST)
    surface.now = "remove_member add_member"
    with pytest.raises(CheckFailed, match="write an entry about it"):
        accepted.accept(surface.root, FIRST)
    assert surface.snapshot.read_text(encoding="utf-8") == "remove_member"
    accepted.accept(surface.root, SECOND)
    assert surface.snapshot.read_text(encoding="utf-8") == surface.now
    surface.now = "nothing"
    assert list(accepted.acceptance_problems(surface.root, SECOND)), "an entry covers one change only"


def test_a_snapshot_changed_without_being_accepted_is_refused(surface: Surface) -> None:
    accepted.accept(surface.root, FIRST)
    surface.now = "remove_member add_member"
    surface.snapshot.write_text(surface.now, encoding="utf-8")  # edited by hand to agree with the API
    (wrong,) = accepted.acceptance_problems(surface.root, SECOND)
    assert wrong.startswith(f"{accepted.SNAPSHOT}: not as accepted")


def test_unchanged_surface_is_accepted_again_without_a_new_entry(surface: Surface) -> None:
    accepted.accept(surface.root, FIRST)
    before = (surface.root / accepted.ACCEPTED).read_bytes()
    accepted.accept(surface.root, FIRST)
    assert (surface.root / accepted.ACCEPTED).read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"entries": 1, "snapshot": ""}'])
def test_broken_record_is_reported_with_the_remedy(surface: Surface, text: str) -> None:
    accepted.accept(surface.root, FIRST)
    (surface.root / accepted.ACCEPTED).write_text(text, encoding="utf-8")
    with pytest.raises(CheckFailed, match=r"accepted\.json: cannot be read .* remove it"):
        list(accepted.acceptance_problems(surface.root, FIRST))


# --- dist/


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with everything committed, a date in its change log, and the address of its repository."""
    for name in ("pyproject.toml", "confluence_groups_sdk/_version.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    set_address(tmp_path, ADDRESS)
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    date = find_section(text, Project.read(ROOT).version).date
    (tmp_path / "CHANGELOG.md").write_text(text.replace(date, "2026-01-31"), encoding="utf-8")
    (tmp_path / ".gitignore").write_text("dist/\n", encoding="utf-8")
    monkeypatch.setattr(release_check, "ROOT", tmp_path)
    monkeypatch.setattr(release_check, "CHANGELOG", tmp_path / "CHANGELOG.md")
    monkeypatch.setattr(release_check, "DIST", tmp_path / "dist")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "-m", "all")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_checked_distributions_are_left_in_dist(repository: Path, built: Distributions) -> None:
    assert WHEEL in release_check.leave(built)
    for archive in (built.sdist, built.wheel):
        assert (repository / "dist" / archive.name).read_bytes() == archive.read_bytes()
    assert len(list((repository / "dist").iterdir())) == 2


def test_nothing_is_left_with_uncommitted_files(repository: Path, built: Distributions) -> None:
    (repository / "stray.py").touch()
    assert release_check.leave(built) == "left nothing there: not everything is committed"
    assert not (repository / "dist").exists()


def test_nothing_is_left_without_a_date(repository: Path, built: Distributions) -> None:
    replace(repository / "CHANGELOG.md", "2026-01-31", "unreleased")
    assert f"has no date yet for [{VERSION}]; not everything is committed" in release_check.leave(built)
    assert not (repository / "dist").exists()


def test_nothing_is_left_outside_git(repository: Path, built: Distributions) -> None:
    shutil.rmtree(repository / ".git")
    assert release_check.leave(built) == "left nothing there: this is not a git checkout"


def test_nothing_is_left_without_the_address_of_the_repository(repository: Path, built: Distributions) -> None:
    set_address(repository, "")
    assert "pyproject.toml has no repository, so that the links" in release_check.leave(built)
    assert not (repository / "dist").exists()


# --- the long description


def test_links_of_the_long_description_are_absolute_and_checked(project: Path) -> None:
    set_address(project, f"{ADDRESS}/")
    done = run(project, "--quick")
    assert f"description: links lead to {ADDRESS}/" in done.stdout
    (name,) = (each for each in read_members(build_wheel(project, project / "dist")) if each.name.endswith("/METADATA"))
    metadata = name.content.decode()
    assert f"Project-URL: Source, {ADDRESS}\n" in metadata
    assert f"]({ADDRESS}/blob/v{VERSION}/CHANGELOG.md)" in metadata


@pytest.mark.parametrize(
    ("markdown", "absolute"),
    [
        ("[a](docs/a.md#b)", "[a](R/blob/v1/docs/a.md#b)"),
        ("![a](./docs/a.png)", "![a](R/raw/v1/docs/a.png)"),
        ("[![a](docs/a.png)](docs/a.md)", "[![a](R/raw/v1/docs/a.png)](R/blob/v1/docs/a.md)"),
        ('<img src="docs/a.png">', '<img src="R/raw/v1/docs/a.png">'),
        ("<a href='docs/a.md'>", "<a href='R/blob/v1/docs/a.md'>"),
        ("[a](https://example.com/a) [b](#c) [d](mailto:e@example.com)", None),
        ("`[a](docs/a.md)`", None),
        ("```\n[a](docs/a.md)\n```", None),
    ],
)
def test_each_kind_of_link_becomes_absolute_except_in_code(markdown: str, absolute: str | None) -> None:
    expected = absolute.replace("R/", f"{ADDRESS}/") if absolute else markdown
    assert with_absolute_links(markdown, ADDRESS, "v1") == expected
    assert bool(list(relative_links(markdown))) is (absolute is not None)
    assert list(relative_links(expected)) == []


@pytest.mark.parametrize("address", ["http://example.com/a", "example.com/a", "https://", "https://example.com/a?b"])
def test_address_that_is_not_https_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"^pyproject\.toml: repository: give an address"):
        checked_address(address)


# --- the list of packages


def test_list_of_packages_must_be_complete_and_without_paths() -> None:
    project = Project.read(ROOT)
    extras = [each for some in project.extras.values() for each in some]
    names = {Requirement(each).name for each in [*project.dependencies, *extras]}
    document = {
        "metadata": {"component": {"name": project.name, "version": project.version}},
        "components": [{"name": each} for each in names],
        "dependencies": [{"ref": "root-component", "dependsOn": ["httpx"]}],
    }
    assert list(sbom_problems(json.dumps(document), project)) == []
    wrong = {
        "metadata": {"component": {"name": project.name}},
        "components": [{"name": each, "purl": "file:///x"} for each in names - {"httpx"}],
        "dependencies": [],
    }
    assert list(sbom_problems(json.dumps(wrong), project)) == [
        f"it describes {project.name} None, not {project.name} {project.version}",
        "httpx is missing",
        "it does not say what the package itself requires",
        "it has a path of this machine: file:",
    ]
