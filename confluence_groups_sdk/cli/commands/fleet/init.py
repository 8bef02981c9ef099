"""``confluence-groups fleet init``: the tables in the database."""

from __future__ import annotations

from ...command import command
from ...options import DatabaseOptions
from ...terminal import print_out
from .section import app


@command(
    app,
    "init",
    "confluence-groups fleet init --dsn postgresql://admin@db.example.com/fleet",
    "CONFLUENCE_FLEET_DSN=postgresql://admin@db.example.com/fleet confluence-groups fleet init",
)
def init(database: DatabaseOptions) -> None:
    """Create the tables in the database, or add those of a newer version; running it again changes nothing."""
    with database.open() as shared:
        steps = shared.init()
    print_out(f"{shared!r}: {f'{steps} steps carried out' if steps else 'up to date'}".replace("1 steps", "1 step"))
