#!/usr/bin/env python3
"""Turn a Postman item, folder or collection into OpenAPI 3.0.3.

The document is written to standard output, as YAML; what it does not say to standard error.

Exits 0, with losses too; 2 where the input cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve
from run_command import run_command
from specgen.files import read_text
from specgen.merging import merge_repeated
from specgen.nodes import parse_json
from specgen.openapi import build_document
from specgen.postman import read_postman
from specgen.problems import Loss, SpecError
from specgen.yaml_io import write_yaml


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: postman_to_openapi.py item.json --server https://example.com/wiki/rest > item.yaml",
    )
    parser.add_argument("input", metavar="INPUT", type=Path, help="a Postman export of version 2, as JSON")
    parser.add_argument(
        "--server", metavar="URL", type=server_address, help="where the API starts, in place of {{baseUrl}}"
    )
    parser.add_argument(
        "--report", choices=("text", "json"), default="text", help="what is lost: a line each, or a list for machines"
    )
    options = parser.parse_args(arguments)
    try:
        document, losses = convert(options.input, options.server)
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report(losses, options.report)
    sys.stdout.buffer.write(write_yaml(document).encode())
    return 0


def convert(path: Path, server: str | None) -> tuple[dict[str, Any], list[Loss]]:
    """Return the document for a file, and what it does not say.

    Raises:
        SpecError: the file cannot be used.
    """
    collection = read_postman(parse_json(read_text(path, str(path)), str(path)), server=server)
    losses = list(collection.losses)
    requests = tuple(merge_repeated(collection.requests, losses))
    return build_document(evolve(collection, requests=requests, losses=tuple(losses)))


def report(losses: list[Loss], form: str) -> None:
    """Print what is lost on standard error."""
    if form == "json":
        rows = [{"item": each.item, "pointer": each.pointer, "what": each.what, "why": each.why} for each in losses]
        print(json.dumps(rows, indent=2), file=sys.stderr)
        return
    for loss in losses:
        print(f"lost: {loss}", file=sys.stderr)


def server_address(text: str) -> str:
    """Return an address that OpenAPI accepts for a server: absolute, or from the root of wherever the document is."""
    try:
        known = text.startswith("/") or urlsplit(text).scheme in ("http", "https")
    except ValueError:
        known = False
    if not known or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError("give an address such as https://example.com/wiki/rest")
    return text


if __name__ == "__main__":
    run_command(main)
