from __future__ import annotations

import copy
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import confluence_groups_sdk.membership
from confluence_groups_sdk import PlanError
from confluence_groups_sdk._support.strict_json import canonical_json, sha256
from confluence_groups_sdk.membership import Action, Change, Estimate, Guards, Plan, PlannedGroup, SkippedChange

SCHEMA = json.loads(
    (Path(confluence_groups_sdk.membership.__file__).parent / "plan.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA)
DIGESTS = Draft202012Validator(SCHEMA["properties"]["digest"])
DIGEST = "0123456789abcdef" * 4
# Without 1.0, a whole number for schemas, and 1e999, which is no JSON: the reader rejects both.
WRONG: list[Any] = [None, "", "x", 0, 1, -1, 1.5, True, [], [""], ["x"], ["x@y"], {}, "A" * 64, DIGEST]


def change(account_id: str = "a", **options: Any) -> Change:
    return Change(action=Action.REMOVE, group_id="g", group_name="Team", account_id=account_id, **options)


ADDITION = evolve(change(), action=Action.ADD)
WHOLE = Plan(
    site="your-domain.atlassian.net",
    made_at="2026-11-24T08:00:00Z",
    made_by="me",
    made_by_name="Zoë",
    asked="remove by 2 rows",
    guards=Guards(protected_accounts=["boss"], protected_groups=["board"], allow_self=True),
    groups=(
        PlannedGroup(id="g", name="Team", access=("admin",), managed_by="ADMINS", members=3, others=2, digest=DIGEST),
    ),
    changes=(change(display_name="A", account_type="atlassian", reason="left", overridden=("self",)),),
    refused=(SkippedChange(change=change("b"), why="an app", guard="app", option=("allow_apps", True)),),
    skipped=(SkippedChange(change=change("c"), why="not a member"),),
    notes=("unknown: something",),
)


def add_digest(value: Any) -> Any:
    """Return the JSON with its true digest, if it has a digest of the right form."""
    if isinstance(value, dict) and VALIDATOR.evolve(schema=SCHEMA["properties"]["digest"]).is_valid(
        value.get("digest")
    ):
        content = {name: each for name, each in value.items() if name != "digest"}
        try:
            return content | {"digest": sha256(canonical_json(content))}
        except ValueError:
            return value
    return value


def is_accepted(value: Any) -> bool:
    try:
        Plan.from_json(value)
    except PlanError as error:
        return "edited" in str(error)  # another test covers digests
    return True


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def mutations() -> Iterator[tuple[str, Any]]:
    """Yield plans with one value removed, added or replaced."""
    for path in places(WHOLE.as_json()):
        for wrong in WRONG:
            value = copy.deepcopy(WHOLE.as_json())
            if not path:
                yield f"all = {wrong!r}", wrong
                continue
            *parents, last = path
            inner = value
            for key in parents:
                inner = inner[key]
            inner[last] = wrong
            yield f"{path} = {wrong!r}", value
        if path and isinstance(path[-1], str):
            value = copy.deepcopy(WHOLE.as_json())
            inner = value
            for key in path[:-1]:
                inner = inner[key]
            del inner[path[-1]]
            yield f"no {path}", value
            inner[path[-1]] = 7
            inner["another"] = 1
            yield f"another beside {path}", value


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert VALIDATOR.is_valid(WHOLE.as_json())
    assert is_accepted(WHOLE.as_json())


def test_schema_and_reader_accept_the_same_plans() -> None:
    tried = 0
    for name, value in mutations():
        if name.startswith("('changes', 0, 'group_id')"):
            continue  # a schema cannot require one of the groups
        if name.startswith("('groups', 0, 'id')") or name in ("('groups',) = []",):
            continue
        assert is_accepted(add_digest(value)) is VALIDATOR.is_valid(json.loads(json.dumps(value))), name
        tried += 1
    assert tried > 1_000


TEXT = st.text(min_size=1)
MAYBE = st.none() | st.text()
CHANGES = st.builds(
    Change,
    action=st.sampled_from(Action),
    group_id=st.just("g"),
    group_name=TEXT,
    account_id=TEXT,
    display_name=MAYBE,
    account_type=MAYBE,
    reason=MAYBE,
    overridden=st.lists(TEXT).map(tuple),
)
OPTIONS = st.none() | st.tuples(TEXT, st.booleans() | st.integers(0) | st.floats(0, 1))
SKIPPED = st.lists(st.builds(SkippedChange, change=CHANGES, why=TEXT, guard=MAYBE, option=OPTIONS)).map(tuple)
PLANS = st.builds(
    Plan,
    site=TEXT,
    made_at=TEXT,
    made_by=TEXT,
    made_by_name=MAYBE,
    asked=TEXT,
    guards=st.builds(
        Guards,
        allow_self=st.booleans(),
        protected_groups=st.lists(TEXT),
        max_removals=st.none() | st.integers(0),
        max_fraction=st.floats(0, 1),
    ),
    groups=st.just((evolve(WHOLE.groups[0], access=None),)),
    changes=st.lists(CHANGES, unique_by=lambda change: change.key).map(tuple),
    refused=SKIPPED,
    skipped=SKIPPED,
    notes=st.lists(TEXT).map(tuple),
)


@given(plan=PLANS)
def test_saved_plans_are_loaded_unchanged_and_fit_the_schema(
    tmp_path_factory: pytest.TempPathFactory, plan: Plan
) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    plan.save(path)
    assert Plan.load(path) == plan
    assert VALIDATOR.is_valid(json.loads(path.read_bytes()))


def test_names_are_readable_in_a_saved_plan(tmp_path: Path) -> None:
    WHOLE.save(tmp_path / "plan.json")
    assert '"made_by_name": "Zoë"' in (tmp_path / "plan.json").read_text(encoding="utf-8")


def test_half_a_surrogate_pair_is_kept(tmp_path: Path) -> None:
    plan = evolve(WHOLE, made_by_name="\ud800", digest="")
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan


def test_only_the_owner_can_read_a_plan(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("an older one")
    path.chmod(0o644)
    WHOLE.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text("an older one")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(PlanError, match=r"plan\.json: the plan cannot be written \(No space left on device\)"):
        WHOLE.save(path)
    assert path.read_text() == "an older one"
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]


def test_edits_are_detected(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    WHOLE.save(path)
    text = path.read_text(encoding="utf-8")
    for old, new in (("Team", "Tean"), ('"remove"', '"add"'), ("100", "1000"), ("not a member", "nobody")):
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(PlanError, match=r"plan\.json: the plan was edited"):
            Plan.load(path)
    path.write_text(json.dumps(json.loads(text)), encoding="utf-8")  # the same content, formatted differently
    assert Plan.load(path) == WHOLE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON"),
        (b"[]", "the file: must be an object"),
        (b"{}", "format: missing"),
        (b'{"format": 1, "format": 1}', "format: occurs twice in one object"),
        (b'{"format": NaN}', "NaN is not a JSON number"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_malformed_plans_are_described(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(PlanError, match=r"plan\.json: ") as caught:
        Plan.load(tmp_path / "plan.json")
    assert words in str(caught.value)


@pytest.mark.parametrize(("minutes", "calls"), [("1e999", "4"), ("0.01", "4.0")])
def test_numbers_of_the_wrong_kind_are_rejected(tmp_path: Path, minutes: str, calls: str) -> None:
    path = tmp_path / "plan.json"
    WHOLE.save(path)
    text = path.read_text(encoding="utf-8").replace('"calls": 4', f'"calls": {calls}')
    path.write_text(text.replace('"minutes": 0.01', f'"minutes": {minutes}'), encoding="utf-8")
    with pytest.raises(PlanError, match=r"estimate\.(calls|minutes): must be a .*number, 0 or more"):
        Plan.load(path)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nothing\.json: the plan cannot be read \(No such file"):
        Plan.load(tmp_path / "nothing.json")


def test_inconsistent_plans_are_rejected() -> None:
    for wrong, words in (
        (evolve(WHOLE, changes=WHOLE.changes * 2, digest=""), "the same user and group occur twice"),
        (evolve(WHOLE, groups=(), digest=""), r"changes\[0\].group_id: not one of the groups"),
        (evolve(WHOLE, groups=WHOLE.groups * 2, digest=""), "groups: a group occurs twice"),
    ):
        with pytest.raises(PlanError, match=words):
            Plan.from_json(wrong.as_json())


@pytest.mark.parametrize(
    ("changes", "members", "estimate"),
    [
        ([change()] * 10, [401], Estimate(calls=15, points=819, minutes=0.03)),
        ([change()] * 3, [399], Estimate(calls=7, points=807, minutes=0.01)),  # two pages of members
        ([ADDITION], [0], Estimate(calls=5, points=7, minutes=0.01)),  # an empty group is checked
        ([ADDITION] * 1000, [], Estimate(calls=1002, points=1004, minutes=1.67)),
    ],
)
def test_estimates_include_reading_the_groups_again(
    changes: list[Change], members: list[int], estimate: Estimate
) -> None:
    assert Estimate.of(changes, [evolve(WHOLE.groups[0], members=number) for number in members]) == estimate


def test_estimates_include_the_access_lists_if_a_guard_may_need_them() -> None:
    group = evolve(WHOLE.groups[0], members=401)
    assert Estimate.of([change()] * 10, [evolve(group, others=0)]).calls == 17, "the last people leave"
    assert Estimate.of([change()] * 10, [group], change().account_id).calls == 17, "the caller leaves"


def test_the_digest_covers_everything_else() -> None:
    assert WHOLE.digest == sha256(canonical_json({k: v for k, v in WHOLE.as_json().items() if k != "digest"}))
    assert WHOLE.digest != evolve(WHOLE, asked="something else", digest="").digest


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(PlanError, match="it must be a file, and this is a pipe"):
        WHOLE.save(pipe)
    assert pipe.is_fifo()
