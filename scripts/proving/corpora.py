"""Convert the Postman collections of published packages, generate clients, and count what becomes of the requests."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from attrs import field, frozen
from postman_openapi.cli import convert
from postman_openapi.files import read_text
from postman_openapi.json_nodes import parse_json
from postman_openapi.losses import Kind, Loss, SpecError
from postman_openapi.merging import path_shape
from postman_openapi.model import Request
from postman_openapi.reader.collection_reader import read_postman

from proving.generated_clients import generate_client
from proving.packages import Package, download, find_collections, read_packages

PACKAGES = Path(__file__).parents[2] / "tests" / "scripts" / "corpora.toml"
CONFIG = "post_hooks: []\n"  # the code is imported, not read, so nothing formats it
ITEM = re.compile(r"(?:/collection)?(?:/item/\d+)*")
Operation = tuple[str, str]  # path and method
COLUMNS = ("files", "refused", "requests", "kept", "reported", "not generated", "unreported")
WORKERS = 2


@frozen
class Outcome:
    """What became of one collection."""

    name: str
    requests: int
    kept: int = 0
    reported: int = 0  # requests that are no operation, as the report says
    not_generated: int = 0  # requests in the document that the generator leaves out, as the report says
    refused: str = ""  # why the file cannot be read
    problems: list[str] = field(factory=list)  # unreported drops, and failures after the conversion

    def row(self) -> Counter[str]:
        """Return the numbers for the table."""
        unreported = self.requests - self.kept - self.reported - self.not_generated
        numbers = (1, bool(self.refused), self.requests, self.kept, self.reported, self.not_generated, unreported)
        return Counter(dict(zip(COLUMNS, numbers, strict=True)))


def prove(folder: Path | None, only: str | None) -> int:
    """Print a row for each package and every problem; return 1 if there is one.

    Args:
        folder: where archives are kept for the next run; None for a temporary folder.
        only: the name of the only package to try.
    """
    packages = [each for each in read_packages(PACKAGES) if only in (None, each.name)]
    total: Counter[str] = Counter()
    problems: list[str] = []
    seen: set[bytes] = set()
    print(f"{'':44}", *(f"{column:>{len(column)}}" for column in COLUMNS), sep="  ")
    with tempfile.TemporaryDirectory() as work:
        for package in packages:
            outcomes = list(try_package(package, folder or Path(work) / "archives", seen))
            row: Counter[str] = sum((outcome.row() for outcome in outcomes), Counter())
            total += row
            _print_row(str(package), row)
            for outcome in outcomes:
                problems += [f"{package}: {outcome.name}: {problem}" for problem in outcome.problems]
                if outcome.refused:
                    print(f"    refused: {outcome.name}: {outcome.refused}")
    _print_row(f"{len(packages)} packages", total)
    print(*problems, sep="\n")
    return 1 if problems or total["unreported"] or not total["kept"] else 0


def try_package(package: Package, archives: Path, seen: set[bytes]) -> Iterator[Outcome]:
    """Yield the outcome of each collection in a package whose content is new.

    Args:
        package: the package.
        archives: the folder for the archives.
        seen: the digests of the collections that have been tried, to which these are added.
    """
    new = []
    for name, content in find_collections(download(package, archives)):
        if (digest := hashlib.sha256(content).digest()) not in seen:
            seen.add(digest)
            new.append((name, content))
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(lambda found: try_collection(*found), new)


def try_collection(name: str, content: bytes) -> Outcome:
    """Convert a collection, generate a client, import it, and account for each of its requests."""
    pointers = list(find_requests(json.loads(content.decode("utf-8-sig"))))
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        source = folder / "collection.json"
        source.write_bytes(content)
        try:
            root = parse_json(read_text(source, name, is_export=True), name)
            requests = {request.pointer: request for request in read_postman(root).requests}
            document, losses = convert(source, None)
        except SpecError as error:
            return Outcome(name, len(pointers), reported=len(pointers), refused=str(error))
        operations = {pointer: find_operation(request, document) for pointer, request in requests.items()}
        lost = {item_pointer(loss) for loss in losses if loss.kind is Kind.OPERATION}
        dropped = [pointer for pointer in pointers if not operations.get(pointer)]
        unreported = [pointer for pointer in dropped if not any(is_inside(pointer, each) for each in lost)]
        problems = [f"{pointer} is dropped, and not reported" for pointer in unreported]
        without_code = remove_parts_without_code(document, requests, operations, losses)
        problems += generation_problems(document, folder)
        not_generated = [
            pointer
            for pointer, request in requests.items()
            if any((operations[pointer], body.media_type) in without_code for body in request.bodies)
        ]
        return Outcome(
            name=name,
            requests=len(pointers),
            kept=len(pointers) - len(dropped) - len(not_generated),
            reported=len(dropped) - len(unreported),
            not_generated=len(not_generated),
            problems=problems,
        )


def find_requests(value: Any, pointer: str = "") -> Iterator[str]:
    """Yield the positions of the requests in a collection, without the help of the converter."""
    if pointer == "" and isinstance(value.get("collection"), dict):
        yield from find_requests(value["collection"], "/collection")
        return
    yield from (f"{pointer}/requests/{index}" for index in range(len(value.get("requests", []))))  # version 1
    for index, entry in enumerate(value.get("item", [])):
        place = f"{pointer}/item/{index}"
        if isinstance(entry, dict) and isinstance(entry.get("item"), list):
            yield from find_requests(entry, place)
        else:
            yield place


def find_operation(request: Request, document: dict[str, Any]) -> Operation | None:
    """Return the operation that a request became, or None; the path of a server can be at the start of its path."""
    shape = path_shape(request.path)
    same, longer = None, None
    for path, methods in document["paths"].items():
        if request.method.lower() in methods:
            if path_shape(path) == shape:
                same = path, request.method.lower()
            elif path_shape(path).endswith(shape) and request.server and path in request.server.url + request.path:
                longer = path, request.method.lower()
    return same or longer


def item_pointer(loss: Loss) -> str:
    """Return the position of the item or folder that a loss is about."""
    found = ITEM.match(loss.pointer)
    return found[0] if found else ""


def is_inside(pointer: str, around: str) -> bool:
    """Check whether a position is the same as another or inside it."""
    return pointer == around or pointer.startswith(f"{around}/")


def remove_parts_without_code(
    document: dict[str, Any],
    requests: Mapping[str, Request],
    operations: Mapping[str, Operation | None],
    losses: Iterable[Loss],
) -> set[tuple[Operation | None, str]]:
    """Remove the bodies and responses that the report says the generator leaves out, so that any other warning fails.

    Return the operations and media types of the bodies; an operation that has no other body is also removed.
    """
    removed: set[tuple[Operation | None, str]] = set()
    for loss in losses:
        request, operation = requests.get(item_pointer(loss)), operations.get(item_pointer(loss))
        if loss.kind is not Kind.GENERATOR or not request or not operation:
            continue
        written = document["paths"].get(operation[0], {}).get(operation[1], {})
        for body in request.bodies:
            if body.pointer == loss.pointer:
                removed.add((operation, body.media_type))
                written["requestBody"]["content"].pop(body.media_type, None)
        for response in request.responses:
            if any(body.pointer == loss.pointer for body in response.bodies):
                written["responses"][response.status].pop("content", None)
    document["paths"] = {
        path: {
            method: operation
            for method, operation in methods.items()
            if operation.get("requestBody", {"content": True})["content"]
        }
        for path, methods in document["paths"].items()
    }
    return removed


def generation_problems(document: dict[str, Any], folder: Path) -> list[str]:
    """Generate and import a client; return the failure, if there is one."""
    config = folder / "config.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    paths = {path: methods for path, methods in document["paths"].items() if methods}
    try:
        generate_client({**document, "paths": paths}, config, folder)
    except (SpecError, RuntimeError) as error:
        return [str(error)]
    return []


def _print_row(name: str, row: Counter[str]) -> None:
    print(f"{name:44}", *(f"{row[column]:>{len(column)}}" for column in COLUMNS), sep="  ", flush=True)
