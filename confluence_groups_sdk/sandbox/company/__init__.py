"""An invented company: people of all kinds and several hundred groups, to rehearse reviews of access.

Real sites have everything in it (docs/confluence-behaviour.md#groups, #users and #permissions): groups that an identity
provider manages, deactivated members whom no list shows, and an admin whose role comes from no group.
"""

from __future__ import annotations

from random import Random

from attrs import evolve

from .. import _public
from ..directory import Directory, Group
from .groups import invent_groups
from .memberships import Memberships
from .people import invent_people, random_uuid

SITE_ADMIN = "site-admin"
USERS_GROUP_NAME = "confluence-users-sandbox"


@_public
def add_company(directory: Directory, *, people: int, groups: int = 0, seed: int = 0) -> None:
    """Add an invented company: the same numbers and seed always add the same people and groups.

    About 4 % of the people are guests, 2 % apps, and 5 % are deactivated. Ten groups are special: some give access or
    admin rights, two look empty, one has one member. An identity provider manages about a quarter of the groups.

    Args:
        directory: the directory of a sandbox.
        people: the number of people; employees and apps also join ``confluence-users-sandbox``.
        groups: the number of groups.
        seed: seed of the random numbers.

    Raises:
        ValueError: a number is negative, or the directory has a company with this seed.
    """
    if people < 0 or groups < 0:
        raise ValueError("add_company: give numbers of people and groups, 0 or more")
    random = Random(seed)  # noqa: S311 - a seed must give the same company each time
    invented = invent_people(people, random, {person.email for person in directory.people.values()})
    if any(person.account_id in directory.people for person in invented):
        raise ValueError("add_company: the directory has a company with this seed: give another seed")
    specs = invent_groups(groups, random, {group.name for group in directory.groups.values()})
    memberships = Memberships(invented, random)
    members = [memberships.members_of(spec) for spec in specs]
    admins = {
        member for spec, chosen in zip(specs, members, strict=True) if SITE_ADMIN in spec.access for member in chosen
    }
    if memberships.role_admin is not None:
        admins.add(memberships.role_admin)
    users = directory.group_named(USERS_GROUP_NAME)
    for person in invented:
        directory.add_person(evolve(person, is_site_admin=person in admins))
        if not person.is_guest:
            directory.add_member(users.id, person.account_id)
    for spec, chosen in zip(specs, members, strict=True):
        group = Group(random_uuid(random), spec.name, spec.access, spec.managed_by, spec.usage_type)
        directory.add_group(group, (person.account_id for person in chosen))
