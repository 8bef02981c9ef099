"""Fixtures for whoever tests code that uses this package; pytest finds them by the entry point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .. import ConfluenceGroups
    from . import Sandbox


@pytest.fixture
def confluence_sandbox() -> Iterator[Sandbox]:
    """A `Sandbox` of the test's own, running."""
    from . import Sandbox

    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def confluence_groups(confluence_sandbox: Sandbox) -> Iterator[ConfluenceGroups]:
    """A `ConfluenceGroups` for `confluence_sandbox`, as its admin."""
    from .. import ApiToken, ConfluenceGroups

    with ConfluenceGroups(confluence_sandbox.url, auth=ApiToken(*confluence_sandbox.admin)) as groups:
        yield groups
