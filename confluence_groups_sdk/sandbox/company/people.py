"""Invented people: employees, guests, apps and deactivated employees."""

from __future__ import annotations

import unicodedata
from random import Random
from uuid import UUID

from ..directory import Person
from .words import APP_NAMES, FIRST_NAMES, LAST_NAMES, PARTNERS

GUEST_SHARE, APP_SHARE, DEACTIVATED_SHARE = 0.04, 0.02, 0.05
HIDDEN_EMAIL_SHARE = 0.05  # of the employees
MIN_PEOPLE_FOR_ALL_KINDS = 10
COMPANY_DOMAIN = "example.com"


def invent_people(number: int, random: Random, taken_emails: set[str]) -> list[Person]:
    """Invent people in random order.

    Args:
        number: the number of people of all kinds.
        random: chooses names and ids.
        taken_emails: the e-mails that nobody may get; those of the new people are added.
    """
    guests, apps, deactivated = (_count(number, each) for each in (GUEST_SHARE, APP_SHARE, DEACTIVATED_SHARE))
    people = [_invent_guest(random, taken_emails) for _ in range(guests)]
    people += [_invent_app(index, random) for index in range(apps)]
    people += [_invent_employee(random, taken_emails, status="inactive") for _ in range(deactivated)]
    people += [_invent_employee(random, taken_emails) for _ in range(number - len(people))]
    random.shuffle(people)
    return people


def random_uuid(random: Random) -> str:
    """Return a UUID of version 4."""
    return str(UUID(int=random.getrandbits(128), version=4))


def _count(number: int, share: float) -> int:
    """Return the number of people of a kind; a company of ten or more has at least one."""
    return max(1, round(number * share)) if number >= MIN_PEOPLE_FOR_ALL_KINDS else 0


def _invent_employee(random: Random, taken_emails: set[str], status: str = "active") -> Person:
    name, email = _invent_name(random, COMPANY_DOMAIN, taken_emails)
    shown = "" if random.random() < HIDDEN_EMAIL_SHARE else email
    return Person(f"712020:{random_uuid(random)}", name, shown, account_status=status)


def _invent_guest(random: Random, taken_emails: set[str]) -> Person:
    name, email = _invent_name(random, random.choice(PARTNERS), taken_emails)
    return Person(f"712020:{random_uuid(random)}", name, email, is_guest=True)


def _invent_app(index: int, random: Random) -> Person:
    copy, name = divmod(index, len(APP_NAMES))
    shown = f"{APP_NAMES[name]} {copy + 1}" if copy else APP_NAMES[name]
    return Person(f"557058:{random_uuid(random)}", shown, "", account_type="app")


def _invent_name(random: Random, domain: str, taken_emails: set[str]) -> tuple[str, str]:
    """Return a name, which others may have too, and an e-mail that is not taken."""
    name = f"{random.choice(FIRST_NAMES)} {random.choice(LAST_NAMES)}"
    mailbox = _to_ascii(name.lower()).replace(" ", ".")
    email, number = f"{mailbox}@{domain}", 2
    while email in taken_emails:
        email, number = f"{mailbox}{number}@{domain}", number + 1
    taken_emails.add(email)
    return name, email


def _to_ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
