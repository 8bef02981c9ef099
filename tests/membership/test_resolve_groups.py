"""Resolving many groups at once: by id or exact name, each once, and all problems together."""

from __future__ import annotations

import pytest

from confluence_groups_sdk import ConfluenceGroups, InputError
from confluence_groups_sdk.membership import resolve_groups
from confluence_groups_sdk.sandbox import Group as SandboxGroup
from confluence_groups_sdk.sandbox import Sandbox


def test_each_id_and_name_gets_its_group(confluence_sandbox: Sandbox, confluence_groups: ConfluenceGroups) -> None:
    editors = confluence_sandbox.directory.create_group("editors")
    writers = confluence_sandbox.directory.create_group("writers")
    found = resolve_groups(confluence_groups, ["editors", writers.id, "editors"])
    assert {given: group.name for given, group in found.items()} == {"editors": "editors", writers.id: "writers"}
    assert found["editors"].id == editors.id


def test_all_problems_are_named_together(confluence_sandbox: Sandbox, confluence_groups: ConfluenceGroups) -> None:
    for number in range(2):
        confluence_sandbox.directory.add_group(SandboxGroup(id=f"twin-{number}", name="twin"))
    with pytest.raises(InputError) as error:
        resolve_groups(confluence_groups, ["twin", "nobody"])
    assert [problem.split(":")[0] for problem in error.value.problems] == [
        "2 groups are called twin",
        "there is no group with the id or exact name nobody",
    ]


def test_missing_groups_can_be_left_out(confluence_sandbox: Sandbox, confluence_groups: ConfluenceGroups) -> None:
    confluence_sandbox.directory.create_group("editors")
    assert list(resolve_groups(confluence_groups, ["nobody", "editors"], allow_missing=True)) == ["editors"]


def test_one_string_is_refused(confluence_groups: ConfluenceGroups) -> None:
    with pytest.raises(TypeError, match="not one string"):
        resolve_groups(confluence_groups, "editors")
