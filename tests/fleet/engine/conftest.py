from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from databases.embedded import EmbeddedPostgres
from engine_fleet import Fleet

from confluence_groups_sdk.fleet import Postgres


@pytest.fixture
def fleet(server: EmbeddedPostgres, shared: Postgres, schema: str, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet without sites and workers."""
    fleet = Fleet(server, shared, schema, tmp_path)
    try:
        yield fleet
    finally:
        fleet.close()
