"""The demo of the sandbox: the groups and people of the documentation, and the files that its pages read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from confluence_groups_sdk import ApiToken, ConfluenceGroups
from confluence_groups_sdk.membership import Guards, Plan, plan_offboarding, plan_removals, plan_sync
from confluence_groups_sdk.sandbox import Sandbox, add_demo, demo_files

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in demo_files().items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


@pytest.fixture
def groups(sandbox: Sandbox) -> ConfluenceGroups:
    add_demo(sandbox.directory)
    return ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin))


def sizes(sandbox: Sandbox) -> dict[str, int]:
    return {group.name: len(sandbox.directory.members(group.id)) for group in sandbox.directory.groups_by_name()}


def test_demo_has_the_groups_of_the_pages(sandbox: Sandbox) -> None:
    add_demo(sandbox.directory)
    assert {"writers": 8, "Team": 12, "Large": 300, "docs-editors": 6}.items() <= sizes(sandbox).items()
    people = {person.account_id for person in sandbox.directory.people.values() if person.has_confluence}
    users = sandbox.directory.members(sandbox.directory.group_named("confluence-users-sandbox").id)
    assert {person.account_id for person in users} == people


def test_demo_can_be_added_once(sandbox: Sandbox) -> None:
    add_demo(sandbox.directory)
    with pytest.raises(ValueError, match="the directory has the demo already"):
        add_demo(sandbox.directory)


@pytest.mark.parametrize(("name", "changes", "refused"), [("leavers.csv", 2, 1), ("hr-export.csv", 3, 1)])
def test_removals_in_a_file_can_be_planned(
    groups: ConfluenceGroups, folder: Path, name: str, changes: int, refused: int
) -> None:
    with groups:
        plan = plan_removals(groups, folder / name)
    assert (len(plan.changes), len(plan.refused)) == (changes, refused)


def test_other_files_can_be_planned(groups: ConfluenceGroups, folder: Path) -> None:
    with groups:
        offboarding = plan_offboarding(groups, account_ids=folder / "people.csv")
        sync = plan_sync(groups, group_id="Team", account_ids=folder / "team.csv", guards=Guards())
    assert [change.group_name for change in offboarding.changes if change.account_id == "nia"] == [
        "confluence-users-sandbox",
        "docs-editors",
    ]
    assert summary(sync) == {"add": 1, "remove": 3}


def summary(plan: Plan) -> dict[str, int]:
    actions = [str(change.action) for change in plan.changes]
    return {action: actions.count(action) for action in sorted(set(actions))}


def test_pages_show_the_files_of_the_demo() -> None:
    shown = {
        name: content
        for page in DOCS.glob("*.md")
        for name, content in re.findall(
            r"<!-- file: (\S+) -->\n```text\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        )
    }
    assert shown.items() <= demo_files().items()
    assert {"leavers.csv", "hr-export.csv"} <= set(shown)
