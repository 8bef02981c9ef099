"""Convert a Postman item, folder or collection to OpenAPI 3.0.3.

Writes the document to standard output as YAML, and a report of its losses to standard error: their number by kind, then
a line for each serious one.

Exit codes: 0 if the input was converted, even with losses; 2 if it cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve

from .files import read_text
from .json_nodes import parse_json
from .losses import Loss, SpecError
from .merging import merge_duplicates
from .openapi_writer import build_document
from .reader.collection_reader import read_postman
from .report import json_text, text_lines
from .yaml_io import write_yaml


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: postman_to_openapi.py item.json --server https://api.example.com/v1 > item.yaml",
    )
    parser.add_argument("input", metavar="INPUT", type=Path, help="a Postman export, version 2.0 or 2.1, as JSON")
    parser.add_argument(
        "--server", metavar="URL", type=server_address, help="the base URL of the API, instead of {{baseUrl}}"
    )
    parser.add_argument(
        "--report", choices=("text", "json"), default="text", help="report as text, or all losses as a JSON list"
    )
    parser.add_argument("--verbose", action="store_true", help="list every loss in the text, too, with its position")
    options = parser.parse_args(arguments)
    try:
        document, losses = convert(options.input, options.server)
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.report == "json":
        print(json_text(losses), file=sys.stderr)
    else:
        for line in text_lines(losses, verbose=options.verbose):
            print(line, file=sys.stderr)
    sys.stdout.buffer.write(write_yaml(document).encode())
    return 0


def convert(path: Path, server: str | None) -> tuple[dict[str, Any], list[Loss]]:
    """Return the OpenAPI document for a file, and the losses; raise SpecError if the file cannot be used."""
    collection = read_postman(parse_json(read_text(path, str(path), is_export=True), str(path)), server=server)
    losses = list(collection.losses)
    requests = tuple(merge_duplicates(collection.requests, losses))
    return build_document(evolve(collection, requests=requests, losses=tuple(losses)))


def server_address(text: str) -> str:
    """Check a server URL, which OpenAPI allows to be absolute or to start with a slash."""
    try:
        known = text.startswith("/") or urlsplit(text).scheme in ("http", "https")
    except ValueError:
        known = False
    if not known or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError("give a URL such as https://api.example.com/v1")
    return text
