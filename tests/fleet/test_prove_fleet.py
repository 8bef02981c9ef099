"""`scripts/prove fleet`, `fleet-workers`, `fleet-outage` and `fleet-tokens` with smaller numbers."""

from __future__ import annotations

import pytest
from proving import fleet, fleet_outage, fleet_tokens, fleet_workers


def test_killed_processes_lose_nothing_and_claim_nothing_false() -> None:
    problems, takeovers, site = fleet.run(changes=120, kills=3, processes=3, seed=26)
    assert problems == []
    assert len(takeovers) == 3
    assert len(site.made) == 240, "the plan and its undo"


def test_killed_workers_lose_nothing_and_claim_nothing_false() -> None:
    proof = fleet_workers.run(changes=160, kills=2, workers=2, seed=26)
    assert proof.problems == []
    assert len(proof.workers.takeovers) == 2
    assert sum(len(site.made) for site in proof.sites.values()) == 320, "the plans and their undo"


def test_an_outage_loses_nothing_and_claims_nothing_false(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_outage, "APPLY_S", 3.0)
    proof = fleet_outage.run("stopped", changes=120, seconds=1.0, seed=26)
    assert (proof.problems, proof.made) == ([], 480), "the plans and their undo"


def test_each_expiry_causes_one_refresh() -> None:
    refreshes, done = fleet_tokens.run(processes=2, threads=4, expiries=3)
    assert [each["errors"] for each in done] == [[], []]
    assert refreshes == 4
