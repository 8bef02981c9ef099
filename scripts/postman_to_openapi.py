#!/usr/bin/env python3
"""Turn a Postman item into OpenAPI 3.0.3: YAML on standard output, what it cannot say on standard error.

Exits 0, with losses too; 2 where the input cannot be read.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from urllib.parse import urlsplit

from specgen.files import read_text
from specgen.nodes import parse_json
from specgen.openapi import build_document
from specgen.postman import read_item
from specgen.problems import SpecError
from specgen.yaml_io import write_yaml


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: postman_to_openapi.py item.json --server https://example.com/wiki/rest > item.yaml",
    )
    parser.add_argument("input", metavar="INPUT", type=Path, help="a Postman item, as JSON")
    parser.add_argument(
        "--server", metavar="URL", type=server_address, help="where the API starts, in place of {{baseUrl}}"
    )
    options = parser.parse_args(arguments)
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")  # a name in an item may be more than a terminal can show
    try:
        request = read_item(parse_json(read_text(options.input, str(options.input)), str(options.input)))
        document, losses = build_document([request], title=request.name, server=options.server)
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for loss in losses:
        print(f"lost: {loss}", file=sys.stderr)
    try:
        sys.stdout.buffer.write(write_yaml(document).encode())
        sys.stdout.buffer.flush()
    except OSError as error:
        print(f"error: the output cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    return 0


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
    sys.exit(main())
