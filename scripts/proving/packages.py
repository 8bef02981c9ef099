"""Download published packages, and find the Postman collections in them."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen


@frozen
class Package:
    """A release of a package."""

    index: str  # npm, sdists or wheels
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def read_packages(path: Path) -> list[Package]:
    """Return the packages of a list: a table for each index, with names and versions."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Package(index, name, version) for index, table in tables.items() for name, version in table.items()]


def download(package: Package, folder: Path) -> Path:
    """Return the archive of a package, from the index that npm or pip is configured for.

    pip reads the metadata of an sdist by running its build backend in an environment of its own.

    Raises:
        CalledProcessError: npm or pip cannot download it.
    """
    target = folder / package.index / package.name.replace("/", "-") / package.version
    target.mkdir(parents=True, exist_ok=True)
    if not any(target.iterdir()):
        subprocess.run(_command(package, target), cwd=target, check=True, stdout=subprocess.DEVNULL)
    (archive,) = target.iterdir()
    return archive


def _command(package: Package, target: Path) -> list[str]:
    if package.index == "npm":
        return ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    kind = ["--no-binary", package.name] if package.index == "sdists" else ["--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", *kind, "--dest", str(target)]
    return [*command, f"{package.name}=={package.version}"]


def find_collections(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each Postman collection in an archive, of any version, in the archive's order."""
    for name, content in _json_files(archive):
        try:
            value = json.loads(content.decode("utf-8-sig"))
        except ValueError:
            continue
        if is_collection(value):
            yield name, content


def is_collection(value: Any) -> bool:
    """Check whether a JSON value is a Postman collection, perhaps in the wrapper of Postman's API."""
    if not isinstance(value, dict):
        return False
    inner = value.get("collection", value)
    return isinstance(inner, dict) and (
        (isinstance(inner.get("item"), list) and "info" in inner) or {"requests", "order"} <= inner.keys()
    )


def _json_files(archive: Path) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            yield from ((name, wheel.read(name)) for name in wheel.namelist() if name.endswith(".json"))
        return
    with tarfile.open(archive) as package:
        for member in package:
            content = package.extractfile(member) if member.name.endswith(".json") else None
            if content:
                yield member.name, content.read()
