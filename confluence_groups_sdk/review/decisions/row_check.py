"""Checks of one row of a returned sheet, and of all rows about one membership."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from attrs import evolve, frozen

from ...errors import InputError
from ..model.decisions import DecidedMembership, Decision, Key
from .cells import parse_date, parse_decision, unprotect
from .memberships import Memberships
from .own_access import is_own_access
from .raw_sheet import RawRow, RawSheet


@frozen
class Rules:
    """What decisions must be like.

    Attributes:
        memberships: the memberships that can be decided about.
        allow_own_access: whether reviewers may decide about their own access.
        today: the first day on which an exception may end.
    """

    memberships: Memberships
    allow_own_access: bool
    today: date


class RowReader:
    """Reads the decisions in the rows of one sheet, and adds what is wrong to the sheet's problems.

    Args:
        sheet: the sheet.
        rules: what decisions must be like.
    """

    def __init__(self, sheet: RawSheet, rules: Rules) -> None:
        self._sheet = sheet
        self._rules = rules

    def decisions(self) -> Iterator[DecidedMembership]:
        """Yield the decision of each row that has a usable one."""
        if self._is_of_another_snapshot():
            return
        for row in self._sheet.rows:
            problems: list[str] = []
            decided = self._read(row, problems)
            self._sheet.problems += [f"{self._sheet.place(row.line)}{problem}" for problem in problems]
            if decided is not None and not problems:
                yield decided

    def _is_of_another_snapshot(self) -> bool:
        """Note one problem, instead of one for each row, if the whole sheet is of another snapshot."""
        digest = self._rules.memberships.snapshot.digest
        digests = {row.text("snapshot").strip() for row in self._sheet.rows}
        if len(digests) != 1 or digests == {digest}:
            return False
        [other] = digests
        self._sheet.problems.append(
            f"{self._sheet.place(self._sheet.rows[0].line)}, column snapshot: all rows are of another snapshot "
            f"({other[:16] or 'none'}), not of {digest[:16]}: return the sheet of this "
            "snapshot, or give the other snapshot"
        )
        return True

    def _read(self, row: RawRow, problems: list[str]) -> DecidedMembership | None:
        memberships = self._rules.memberships
        if (given := row.text("snapshot").strip()) != memberships.snapshot.digest:
            problems.append(f", column snapshot: it is {_quote(given)}: restore {memberships.snapshot.digest}")
        key = memberships.find(row)
        if isinstance(key, str):
            problems.append(f", columns group_id and account_id: {key}")
            return None
        for column, expected in memberships.differences(key, row):
            problems.append(
                f", column {column}: it was edited to {_quote(row.text(column))}: restore {_quote(expected)}"
            )
        return self._read_decision(row, key, problems)

    def _read_decision(self, row: RawRow, key: Key, problems: list[str]) -> DecidedMembership | None:
        decision, until = None, None
        try:
            decision = parse_decision(row.text("decision"))
        except ValueError as error:
            problems.append(f", column decision: {error}")
            return None
        try:
            until = parse_date(row.cells.get("until", ""))
        except ValueError as error:
            problems.append(f", column until: {error}")
            return None
        if problem := _check_end(decision, until, self._rules.today):
            problems.append(f", column until: {problem}")
        if decision is None:
            return None
        reviewer = " ".join(unprotect(row.text("reviewer")).split())
        if not reviewer:
            problems.append(", column reviewer: a decision needs a reviewer: enter a name or an e-mail")
            return None
        member = self._rules.memberships.snapshot.users[key[1]]
        is_own = is_own_access(member, unprotect(row.text("reviewer")))
        if is_own and not self._rules.allow_own_access:
            problems.append(f", column reviewer: {reviewer} decides about their own access: let somebody else decide")
            self._sheet.has_own_access = True
        comment = " ".join(unprotect(row.text("comment")).split())  # a line break would become an escape in a sheet
        return DecidedMembership(
            group_id=key[0],
            account_id=key[1],
            decision=decision,
            reviewer=reviewer,
            until=until,
            comment=comment or None,
            sheet=self._sheet.name,
            line=row.line,
            is_own=is_own,
        )


def agree(memberships: Memberships, key: Key, decisions: Sequence[tuple[str, DecidedMembership]]) -> DecidedMembership:
    """Return the one decision about a membership, from all rows that decide about it.

    Args:
        memberships: the memberships.
        key: the membership.
        decisions: the place and the decision of each row.

    Raises:
        InputError: the rows differ in the decision or in the end of the exception.
    """
    if len({(each.decision, each.until) for _, each in decisions}) > 1:
        said = "; ".join(f"{place}: {_describe(each)}" for place, each in decisions)
        raise InputError(f"{memberships.describe(key)}: reviewers disagree ({said}): agree on one decision")
    first = decisions[0][1]
    if len(decisions) == 1:
        return first
    return evolve(
        first,
        reviewer=", ".join(dict.fromkeys(each.reviewer for _, each in decisions)),
        comment="; ".join(dict.fromkeys(each.comment for _, each in decisions if each.comment)) or None,
        is_own=any(each.is_own for _, each in decisions),
    )


def _describe(decided: DecidedMembership) -> str:
    until = f" until {decided.until}" if decided.until else ""
    return f"{decided.decision}{until} by {decided.reviewer}"


def _check_end(decision: Decision | None, until: date | None, today: date) -> str | None:
    """Return what is wrong with the end of an exception."""
    if decision is not Decision.EXCEPTION:
        return "only an exception has an end: clear the cell, or decide exception" if until else None
    if until is None:
        return "an exception needs its last day: write it as in 2027-03-31"
    if until < today:
        return f"the exception ended on {until}: write a later day, or decide keep or remove"
    return None


def _quote(text: str) -> str:
    return f"“{text.strip()}”" if text.strip() else "nothing"
