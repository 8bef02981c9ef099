"""Fixtures for tests of code that uses this package; pytest finds them through the entry point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .. import ConfluenceGroups
    from . import Sandbox


@pytest.fixture
def confluence_sandbox() -> Iterator[Sandbox]:
    """A `Sandbox` that runs during the test; each test gets a new one."""
    from . import Sandbox

    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def confluence_groups(confluence_sandbox: Sandbox) -> Iterator[ConfluenceGroups]:
    """A `ConfluenceGroups` client of `confluence_sandbox`, with its admin's credentials."""
    from .. import ApiToken, ConfluenceGroups

    with ConfluenceGroups(confluence_sandbox.url, auth=ApiToken(*confluence_sandbox.admin)) as groups:
        yield groups
