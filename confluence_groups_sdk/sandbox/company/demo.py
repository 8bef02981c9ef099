"""The groups and people of the documentation, so that its commands and programs can be tried as they are."""

from __future__ import annotations

from .. import _public
from ..directory import Directory, Group, Person

USERS_GROUP_NAME, EDITORS_GROUP_NAME = "confluence-users-sandbox", "docs-editors"

WRITERS = Group("9d3f2a61-5c0e-4b7a-8f11-2e6d7c8b9a05", "writers", frozenset())
TEAM, LARGE = Group("team-id", "Team", frozenset()), Group("large-id", "Large", frozenset())
EDITORS = (
    Person("nia", "Nia Petrova", "nia@example.com"),
    Person("release-bot", "Release Bot", "release-bot@example.com", account_type="app"),
)
PEOPLE = {
    WRITERS: [
        Person(f"712020:00000000-0000-4000-8000-{number:012d}", f"Writer {number}", f"writer{number}@example.com")
        for number in range(1, 9)
    ],
    TEAM: [Person(f"p{number:03d}", f"Person p{number:03d}", f"p{number:03d}@example.com") for number in range(12)],
    LARGE: [
        Person(f"large-{number:03d}", f"Person large-{number:03d}", f"large-{number:03d}@example.com")
        for number in range(300)
    ],
}

FILES = {
    "leavers.csv": """\
group,account,reason
writers,writer1@example.com,has left
writers,712020:00000000-0000-4000-8000-000000000002,has left
docs-editors,557058:f58131cb-b67d-43c7-b30d-6b58d40bd077,not used
""",
    "hr-export.csv": """\
Group Name;E-Mail;Comment
docs-editors;nia@example.com;left in May
docs-editors;release-bot@example.com;left in May
Team;p001@example.com;left in May
Team;p002@example.com;left in May
Team;p001@example.com;twice in the list
""",
    "people.csv": """\
account,reason
nia@example.com,left in May
writer3@example.com,left in May
p003@example.com,left in May
""",
    "team.csv": """\
account,reason
p000@example.com,
p001@example.com,
p002@example.com,
p003@example.com,
p004@example.com,
p005@example.com,
p006@example.com,
p007@example.com,
p008@example.com,
nia@example.com,joined in June
""",
}


@_public
def add_demo(directory: Directory) -> None:
    """Add the groups and people of the documentation.

    The groups are ``writers``, ``Team`` and ``Large``; ``docs-editors`` gets two members. Everybody also joins
    ``confluence-users-sandbox``.

    Args:
        directory: the directory of a new sandbox.

    Raises:
        ValueError: the directory has the demo already.
    """
    if WRITERS.id in directory.groups:
        raise ValueError("add_demo: the directory has the demo already")
    users, editors = directory.group_named(USERS_GROUP_NAME), directory.group_named(EDITORS_GROUP_NAME)
    for person in (*EDITORS, *(person for people in PEOPLE.values() for person in people)):
        directory.add_person(person)
        directory.add_member(users.id, person.account_id)
    for person in EDITORS:
        directory.add_member(editors.id, person.account_id)
    for group, people in PEOPLE.items():
        directory.add_group(group, [person.account_id for person in people])


@_public
def demo_files() -> dict[str, str]:
    """Return the CSV files of the documentation, by name; their rows name groups and people of the demo.

    Returns:
        ``leavers.csv`` and ``hr-export.csv`` (removals), ``people.csv`` (people who leave) and ``team.csv`` (the future
        members of ``Team``).
    """
    return dict(FILES)
