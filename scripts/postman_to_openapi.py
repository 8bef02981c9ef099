#!/usr/bin/env python3
"""Turn a Postman item into OpenAPI 3.0.3: YAML on standard output, what it cannot say on standard error.

Exits 0, with losses too; 2 where the input cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

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
    parser.add_argument("--server", metavar="URL", help="where the API starts, in place of {{baseUrl}}")
    options = parser.parse_args(arguments)
    try:
        request = read_item(parse_json(read_text(options.input, str(options.input)), str(options.input)))
        document, losses = build_document([request], title=request.name, server=options.server)
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for loss in losses:
        print(f"lost: {loss}", file=sys.stderr)
    sys.stdout.buffer.write(write_yaml(document).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
