"""`scripts/prove fleet` and `fleet-tokens` with smaller numbers."""

from __future__ import annotations

from proving import fleet, fleet_tokens


def test_killed_processes_lose_nothing_and_claim_nothing_false() -> None:
    problems, takeovers, site = fleet.run(changes=120, kills=3, processes=3, seed=26)
    assert problems == []
    assert len(takeovers) == 3
    assert len(site.made) == 240, "the plan and its undo"


def test_each_expiry_causes_one_refresh() -> None:
    refreshes, done = fleet_tokens.run(processes=2, threads=4, expiries=3)
    assert [each["errors"] for each in done] == [[], []]
    assert refreshes == 4
