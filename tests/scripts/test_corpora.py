"""The account that scripts/prove corpora gives of collections in published packages, with an archive made here."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from postman_openapi.cli import convert
from proving import corpora
from proving.packages import Package, find_collections, read_packages

PACKAGE = Package("npm", "@invented/parcels", "1.0.0")


def request(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "request": {"method": "POST", "url": f"https://x.example.com/{path}", **more}}


def text(content: str) -> dict[str, Any]:
    return {"mode": "raw", "raw": content}


PARCELS: dict[str, Any] = {
    "info": {"name": "Parcels"},
    "item": [
        request("Kept", "parcels", body=text('{"@id": 1, "id": 2}')),
        {"name": "Folder", "item": [request("Text", "labels", body=text("To: {{name}}")), {"name": "No request"}]},
        request("Also text", "parcels", body=text("plain words")),
        request("Moved", "v1/parcels"),
        {"name": "Lost folder", "item": [request("x", "y")], "variable": 1, "auth": 1, "description": 1},
    ],
}
VERSION_1 = {"id": "1", "name": "Old", "order": [], "requests": [{"id": "2"}, {"id": "3"}]}


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    """A folder with the archive of the package, as an earlier run left it."""
    folder = tmp_path / "npm" / "@invented-parcels" / "1.0.0"
    folder.mkdir(parents=True)
    files = {"package.json": {"name": "parcels"}, "parcels.json": PARCELS, "copy.json": PARCELS, "old.json": VERSION_1}
    with tarfile.open(folder / "parcels.tgz", "w:gz") as archive:
        for name, value in files.items():
            content = json.dumps(value).encode()
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return tmp_path


def test_at_least_ten_packages_are_named() -> None:
    packages = read_packages(corpora.PACKAGES)
    assert len(packages) >= 10
    assert {package.index for package in packages} == {"npm", "sdists", "wheels"}


def test_only_collections_are_found(archives: Path) -> None:
    (archive,) = archives.rglob("*.tgz")
    assert [name for name, _ in find_collections(archive)] == [
        f"package/{name}.json" for name in ("parcels", "copy", "old")
    ]


def test_every_request_is_accounted_for(archives: Path) -> None:
    parcels, old = corpora.try_package(PACKAGE, archives, set())
    assert parcels.problems == []
    assert dict(parcels.row()) == {
        "files": 1,
        "refused": 0,
        "requests": 6,
        "kept": 3,
        "reported": 1,
        "not generated": 2,
        "unreported": 0,
    }
    assert (old.requests, old.reported, "version 1" in old.refused) == (2, 2, True)


def test_a_silent_drop_is_found(archives: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drop_one(path: Path, server: str | None) -> Any:
        document, losses = convert(path, server)
        del document["paths"]["/v1/parcels"]
        return document, losses

    monkeypatch.setattr(corpora, "convert", drop_one)
    parcels, _ = corpora.try_package(PACKAGE, archives, set())
    assert parcels.problems == ["/item/3 is dropped, and not reported"]
    assert parcels.row()["unreported"] == 1


def test_a_part_that_the_generator_leaves_out_silently_is_found(
    archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpora, "convert", lambda path, server: (convert(path, server)[0], []))
    parcels, _ = corpora.try_package(PACKAGE, archives, set())
    assert any("text/plain" in problem for problem in parcels.problems)
