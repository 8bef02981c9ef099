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
from confluence_groups_sdk.membership import Action, Change, Estimate, Guards, Omission, Plan, PlannedGroup
from confluence_groups_sdk.membership._fields import canonical, sha256

SCHEMA = json.loads(
    (Path(confluence_groups_sdk.membership.__file__).parent / "plan.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA)
DIGESTS = Draft202012Validator(SCHEMA["properties"]["digest"])
DIGEST = "0123456789abcdef" * 4
# Not 1.0, which a schema takes for a whole number, nor 1e999, which JSON has no name for: the reader refuses both.
WRONG: list[Any] = [None, "", "x", 0, 1, -1, 1.5, True, [], [""], ["x"], ["x@y"], {}, "A" * 64, DIGEST]


def change(account_id: str = "a", **options: Any) -> Change:
    return Change(action=Action.REMOVE, group_id="g", group_name="Team", account_id=account_id, **options)


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
    refused=(Omission(change=change("b"), why="an app", guard="app", option="allow_apps=True"),),
    left_out=(Omission(change=change("c"), why="not a member"),),
    notes=("unknown: something",),
)


def stamped(value: Any) -> Any:
    """Return the JSON with the digest that belongs to it, where it has one that could."""
    if isinstance(value, dict) and VALIDATOR.evolve(schema=SCHEMA["properties"]["digest"]).is_valid(
        value.get("digest")
    ):
        content = {name: each for name, each in value.items() if name != "digest"}
        try:
            return content | {"digest": sha256(canonical(content))}
        except ValueError:
            return value
    return value


def accepted(value: Any) -> bool:
    try:
        Plan.from_json(value)
    except PlanError as error:
        return "edited" in str(error)  # which is for another test
    return True


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def mutations() -> Iterator[tuple[str, Any]]:
    """Yield plans of which one thing was taken away, added or exchanged."""
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


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert VALIDATOR.is_valid(WHOLE.as_json())
    assert accepted(WHOLE.as_json())


def test_the_schema_says_what_the_reader_does() -> None:
    tried = 0
    for name, value in mutations():
        if name.startswith("('changes', 0, 'group_id')"):
            continue  # that it is among the groups is more than a schema can say
        if name.startswith("('groups', 0, 'id')") or name in ("('groups',) = []",):
            continue
        assert accepted(stamped(value)) is VALIDATOR.is_valid(json.loads(json.dumps(value))), name
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
OMISSIONS = st.lists(st.builds(Omission, change=CHANGES, why=TEXT, guard=MAYBE, option=MAYBE)).map(tuple)
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
    refused=OMISSIONS,
    left_out=OMISSIONS,
    notes=st.lists(TEXT).map(tuple),
)


@given(plan=PLANS)
def test_what_is_saved_is_loaded_and_fits_the_schema(tmp_path_factory: pytest.TempPathFactory, plan: Plan) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    plan.save(path)
    assert Plan.load(path) == plan
    assert VALIDATOR.is_valid(json.loads(path.read_bytes()))


def test_half_a_surrogate_pair_in_a_name_is_kept(tmp_path: Path) -> None:
    plan = evolve(WHOLE, made_by_name="\ud800", digest="")
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan


def test_it_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("an older one")
    path.chmod(0o644)
    WHOLE.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_it_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text("an older one")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(PlanError, match=r"plan\.json: the plan cannot be written \(No space left on device\)"):
        WHOLE.save(path)
    assert path.read_text() == "an older one"
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]


def test_an_edit_shows(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    WHOLE.save(path)
    text = path.read_text(encoding="utf-8")
    for old, new in (("Team", "Tean"), ('"remove"', '"add"'), ("100", "1000"), ("not a member", "nobody")):
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(PlanError, match=r"plan\.json: the plan was edited"):
            Plan.load(path)
    path.write_text(json.dumps(json.loads(text)), encoding="utf-8")  # the same, laid out otherwise
    assert Plan.load(path) == WHOLE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "this is no JSON"),
        (b"[]", "the whole: an object must stand here"),
        (b"{}", "format: it is missing"),
        (b'{"format": 1, "format": 1}', "format: it stands twice in one object"),
        (b'{"format": NaN}', "NaN is no number of JSON"),
        (b"\xff\xfe", "this is no JSON"),
        (b"[" * 100_000, "this is no JSON"),
    ],
)
def test_what_is_no_plan_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(PlanError, match=r"plan\.json: ") as caught:
        Plan.load(tmp_path / "plan.json")
    assert words in str(caught.value)


@pytest.mark.parametrize(("minutes", "calls"), [("1e999", "4"), ("0.01", "4.0")])
def test_numbers_are_those_that_plans_have(tmp_path: Path, minutes: str, calls: str) -> None:
    path = tmp_path / "plan.json"
    WHOLE.save(path)
    text = path.read_text(encoding="utf-8").replace('"calls": 4', f'"calls": {calls}')
    path.write_text(text.replace('"minutes": 0.01', f'"minutes": {minutes}'), encoding="utf-8")
    with pytest.raises(PlanError, match=r"estimate\.(calls|minutes): a .*number, 0 or more, must stand here"):
        Plan.load(path)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nothing\.json: the plan cannot be read \(No such file"):
        Plan.load(tmp_path / "nothing.json")


def test_a_plan_hangs_together() -> None:
    for wrong, words in (
        (evolve(WHOLE, changes=WHOLE.changes * 2, digest=""), "the same person and group stand there twice"),
        (evolve(WHOLE, groups=(), digest=""), r"changes\[0\].group_id: it is not among the groups"),
        (evolve(WHOLE, groups=WHOLE.groups * 2, digest=""), "groups: one stands there twice"),
    ):
        with pytest.raises(PlanError, match=words):
            Plan.from_json(wrong.as_json())


def test_an_estimate_counts_reading_again() -> None:
    group = evolve(WHOLE.groups[0], members=401)
    assert Estimate.of([change()] * 10, [group]) == Estimate(calls=15, points=817, minutes=0.03)


def test_the_digest_is_of_all_but_itself() -> None:
    assert WHOLE.digest == sha256(canonical({k: v for k, v in WHOLE.as_json().items() if k != "digest"}))
    assert WHOLE.digest != evolve(WHOLE, asked="something else", digest="").digest


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(PlanError, match="a file must stand there, or nothing"):
        WHOLE.save(pipe)
    assert pipe.is_fifo()
