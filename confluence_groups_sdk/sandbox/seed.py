"""The people and groups of every new sandbox: invented, with ids and names like those of live sites."""

from __future__ import annotations

from .directory import Directory, Group, Person

CLOUD_ID = "5f2f9d2c-0b6a-4c39-9a57-7c5a7f0c1d11"

ADMIN = "5b10a2844c20165700ede21a"
READER = "608a9b555426330072f9867d"
OUTSIDER = "712020:4f4f0ba9-5f3a-4f67-8c0a-8d6f7d1f3c55"

PEOPLE = (
    Person(ADMIN, "Ada Okafor", "ada@example.com", is_site_admin=True),
    Person(READER, "Bruno Keller", "bruno@example.com"),
    Person("557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f", "Chiara Rossi", "chiara@example.com"),
    Person("712020:9a1f7c3e-6b1d-4b52-a7d9-3f0c5e8b2a44", "Dagný Sørensen", "dagny@example.com"),
    Person("5d53f3cbc6b9320d9ea5bdc2", "Emeka O'Neil", "emeka@example.com"),
    Person(OUTSIDER, "Farida Haddad", "farida@example.com", has_confluence=False),
    Person("557058:f58131cb-b67d-43c7-b30d-6b58d40bd077", "Release Notes Bot", "", account_type="app"),
)

GROUPS = (
    Group("f1d0f7dc-acda-4ad2-b398-26a7150a6b1c", "confluence-users-sandbox"),
    Group(
        "3a7c1f52-9d0e-4b8f-8f5c-2d6e1a9b7c40",
        "confluence-admins-sandbox",
        access=frozenset({"user", "admin", "site-admin"}),
        managed_by="ADMINS",
        usage_type="USERBASE_GROUP",
    ),
    Group("c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90", "docs-editors", access=frozenset()),
)

MEMBERS = {
    "confluence-users-sandbox": (0, 1, 2, 3, 4, 6),
    "confluence-admins-sandbox": (0,),
    "docs-editors": (1, 2, 3, 6),
}


def build_directory() -> Directory:
    """Build a directory with these people and groups."""
    directory = Directory()
    for person in PEOPLE:
        directory.add_person(person)
    for group in GROUPS:
        directory.add_group(group, (PEOPLE[index].account_id for index in MEMBERS[group.name]))
    return directory
