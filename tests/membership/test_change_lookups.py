"""The results of changes after which something had to be looked up, and the lookup failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from membership_fakes import TEAM, client, members, people, team

from confluence_groups_sdk import APIConnectionError, ConfluenceGroups, KnownProblem
from confluence_groups_sdk.membership import Action, Change, Outcome, Result, perform
from confluence_groups_sdk.membership.execution.change_executor import (
    DoubtfulChanges,
    PerProcessClient,
    interpret_repeated_call,
    mark_settled,
)
from confluence_groups_sdk.sandbox import Answer, Sandbox

FATAL = [401, 403, 410]
HARMLESS = [400, 500]
NOT_FOUND = Answer(404, body='{"statusCode": 404, "message": "no such user"}')


@pytest.fixture
def groups(sandbox: Sandbox) -> Iterator[ConfluenceGroups]:
    team(sandbox, 3)
    with client(sandbox) as groups:
        yield groups


def make(groups: ConfluenceGroups, action: Action, account_id: str) -> Result:
    change = Change(action=action, group_id=TEAM, group_name="Team", account_id=account_id)
    return perform(lambda: groups, change)


def answer_lookups(sandbox: Sandbox, first: Answer, status: int) -> None:
    """Answer the change, and then each attempt to look something up."""
    sandbox.answer_next(first, *[Answer(status, body="{}")] * (3 if status == 503 else 1))


@pytest.mark.parametrize("status", FATAL)
def test_after_404_a_lookup_that_every_change_would_fail_stops_the_run(
    sandbox: Sandbox, groups: ConfluenceGroups, status: int
) -> None:
    answer_lookups(sandbox, NOT_FOUND, status)
    result = make(groups, Action.REMOVE, "id-000")
    assert (result.outcome, result.error_type) == (Outcome.FAILED, "NotFoundError")
    assert (result.stops, result.final, result.settled) == (True, False, False)


@pytest.mark.parametrize("status", [500, 503])
def test_after_404_another_failed_lookup_does_not_stop_the_run(
    sandbox: Sandbox, groups: ConfluenceGroups, status: int
) -> None:
    answer_lookups(sandbox, NOT_FOUND, status)
    result = make(groups, Action.REMOVE, "id-000")
    assert (result.outcome, result.error_type) == (Outcome.FAILED, "NotFoundError")
    assert (result.stops, result.final, result.settled) == (False, False, False)


def test_a_removal_from_an_unknown_group_fails_for_good_and_does_not_stop_the_run(
    sandbox: Sandbox, groups: ConfluenceGroups
) -> None:
    for status in (404, 400):
        answer_lookups(sandbox, NOT_FOUND, status)
        result = make(groups, Action.REMOVE, "id-000")
        assert (result.outcome, result.stops, result.final) == (Outcome.FAILED, False, True)


@pytest.mark.parametrize("status", FATAL)
@pytest.mark.parametrize("action", Action)
def test_after_a_lost_response_a_lookup_that_every_change_would_fail_stops_the_run(
    sandbox: Sandbox, groups: ConfluenceGroups, action: Action, status: int
) -> None:
    answer_lookups(sandbox, Answer(500), status)
    result = make(groups, action, "id-000")
    assert (result.outcome, result.error_type) == (Outcome.UNKNOWN, "ServerError")
    assert (result.stops, result.final, result.in_doubt) == (True, False, True)


@pytest.mark.parametrize("status", HARMLESS)
@pytest.mark.parametrize("action", Action)
def test_after_a_lost_response_another_failed_lookup_does_not_stop_the_run(
    sandbox: Sandbox, groups: ConfluenceGroups, action: Action, status: int
) -> None:
    answer_lookups(sandbox, Answer(500), status)
    result = make(groups, action, "id-000")
    assert (result.outcome, result.stops, result.final) == (Outcome.UNKNOWN, False, False)
    assert result.in_doubt


def test_an_error_after_a_lost_attempt_stops_the_run_if_the_lookup_fails_too(
    sandbox: Sandbox, groups: ConfluenceGroups
) -> None:
    """403 for the second attempt: the first may have removed the member, and nothing more can be done."""
    sandbox.answer_next(Answer(503), Answer(403, body="{}"), Answer(500))
    result = make(groups, Action.REMOVE, "id-000")
    assert (result.outcome, result.error_type) == (Outcome.UNKNOWN, "PermissionDeniedError")
    assert (result.stops, result.final) == (True, False)


def test_400_for_an_addition_is_a_failure_if_the_lookup_fails(sandbox: Sandbox, groups: ConfluenceGroups) -> None:
    (new,) = people(sandbox, 1, first=900)
    for status in (400, 403, 500):
        answer_lookups(sandbox, Answer(400, body='{"message": "no seat is left"}'), status)
        result = make(groups, Action.ADD, new)
        assert (result.outcome, result.error_type) == (Outcome.FAILED, "BadRequestError")
        assert (result.stops, result.final) == (False, True)
    assert new not in members(sandbox)


def test_an_id_that_cannot_be_sent_fails_only_its_addition(groups: ConfluenceGroups) -> None:
    result = make(groups, Action.ADD, "")
    assert (result.outcome, result.error_type, result.stops, result.final) == (
        Outcome.FAILED,
        "ValueError",
        False,
        True,
    )


@pytest.mark.parametrize("repeated", [True, False])
@pytest.mark.parametrize("outcome", [Outcome.REMOVED, Outcome.NOT_A_MEMBER, Outcome.FAILED, Outcome.UNKNOWN])
def test_only_a_failure_after_a_repetition_and_a_doubtful_result_are_looked_up(
    sandbox: Sandbox, groups: ConfluenceGroups, outcome: Outcome, repeated: bool
) -> None:
    change = Change(action=Action.REMOVE, group_id=TEAM, group_name="Team", account_id="id-000")
    doubtful = DoubtfulChanges()
    result = Result(change=change, outcome=outcome)
    noted = doubtful.note(result, repeated=repeated)
    sandbox.directory.remove_member(TEAM, "id-000")
    found = doubtful.look_up(groups, is_interrupted_again=lambda: False)
    if outcome is Outcome.UNKNOWN or (repeated and outcome is Outcome.FAILED):
        assert noted.in_doubt
        assert [(each.outcome, each.settled) for each in found] == [(Outcome.REMOVED, True)]
    else:
        assert (noted, found) == (result, [])
    assert doubtful.look_up(groups, is_interrupted_again=lambda: False) == []


def test_nothing_is_looked_up_after_a_second_interruption_or_once_the_site_cannot_be_read(
    sandbox: Sandbox, groups: ConfluenceGroups
) -> None:
    change = Change(action=Action.REMOVE, group_id=TEAM, group_name="Team", account_id="id-000")
    doubtful = DoubtfulChanges()
    doubtful.add(change)
    seen = len(sandbox.requests)
    assert doubtful.look_up(groups, is_interrupted_again=lambda: True) == []
    assert len(sandbox.requests) == seen
    doubtful.add(change)
    sandbox.answer_next(Answer(401, body="{}"))
    assert doubtful.look_up(groups, is_interrupted_again=lambda: False) == []


@pytest.mark.parametrize(
    ("action", "is_member", "made"),
    [(Action.ADD, True, True), (Action.ADD, False, False), (Action.REMOVE, True, False), (Action.REMOVE, False, True)],
)
def test_a_doubtful_change_was_made_if_it_shows(
    sandbox: Sandbox, groups: ConfluenceGroups, action: Action, is_member: bool, made: bool
) -> None:
    change = Change(action=action, group_id=TEAM, group_name="Team", account_id="id-000")
    if not is_member:
        sandbox.directory.remove_member(TEAM, "id-000")
    doubtful = DoubtfulChanges()
    doubtful.add(change)
    found = doubtful.look_up(groups, is_interrupted_again=lambda: False)
    assert len(found) == made


@pytest.mark.parametrize("action", Action)
def test_a_doubtful_change_in_a_deleted_group_was_not_made(groups: ConfluenceGroups, action: Action) -> None:
    doubtful = DoubtfulChanges()
    doubtful.add(Change(action=action, group_id="no-such-group", group_name="Team", account_id="id-000"))
    assert doubtful.look_up(groups, is_interrupted_again=lambda: False) == []


def test_one_lookup_that_fails_leaves_the_others_alone(sandbox: Sandbox, groups: ConfluenceGroups) -> None:
    doubtful = DoubtfulChanges()
    for account_id in people(sandbox, 40, first=100):
        doubtful.add(Change(action=Action.REMOVE, group_id=TEAM, group_name="Team", account_id=account_id))
    sandbox.answer_next(Answer(500))
    assert len(doubtful.look_up(groups, is_interrupted_again=lambda: False)) == 39


@pytest.mark.parametrize(
    ("unanswered", "problem", "looked_up"),
    [(0, None, False), (1, None, True), (2, None, True), (0, KnownProblem.OUTCOME_UNKNOWN, True)],
)
@pytest.mark.parametrize("action", Action)
def test_a_broken_connection_is_looked_up_if_the_change_may_have_been_sent(
    action: Action, unanswered: int, problem: KnownProblem | None, looked_up: bool
) -> None:
    class Broken:
        def remove_member(self, **_arguments: str) -> None:
            error = APIConnectionError("broken", problem=problem)
            error.unanswered_attempts = unanswered
            raise error

        add_member = remove_member

        def is_member(self, **_arguments: str) -> bool:
            return action is Action.ADD

    broken: Any = Broken()
    result = perform(lambda: broken, Change(action=action, group_id=TEAM, group_name="Team", account_id="id-000"))
    made = Outcome.ADDED if action is Action.ADD else Outcome.REMOVED
    assert (result.outcome, result.settled) == ((made, True) if looked_up else (Outcome.FAILED, False))


def test_a_process_opens_one_client_for_each_factory(sandbox: Sandbox) -> None:
    opened: list[ConfluenceGroups] = []

    def open_client() -> ConfluenceGroups:
        opened.append(client(sandbox))
        return opened[-1]

    first, second = PerProcessClient(open_client), PerProcessClient(open_client)
    assert first() is first() is opened[0]
    assert second() is second() is opened[1]
    assert len(opened) == 2
    for each in opened:
        each.close()


def test_results_of_a_repeated_call_count_as_made_by_the_first() -> None:
    change = Change(action=Action.ADD, group_id=TEAM, group_name="Team", account_id="id-000")
    for seen, meant in ((Outcome.ALREADY_A_MEMBER, Outcome.ADDED), (Outcome.NOT_A_MEMBER, Outcome.REMOVED)):
        result = interpret_repeated_call(Result(change=change, outcome=seen, error="why", error_type="NotFoundError"))
        assert (result.outcome, result.settled, result.error, result.error_type) == (meant, True, None, None)
    for outcome in (Outcome.ADDED, Outcome.REMOVED, Outcome.FAILED, Outcome.UNKNOWN):
        result = Result(change=change, outcome=outcome)
        assert interpret_repeated_call(result) is result


@pytest.mark.parametrize(
    ("outcome", "final", "shown", "settled"),
    [
        (Outcome.ALREADY_A_MEMBER, True, Outcome.ADDED, True),
        (Outcome.ADDED, True, Outcome.ADDED, True),
        (Outcome.REMOVED, True, Outcome.REMOVED, True),
        (Outcome.FAILED, False, Outcome.FAILED, True),
        (Outcome.FAILED, True, Outcome.FAILED, False),
        (Outcome.NOT_A_MEMBER, True, Outcome.NOT_A_MEMBER, False),
    ],
)
def test_a_change_that_an_earlier_run_may_have_made_is_settled_unless_it_failed_for_good(
    outcome: Outcome, final: bool, shown: Outcome, settled: bool
) -> None:
    change = Change(action=Action.ADD, group_id=TEAM, group_name="Team", account_id="id-000")
    result = mark_settled(Result(change=change, outcome=outcome, final=final))
    assert (result.outcome, result.final, result.settled) == (shown, final, settled)
