"""One event of each kind, for the recorded pickles."""

from __future__ import annotations

from collections.abc import Mapping

import confluence_groups_sdk as sdk

AT = 1_800_000_000.5
IDS = ("#1a2b3c4d", "#5e6f7081")
ATTEMPT = sdk.AttemptEnded(
    at=AT,
    operation="removeMemberFromGroupByGroupId",
    ids=IDS,
    attempt=1,
    status=503,
    error="ServerError",
    seconds=0.25,
    waited=0.5,
    retry_in=2.0,
    request_id="r-1",
)

EVENTS: Mapping[str, sdk.Event] = {
    "Event": sdk.Event(at=AT),
    "AttemptEnded": ATTEMPT,
    "CallEnded": sdk.CallEnded(
        at=AT + 1,
        operation=ATTEMPT.operation,
        ids=IDS,
        attempts=(ATTEMPT,),
        status=503,
        error="ServerError",
        seconds=1.75,
        waited=0.5,
        request_id="r-1",
    ),
    "HoldStarted": sdk.HoldStarted(at=AT, seconds=30.0, quota_spent=True),
    "RateFound": sdk.RateFound(at=AT, rate=4.5),
    "TokensRefreshed": sdk.TokensRefreshed(at=AT, valid_for=3600.0),
    "ChangeSettled": sdk.ChangeSettled(
        at=AT,
        action="remove",
        group=IDS[0],
        account=IDS[1],
        outcome="REMOVED",
        error=None,
        final=True,
        request_id="r-2",
    ),
}
