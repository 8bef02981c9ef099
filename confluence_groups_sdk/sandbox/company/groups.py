"""Invented groups: a few that every access review should find, and many ordinary ones."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from itertools import count, islice
from random import Random

from attrs import evolve, frozen

from .words import CITIES, DEPARTMENTS, PROJECTS, REGIONS, ROLES, SPACES, TEAMS

ORDINARY_PER_NOTABLE = 2
"""So many ordinary groups are between two notable ones, so that a company with few groups has both."""


class Crowd(Enum):
    """The people among whom a group finds its members."""

    ANYBODY = auto()
    PLACE = auto()
    """The employees of a department or an office."""
    ACTIVE = auto()
    """The employees whose account is active."""
    GUESTS = auto()
    DEACTIVATED = auto()
    ADMINS = auto()
    MIXED_ADMINS = auto()
    """Admins, and also a guest, an app and a deactivated account."""


@frozen
class GroupSpec:
    """A group before it has an id and members.

    Attributes:
        name: its name.
        crowd: the people among whom it finds its members.
        size: the smallest and the largest number of members.
        share: the same as a share of the crowd; None if ``size`` counts.
        place: the department or the office of its members.
        access: the access that it gives.
        managed_by: who manages it; None if the server does not say.
        usage_type: its kind; None if the server does not say.
    """

    name: str
    crowd: Crowd = Crowd.ANYBODY
    size: tuple[int, int] = (3, 20)
    share: tuple[float, float] | None = None
    place: str = ""
    access: frozenset[str] = frozenset()
    managed_by: str | None = None
    usage_type: str | None = None


USER, ADMIN = frozenset({"user"}), frozenset({"admin"})
NOTABLE = (
    GroupSpec("confluence-guests-sandbox", Crowd.GUESTS, share=(1, 1), access=USER, managed_by="ADMINS"),
    GroupSpec("site-admins", Crowd.ADMINS, (4, 5), access=USER | ADMIN | {"site-admin"}, managed_by="ADMINS"),
    GroupSpec("office-move-planning", Crowd.ACTIVE, (1, 1)),
    GroupSpec("summer-interns-2024", Crowd.ACTIVE, (0, 0), managed_by="ADMINS"),
    GroupSpec("wiki-admins-legacy", Crowd.MIXED_ADMINS, (6, 9), access=USER | ADMIN),
    GroupSpec("okta-all-staff", Crowd.ACTIVE, share=(0.95, 0.95), access=USER, managed_by="EXTERNAL"),
    GroupSpec("org-admins", Crowd.ADMINS, (2, 3), access=frozenset({"site-admin"}), managed_by="ADMINS"),
    GroupSpec("confluence-user-access-admins-sandbox", Crowd.ADMINS, (5, 7), access=ADMIN, managed_by="ADMINS"),
    GroupSpec("acquisition-2022", Crowd.DEACTIVATED, (3, 6)),
    GroupSpec("okta-contractors", size=(30, 60), access=USER, managed_by="EXTERNAL"),
)
"""A group of each kind that matters in a review; live sites have groups with such names."""


def invent_groups(number: int, random: Random, taken_names: set[str]) -> list[GroupSpec]:
    """Invent groups with different names.

    Args:
        number: the number of groups.
        random: chooses the ordinary groups.
        taken_names: the names that no group may have.
    """
    taken = {name.casefold() for name in taken_names}
    found = []
    for spec in islice(_specs(random), number):
        name = next(name for name in _names_like(spec.name) if name.casefold() not in taken)
        taken.add(name.casefold())
        found.append(evolve(spec, name=name))
    return found


def _specs(random: Random) -> Iterator[GroupSpec]:
    """Yield the notable groups among ordinary ones in random order, without an end; some hundred repeat themselves."""
    ordinary = list(_all_ordinary_groups())
    endless = (spec for _ in count() for spec in random.sample(ordinary, len(ordinary)))
    for spec in NOTABLE:
        yield spec
        yield from islice(endless, ORDINARY_PER_NOTABLE)
    yield from endless


def _names_like(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        yield f"{name}-{number}"


def _all_ordinary_groups() -> Iterator[GroupSpec]:
    for department in DEPARTMENTS:
        of_department = GroupSpec(f"okta-{department}", Crowd.PLACE, share=(0.8, 1), place=department)
        synced = evolve(of_department, managed_by="EXTERNAL", usage_type="USERBASE_GROUP")
        yield synced
        for region in REGIONS:
            yield evolve(synced, name=f"{synced.name}-{region}", share=(0.1, 0.4))
        for index, role in enumerate(ROLES):
            manager = "ADMINS" if index % 2 else None
            yield evolve(of_department, name=f"{department}-{role}", share=(0.05, 0.3), managed_by=manager)
    for index, name in enumerate(TEAMS):
        manager = "OPEN" if index % 2 else "TEAM_MEMBERS"
        yield GroupSpec(f"team-{name}", size=(4, 14), managed_by=manager, usage_type="TEAM_COLLABORATION")
    for name in PROJECTS:
        yield GroupSpec(f"project-{name}", size=(5, 80))
        yield GroupSpec(f"project-{name}-editors", size=(3, 25))
    for city in CITIES:
        yield GroupSpec(f"office-{city}", Crowd.PLACE, share=(0.7, 1), place=city, managed_by="ADMINS")
    for space in SPACES:
        yield GroupSpec(f"{space}-editors", size=(3, 40))
