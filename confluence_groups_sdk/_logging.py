"""The package's logger: named after the package, so that a vendored copy has its own."""

from __future__ import annotations

import logging

logger = logging.getLogger(__package__)
logger.addHandler(logging.NullHandler())
