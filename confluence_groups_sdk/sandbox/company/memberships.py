"""Who is in which invented group."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from random import Random

from ..directory import Person
from .groups import Crowd, GroupSpec
from .words import CITIES, DEPARTMENTS

ADMIN_POOL = 12
REACH_SHAPE, MAX_REACH = 1.0, 60.0  # a few people are in many groups, most people in few
MIN_LISTED = 3  # of an ordinary group: only notable ones look empty or have one member


class Memberships:
    """Chooses the members of groups.

    Args:
        people: everybody.
        random: makes the choices.

    Attributes:
        role_admin: an admin by role, who is in no group that gives admin rights; None if nobody is active.
    """

    def __init__(self, people: Sequence[Person], random: Random) -> None:
        self._random = random
        staff = [person for person in people if person.account_type != "app" and not person.is_guest]
        self._active = [person for person in staff if person.account_status == "active"]
        self._guests = [person for person in people if person.is_guest]
        self._apps = [person for person in people if person.account_type == "app"]
        self._deactivated = [person for person in staff if person.account_status != "active"]
        admins = self._sample(self._active, ADMIN_POOL)
        self.role_admin = admins.pop() if admins else None
        self._crowds = {
            Crowd.ANYBODY: people,
            Crowd.ACTIVE: self._active,
            Crowd.GUESTS: self._guests,
            Crowd.DEACTIVATED: self._deactivated,
            Crowd.ADMINS: admins,
            Crowd.MIXED_ADMINS: admins,
        }
        self._reach = list(accumulate(min(random.paretovariate(REACH_SHAPE), MAX_REACH) for _ in people))
        self._at: dict[str, list[Person]] = {place: [] for place in (*DEPARTMENTS, *CITIES)}
        for person in staff:
            self._at[random.choice(DEPARTMENTS)].append(person)
            self._at[random.choice(CITIES)].append(person)

    def members_of(self, spec: GroupSpec) -> list[Person]:
        """Return the members of a group, in the order in which they joined."""
        crowd = self._at[spec.place] if spec.crowd is Crowd.PLACE else self._crowds[spec.crowd]
        size = self._random.randint(*spec.size)
        if spec.share is not None:
            size = round(len(crowd) * self._random.uniform(*spec.share))
        match spec.crowd:
            case Crowd.ANYBODY if crowd:
                chosen = self._random.choices(crowd, cum_weights=self._reach, k=size)
                return self._with_enough_listed(chosen)
            case Crowd.PLACE:
                return self._with_enough_listed(self._sample(crowd, size))
            case Crowd.MIXED_ADMINS:
                others = (*self._guests[:1], *self._apps[:1], *self._deactivated[:1])
                return [*self._sample(crowd, size), *others]
            case _:
                return self._sample(crowd, size)

    def _with_enough_listed(self, chosen: list[Person]) -> list[Person]:
        if sum(person.account_status == "active" for person in set(chosen)) < MIN_LISTED:
            return [*chosen, *self._sample(self._active, MIN_LISTED)]
        return chosen

    def _sample(self, people: Sequence[Person], size: int) -> list[Person]:
        return self._random.sample(people, min(size, len(people)))
