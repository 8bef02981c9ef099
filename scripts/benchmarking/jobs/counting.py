"""Count the calls and points of each job, and compare the calls with the fewest that can do it.

Each job has a client of its own, as one run of the command line has. The fewest calls follow from the rules of the API
(docs/confluence-behaviour.md): a page has at most 200 entries, a full page may have another one after it, an empty list
of members does not show that the group exists, and only the lists by access show what a group gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

import httpx
from attrs import define, evolve

from benchmarking.calls import EMAIL, TOKEN
from benchmarking.figures import Count, format_count
from benchmarking.jobs.company import Company, equal_groups, fill, group_id, leaving_company, one_group
from benchmarking.jobs.plans import (
    MOVED,
    OPEN,
    SYNCED,
    Fewest,
    Task,
    fewest_to_list,
    offboarding,
    removals_from_each_group,
    removals_from_one_group,
    sync,
)
from benchmarking.reading import account_id
from confluence_groups_sdk import ApiToken, ConfluenceGroups, RateLimiter
from confluence_groups_sdk.membership import apply, undo
from confluence_groups_sdk.sandbox import Sandbox, SeenRequest

T = TypeVar("T")

SIZES = (0, 1, 199, 200, 201, 450)  # of groups whose members are read
SMALL, LARGE = (20, 20), (500, 2_000)  # leavers and groups


class Site(Protocol):
    """A site that counts the calls it receives."""

    @property
    def url(self) -> str:
        """The site's address."""

    @property
    def auth(self) -> ApiToken:
        """The credentials of an admin."""

    def count_new_calls(self) -> int:
        """Return the number of calls since the last count."""


@define
class SandboxSite:
    """A sandbox as a site that counts."""

    sandbox: Sandbox
    _last: SeenRequest | None = None

    @property
    def url(self) -> str:
        """The site's address."""
        return self.sandbox.url

    @property
    def auth(self) -> ApiToken:
        """The credentials of an admin."""
        return ApiToken(*self.sandbox.admin)

    def count_new_calls(self) -> int:
        """Return the number of calls since the last count."""
        seen, last = self.sandbox.requests, self._last
        new = list(takewhile(lambda each: each is not last, reversed(seen)))
        assert last is None or len(new) < len(seen), "these are more calls than the sandbox remembers"
        self._last = seen[-1] if seen else None
        return len(new)


@define
class ServerSite:
    """The server on loopback as a site that counts."""

    url: str
    _before: int = 0

    @property
    def auth(self) -> ApiToken:
        """Any credentials."""
        return ApiToken(EMAIL, TOKEN)

    def count_new_calls(self) -> int:
        """Return the number of calls since the last count."""
        before, self._before = self._before, int(httpx.get(f"{self.url}/log").json()["calls"])
        return self._before - before


def measure() -> Iterator[Count]:
    """Count every job."""
    yield from count_small_jobs()
    company = leaving_company(*LARGE)
    with sandbox_with(company) as site:
        yield from count_task(site, offboarding(company))


def count_small_jobs() -> Iterator[Count]:
    """Count the jobs that take a few seconds at most."""
    yield from count_reads()
    for company in (one_group(150), equal_groups(100, 40)):
        yield from count_removals(company)
    with sandbox_with(one_group(SYNCED, people=SYNCED + MOVED)) as site:
        yield from count_task(site, sync())
    company = leaving_company(*SMALL)
    with sandbox_with(company) as site:
        yield from count_task(site, offboarding(company))


@contextmanager
def sandbox_with(company: Company) -> Iterator[SandboxSite]:
    """Yield a sandbox that has this company."""
    with Sandbox() as sandbox:
        fill(sandbox, company)
        yield SandboxSite(sandbox)


def count(
    site: Site, what: str, fewest: Fewest, job: Callable[[ConfluenceGroups], T], short: str = ""
) -> tuple[T, Count]:
    """Do a job with a client of its own; return its result and its calls."""
    limiter = RateLimiter()
    site.count_new_calls()
    with ConfluenceGroups(site.url, auth=site.auth, rate_limiter=limiter) as groups:
        result = job(groups)
    return result, Count(what, site.count_new_calls(), limiter.snapshot().points, fewest, short)


def count_reads() -> Iterator[Count]:
    """Count reading members, the groups of a user, and one membership."""
    for size in SIZES:
        with sandbox_with(one_group(size)) as site:
            members, counted = count(
                site,
                f"iter_members, {format_count(size, 'member')}",
                fewest_to_list(size),
                lambda groups: list(groups.iter_members(group_id=group_id(0))),
            )
        assert len(members) == size, "some members were not read"
        yield counted
    one_page, user = {"one page, which is not full": 1}, account_id(0)
    with sandbox_with(leaving_company(*SMALL)) as site:
        found, counted = count(
            site, "iter_memberships, 2 groups", one_page, lambda groups: list(groups.iter_memberships(account_id=user))
        )
        assert len(found) == 2, "some groups were not read"
        yield counted
        for index in (0, 10):
            is_member, counted = count(site, f"is_member, {index == 0}", one_page, partial(_is_member, index, user))
            assert is_member is (index == 0), "the answer is wrong"
            yield counted


def _is_member(index: int, user: str, groups: ConfluenceGroups) -> bool:
    return groups.is_member(group_id=group_id(index), account_id=user)


def count_removals(company: Company) -> Iterator[Count]:
    """Count removals, given in several ways that lead to the same plan."""
    one = len(company.groups) == 1
    tasks = removals_from_one_group(len(company.groups[0])) if one else removals_from_each_group(company)
    with sandbox_with(company) as site:
        plans = []
        for task in tasks[1:]:
            plan, counted = count(site, task.name, task.to_plan, task.plan)
            plans.append([evolve(change, email=None) for change in plan.changes])  # only one way reads e-mails
            yield counted
        assert all(changes == plans[0] for changes in plans), "the plans differ"
        yield from count_task(site, tasks[0])


def count_task(site: Site, task: Task) -> Iterator[Count]:
    """Count making a plan, applying it, and planning to undo it."""
    plan, counted = count(site, task.name, task.to_plan, task.plan, task.short)
    assert plan.changes, "there is nothing to apply"
    assert not plan.refused, "guards refuse a part of it"
    yield counted
    to_apply = {"the changes": len(plan.changes), **task.to_apply}
    with TemporaryDirectory() as folder:
        journal = Path(folder) / "journal"
        report, counted = count(
            site,
            f"{task.name}: applied",
            to_apply,
            lambda groups: apply(groups, plan, journal=journal),
        )
        assert report.counts.total() == len(plan.changes), "some changes were not made"
        yield counted
        back, counted = count(
            site, f"{task.name}: undone", task.to_undo, lambda groups: undo(groups, journal, guards=OPEN)
        )
    assert len(back.changes) == len(plan.changes), "some changes are not undone"
    yield counted
