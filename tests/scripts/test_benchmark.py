"""The benchmark's ratios, limits and tables match its measurements, and its servers behave as configured."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import benchmark
import httpx
import pytest
from benchmarking import figures, limits, pairs, results, startup
from benchmarking.figures import Figure
from benchmarking.limits import Trial
from benchmarking.pairs import Ratio, Timings
from benchmarking.servers import Bucket, Limit, serving

from confluence_groups_sdk import ApiToken, ConfluenceGroups

ROOT = Path(__file__).parents[2]


# --- pairs


def test_rounds_alternate_the_order_of_the_calls() -> None:
    done: list[str] = []
    timings = pairs.time_interleaved(
        {"b": lambda: done.append("b"), "a": lambda: done.append("a")}, rounds=3, times=2, warm_up=1
    )
    assert "".join(done) == "ba" + "bbaa" + "aabb" + "bbaa"
    assert {name: len(seconds) for name, seconds in timings.seconds.items()} == {"a": 3, "b": 3}


def test_ratio_compares_times_of_the_same_round() -> None:
    timings = Timings({"ours": [1.0, 20.0, 3.0, 1.0, 2.0], "theirs": [2.0, 40.0, 4.0, 4.0, 4.0]})
    assert timings.ratio("ours", "theirs") == Ratio(0.5, 0.5, 0.5)
    assert timings.ratio("theirs", "ours") == Ratio(2.0, 2.0, 2.0)
    assert timings.median("ours") == 2.0
    assert pairs.median_ratio([1.0, 2.0, 3.0, 4.0, 5.0]) == Ratio(3.0, 2.0, 4.0)
    assert pairs.median_ratio([7.0]) == Ratio(7.0, 7.0, 7.0)


# --- servers


def test_bucket_allows_one_second_of_calls_at_once_then_refills() -> None:
    bucket = Bucket(Limit(4))
    statuses = [bucket.answer(100 + moment)[9:12] for moment in (0, 0, 0, 0, 0, 0.25, 0.25, 9, 9, 9, 9, 9)]
    assert statuses == [*[b"204"] * 4, b"429", b"204", b"429", *[b"204"] * 4, b"429"]
    assert bucket.seen[4:6] == [(0.0, 429), (0.25, 204)]
    assert b"\r\nRetry-After: 1\r\n" in bucket.answer(109)


def test_spent_quota_rejects_calls_until_its_reset() -> None:
    bucket = Bucket(Limit(100, quota=3, reset=5))
    answers = [bucket.answer(moment) for moment in (0, 1, 2, 3, 4.9, 5, 6, 7, 8)]
    assert [answer[9:12] for answer in answers] == [*[b"204"] * 3, *[b"429"] * 2, *[b"204"] * 4]
    assert b"RateLimit-Reason: quota\r\n" in answers[3]
    assert re.search(rb"X-RateLimit-Reset: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\r\n", answers[3])


def test_server_answers_both_clients_and_logs_its_responses() -> None:
    with serving(limit=Limit(3)) as url, ConfluenceGroups(url, auth=ApiToken("me@example.com", "token")) as groups:
        groups.remove_member(group_id="g", account_id="a")
        assert httpx.delete(f"{url}/anything").status_code == 204
        seen = httpx.get(f"{url}/log").json()
    assert [status for _, status in seen] == [204, 204]


# --- limits


def trial(*statuses: int, limit: Limit = Limit(2)) -> Trial:  # noqa: B008 - Limit is frozen
    """Return a trial with an answer every half second."""
    return Trial(limit, statuses.count(204), [(index / 2, status) for index, status in enumerate(statuses)])


def test_trial_computes_its_figures() -> None:
    made = trial(204, 204, 429, 204, 429, 429, 204, 204, 429)
    assert made.allowed == 2.5
    assert made.seconds == 3.5, "until the last accepted call"
    assert made.excess == 1.4
    assert made.rate_limited_share() == 4 / 9
    assert made.rate_limited_share(5) == 2 / 4
    assert made.a_second(204) == [2, 1, 0, 2, 0]
    assert made.a_second(429) == [0, 1, 2, 0, 1]
    assert made.found == 3.0, "from 1 s to 4 s"
    assert trial(204, 204).found is None
    first = made.part(3)
    assert (first.calls, first.seconds, len(first.seen)) == (3, 1.5, 4)


def test_allowed_rate_of_a_quota_depends_on_its_reset() -> None:
    assert Trial(Limit(10, quota=20, reset=5), 30, []).allowed == 6.0
    assert Trial(Limit(10, quota=20, reset=1), 30, []).allowed == 3.0
    assert Trial(Limit(10, quota=20, reset=5), 20, []).allowed == 2.0


def test_trial_figures_match_the_trial() -> None:
    accepted = [(moment / 100, 204) for moment in range(4_000)]
    rate_limited = Trial(Limit(100), 4_000, [(0.0, 429)] * 30 + accepted)
    found = list(limits.trial_figures({"100 a second": rate_limited}))
    assert [figure.met for figure in found] == [True, True, True, None]
    assert found[0].value == pytest.approx(1.0, abs=0.01)
    assert found[1].value == pytest.approx(100 * 30 / 2_030)
    assert found[2].value == 0


# --- output


def figure(**fields: object) -> Figure:
    return Figure(**{"what": "a call", "value": 0.5, "unit": "x", **fields})  # type: ignore[arg-type] # arbitrary fields


@pytest.mark.parametrize(
    ("value", "goal", "met"), [(0.5, 0.5, True), (0.51, 0.5, False), (0.4, 0.5, True), (0.4, None, None)]
)
def test_goal_is_met_by_an_equal_or_lower_value(value: float, goal: float | None, met: bool | None) -> None:
    assert figure(value=value, goal=goal).met is met
    assert figure(value=value, goal=goal).as_json()["met"] is met


def test_table_has_a_row_for_each_figure() -> None:
    rows = [
        figures.ratio("a call", "httpx", Ratio(0.756, 0.7, 12.34), goal=0.8),
        figure(what="all", value=12_345.6, unit="ms", note="seen"),
    ]
    assert figures.as_table(rows).splitlines() == [
        "| what   | measured              | goal   | against |     |",
        "| ------ | --------------------- | ------ | ------- | --- |",
        "| a call | 0.76 x (0.70 to 12.3) | 0.80 x | httpx   | met |",
        "| all    | 12,346 ms             |        | seen    |     |",
    ]


def test_page_has_all_parts_and_short_table_only_marked_figures() -> None:
    parts = {"calls": [figure(short="one"), figure(what="two")], "limits": [figure(what="three")]}
    page = results.format_page(parts, when="2026-11-25", where="here", picture="rate.svg")
    assert page.index("## In short") < page.index("## One call") < page.index("## Under a limit")
    assert page.count("rate.svg") == 1
    assert results.format_short_table(parts).splitlines()[2:] == ["| one | 0.50 x |  |"]
    assert set(results.TITLES) >= set(parts)


def test_readme_table_is_updated_or_the_failure_is_reported() -> None:
    before, after = (
        results.format_page({"calls": [figure(short="one", value=value)]}, when="", where="", picture="")
        for value in (0.5, 2.0)
    )
    readme = f"## How fast\n\n{results.find_short_table(before)}\n\n## More\n"
    renewed = results.update_readme(readme, before, after)
    assert results.find_short_table(after) in renewed
    assert renewed.startswith("## How fast\n\n|")
    assert renewed.endswith("|\n\n## More\n")
    for page in (after, ""):
        with pytest.raises(ValueError, match="by hand"):
            results.update_readme(readme, page, after)


def test_import_times_cover_building_a_client() -> None:
    times = startup.import_times(Path(sys.executable))
    assert times["confluence_groups_sdk"] > 0
    assert times["httpx"] > 0
    assert times["attrs"] > 0
    assert "attr" not in times


def test_readme_has_the_short_table_of_the_latest_results() -> None:
    table = results.find_short_table((ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8"))
    assert table.count("\n") == 4
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")


def test_missing_package_is_reported_with_the_install_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "NEEDED", ("json", "no_such_module"))
    assert benchmark.main(["--only", "calls"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("not installed: no_such_module. Run: pip install")
    assert "--group bench" in error


def test_results_of_a_single_part_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        benchmark.main(["--write", "--only", "calls"])
    assert "leave out --only" in capsys.readouterr().err


def test_figures_are_printed_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(benchmark, "NEEDED", ())
    monkeypatch.setattr(benchmark, "SECTIONS", {"calls": lambda: [figure(goal=1.0)]})
    assert benchmark.main(["--json"]) == 0
    (printed,) = json.loads(capsys.readouterr().out)["calls"]
    assert (printed["what"], printed["value"], printed["met"]) == ("a call", 0.5, True)
    assert benchmark.main([]) == 0
    assert "| a call | 0.50 x" in capsys.readouterr().out


def test_programs_import_the_installed_package_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "confluence_groups_sdk.py").write_text("raise SystemExit('this one is not installed')")
    monkeypatch.chdir(tmp_path)
    startup.starters(Path(sys.executable), "http://127.0.0.1:9")["imported"]()
    assert startup.import_times(Path(sys.executable))["confluence_groups_sdk"] > 0
