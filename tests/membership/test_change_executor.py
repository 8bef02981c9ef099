"""The results of single changes, over real HTTP."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator

import pytest
from membership_fakes import QUICK, TEAM, client, members, people, team

from confluence_groups_sdk import ApiToken, ConfluenceGroups
from confluence_groups_sdk.membership import Action, Change, Outcome, Result, perform
from confluence_groups_sdk.sandbox import Answer, Faults, Sandbox


@pytest.fixture
def groups(sandbox: Sandbox) -> Iterator[ConfluenceGroups]:
    with client(sandbox) as groups:
        yield groups


def change(action: Action, account_id: str, group_id: str = TEAM) -> Change:
    return Change(action=action, group_id=group_id, group_name="Team", account_id=account_id)


def remove(groups: ConfluenceGroups, account_id: str, group_id: str = TEAM) -> Result:
    return perform(lambda: groups, change(Action.REMOVE, account_id, group_id))


def add(groups: ConfluenceGroups, account_id: str) -> Result:
    return perform(lambda: groups, change(Action.ADD, account_id))


def test_accepted_changes_are_done(sandbox: Sandbox, groups: ConfluenceGroups) -> None:
    leaver, *rest = team(sandbox, 3)
    (new,) = people(sandbox, 1, first=900)
    first, second = remove(groups, leaver), add(groups, new)
    assert (first.outcome, first.settled, first.error, first.final) == (Outcome.REMOVED, False, None, True)
    assert (second.outcome, second.settled) == (Outcome.ADDED, False)
    assert first.request_id is not None
    assert second.request_id not in (None, first.request_id)
    assert members(sandbox) == [*rest, new]


def test_404_distinguishes_unknown_user_and_unknown_group(sandbox: Sandbox, groups: ConfluenceGroups) -> None:
    team(sandbox, 3)
    no_user = remove(groups, "nobody")
    assert (no_user.outcome, no_user.error_type, no_user.final) == (Outcome.NOT_A_MEMBER, "NotFoundError", True)
    assert "does not know this user" in (no_user.error or "")
    no_group = remove(groups, "id-000", "no-such-group")
    assert (no_group.outcome, no_group.error_type) == (Outcome.FAILED, "NotFoundError")
    assert add(groups, "nobody").outcome is Outcome.FAILED


def test_400_distinguishes_existing_members_from_other_errors(sandbox: Sandbox, groups: ConfluenceGroups) -> None:
    member, *_ = team(sandbox, 3)
    assert add(groups, member).outcome is Outcome.ALREADY_A_MEMBER
    (new,) = people(sandbox, 1, first=900)
    sandbox.answer_next(Answer(400, body='{"message": "no seat is left"}'))
    refused = add(groups, new)
    assert (refused.outcome, refused.error_type, refused.final) == (Outcome.FAILED, "BadRequestError", True)
    assert "no seat is left" in (refused.error or "")


def test_a_lost_response_is_settled_by_looking_up_the_membership(sandbox: Sandbox, groups: ConfluenceGroups) -> None:
    (new,) = people(sandbox, 1, first=900)
    team(sandbox, 3)
    sandbox.answer_next(Answer(500))
    lost = add(groups, new)
    assert (lost.outcome, lost.settled, lost.final, lost.in_doubt) == (Outcome.FAILED, True, False, True)
    assert lost.error_type == "ServerError"
    sandbox.directory.add_member(TEAM, new)
    sandbox.answer_next(Answer(500))
    done = add(groups, new)
    assert (done.outcome, done.settled, done.final, done.error) == (Outcome.ADDED, True, True, None)
    sandbox.answer_next(Answer(500))
    assert remove(groups, "id-000").outcome is Outcome.FAILED
    sandbox.directory.remove_member(TEAM, "id-000")
    sandbox.answer_next(Answer(500))
    gone = remove(groups, "id-000")
    assert (gone.outcome, gone.settled) == (Outcome.REMOVED, True)


def test_not_found_after_a_lost_response_is_settled_by_looking_up_the_membership(sandbox: Sandbox) -> None:
    """Some sites answer 404 once the user is removed; without the lost attempt that means: was not a member."""
    team(sandbox, 3)
    not_found = Answer(404, body='{"statusCode": 404, "message": "no such user"}')
    with client(sandbox) as groups:
        sandbox.answer_next(Answer(503), not_found)
        kept = remove(groups, "id-000")
        assert (kept.outcome, kept.settled, kept.in_doubt) == (Outcome.FAILED, True, True)
        sandbox.directory.remove_member(TEAM, "id-000")
        sandbox.answer_next(Answer(503), not_found)
        gone = remove(groups, "id-000")
        assert (gone.outcome, gone.settled) == (Outcome.REMOVED, True)
        sandbox.answer_next(not_found)
        assert remove(groups, "id-000").outcome is Outcome.NOT_A_MEMBER


def test_the_outcome_is_unknown_if_the_look_up_fails_too(sandbox: Sandbox, groups: ConfluenceGroups) -> None:
    team(sandbox, 3)
    sandbox.faults = Faults(error_rate=1.0)
    for result in (remove(groups, "id-000"), add(groups, "id-001")):
        assert (result.outcome, result.error_type, result.final) == (Outcome.UNKNOWN, "ServerError", False)
        assert result.in_doubt


def test_a_change_that_was_not_sent_is_not_in_doubt(sandbox: Sandbox) -> None:
    team(sandbox, 3)
    with socket.socket() as bound:  # nobody listens
        bound.bind(("127.0.0.1", 0))
        site = f"http://127.0.0.1:{bound.getsockname()[1]}"
        unreachable = ConfluenceGroups(site, auth=ApiToken(*sandbox.admin), retry=QUICK)
        for result in (remove(unreachable, "id-000"), add(unreachable, "id-001")):
            assert (result.outcome, result.error_type, result.final) == (Outcome.FAILED, "APIConnectionError", False)
            assert (result.settled, result.in_doubt, result.stops) == (False, False, False)
    unreachable.close()
    for result in (remove(unreachable, "id-000"), add(unreachable, "id-001")):
        assert (result.outcome, result.error_type, result.final) == (Outcome.FAILED, "ClientClosedError", False)
        assert (result.settled, result.in_doubt, result.stops) == (False, False, True)


@pytest.mark.parametrize("status", [401, 403, 410])
def test_errors_that_every_change_would_meet_stop_the_run(
    sandbox: Sandbox, groups: ConfluenceGroups, status: int
) -> None:
    team(sandbox, 3)
    for action in Action:
        sandbox.answer_next(Answer(status, body="{}"))
        result = perform(lambda: groups, change(action, "id-000"))
        assert (result.outcome, result.stops, result.final) == (Outcome.FAILED, True, False)


def test_rate_limits_are_in_the_result(sandbox: Sandbox, groups: ConfluenceGroups) -> None:
    team(sandbox, 3)
    sandbox.answer_next(Answer(429, {"Retry-After": "1847", "RateLimit-Reason": "confluence-quota-tenant-based"}))
    result = remove(groups, "id-000")
    assert (result.outcome, result.error_type, result.final) == (Outcome.FAILED, "RateLimitError", False)
    assert result.limits.quota
    assert result.rate_limited
    assert result.hold_s == result.limits.retry_after == pytest.approx(1847, abs=2)
    unsent = remove(groups, "id-001")
    assert unsent.limits.retry_after == pytest.approx(1847, abs=2)
    assert len(members(sandbox)) == 3


def test_an_id_that_cannot_be_sent_fails_only_its_change(groups: ConfluenceGroups) -> None:
    result = remove(groups, "x" * 100_000)
    assert (result.outcome, result.error_type, result.stops) == (Outcome.FAILED, "ValueError", False)


def test_results_can_be_pickled(sandbox: Sandbox) -> None:
    team(sandbox, 3)
    with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.reader), retry=QUICK) as reader:
        result = remove(reader, "id-000")
    assert pickle.loads(pickle.dumps(result)) == result
    assert result.error_type == "PermissionDeniedError"
