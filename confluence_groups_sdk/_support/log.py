"""The package's logger. It is named after the package, so that a vendored copy has its own."""

from __future__ import annotations

import logging
import os

VARIABLE = "CONFLUENCE_GROUPS_LOG"  # debug or info: print this package's log lines on standard error
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

logger = logging.getLogger(__name__.removesuffix("._support.log"))
logger.addHandler(logging.NullHandler())


def configure_from_environment() -> None:
    """Print log lines on standard error if CONFLUENCE_GROUPS_LOG is ``debug`` or ``info``; ignore any other value."""
    level = {"debug": logging.DEBUG, "info": logging.INFO}.get(os.environ.get(VARIABLE, "").strip().lower())
    if level is None:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False  # otherwise a program that logs prints each line twice


configure_from_environment()
