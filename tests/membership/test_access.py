"""The access that groups give: which groups, and lists that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest
from membership_fakes import TEAM, client, team

from confluence_groups_sdk import ConfluenceGroups, IncompleteReadError
from confluence_groups_sdk.membership import read_access
from confluence_groups_sdk.membership.planning.reading.access import AccessReader
from confluence_groups_sdk.sandbox import Sandbox


def test_access_is_given_by_group_id(sandbox: Sandbox) -> None:
    team(sandbox, 2, access=frozenset({"user", "admin"}))
    with client(sandbox) as groups:
        access = read_access(groups)
    assert access is not None
    assert access[TEAM] == {"user", "admin"}


def test_lists_that_cannot_be_read_give_no_known_groups_and_raise_when_they_are_needed(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object, **__: object) -> Any:
        raise IncompleteReadError("the list repeats")

    monkeypatch.setattr(ConfluenceGroups, "iter_groups", cut)
    with client(sandbox) as groups:
        reader = AccessReader(groups)
        assert reader.read_known_groups() == {}
        with pytest.raises(IncompleteReadError):
            reader.read()
