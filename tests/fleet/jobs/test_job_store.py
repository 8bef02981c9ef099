"""Requests as they are stored, and the store of jobs."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from databases.embedded import EmbeddedPostgres
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from job_fakes import GROUPS, JOB, company, offboard, opener, review, rows, sync
from membership_fakes import people, writes

from confluence_groups_sdk import ConfigurationError, JobError
from confluence_groups_sdk._support.strict_json import ShapeError
from confluence_groups_sdk.fleet import (
    JobPhase,
    JobRequest,
    OffboardRequest,
    PeopleFile,
    Postgres,
    ReviewRequest,
    SyncRequest,
    site_job,
)
from confluence_groups_sdk.fleet.jobs.planning import plan_columns
from confluence_groups_sdk.fleet.jobs.requests import request_as_text, request_from_text
from confluence_groups_sdk.membership import Guards, Plan
from confluence_groups_sdk.sandbox import Sandbox

TEXTS = st.text(min_size=1).filter(lambda text: not text.isspace())
FILES = st.builds(PeopleFile, st.sampled_from(("people.csv", "Leute ü.csv")), st.binary())
GUARDS = st.builds(
    Guards,
    allow_self=st.booleans(),
    protected_groups=st.lists(TEXTS, max_size=2),
    max_removals=st.none() | st.integers(0, 10**6),
    max_fraction=st.floats(0, 1),
)
COMMON: dict[str, Any] = {
    "id": st.sampled_from(("2026-11-leavers/acme", "ü/☃")),
    "site": st.just("acme"),
    "needs_approval": st.booleans(),
    "guards": GUARDS,
    "on_drift": st.sampled_from(("refuse", "continue")),
    "stop_after_failures": st.none() | st.integers(1, 10**6),
    "wait_for_quota": st.booleans(),
}
REASON = st.none() | st.text()
REQUESTS: st.SearchStrategy[JobRequest] = (
    st.builds(
        OffboardRequest,
        **COMMON,
        people=st.lists(TEXTS | FILES, min_size=1, max_size=3),
        keep_groups=st.lists(TEXTS, max_size=2),
        reason=REASON,
    )
    | st.builds(
        SyncRequest,
        **COMMON,
        group=TEXTS,
        people=st.lists(TEXTS | FILES, max_size=3),
        mode=st.sampled_from(("exact", "add-only", "remove-only")),
        allow_empty=st.booleans(),
        reason=REASON,
    )
    | st.builds(
        ReviewRequest,
        **COMMON,
        groups=st.none() | st.lists(TEXTS, min_size=1, max_size=2),
        access=st.none() | st.lists(st.sampled_from(("user", "admin", "site-admin")), min_size=1, max_size=2),
        allow_own_access=st.booleans(),
    )
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=REQUESTS)
def test_a_request_is_stored_whole(
    shared: Postgres, server: EmbeddedPostgres, schema: str, request: JobRequest
) -> None:
    assert request_from_text(request_as_text(request)) == request
    assert pickle.loads(pickle.dumps(request)) == request
    rows(server, f"DELETE FROM {schema}.jobs")
    assert shared.jobs.submit(request)
    assert shared.jobs.request(request.id) == request
    assert not shared.jobs.submit(request)


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: offboard([]), r"OffboardRequest\(people=\.\.\.\): give at least one"),
        (lambda: offboard(["a"], people="abc"), "give a list, not one item"),
        (lambda: offboard(["a"], people=[Path("people.csv")]), "an item is an account id, an e-mail, or a PeopleFile"),
        (lambda: offboard(["a"], id=" a"), r"OffboardRequest\(id=\.\.\.\): give 1 to 200 characters"),
        (lambda: offboard(["a"], id="a\nb"), "give 1 to 200 characters"),
        (lambda: offboard(["a"], id="--yes"), "without a dash at the beginning"),
        (lambda: offboard(["a"], site=""), r"OffboardRequest\(site=\.\.\.\)"),
        (lambda: offboard(["a"], needs_approval="no"), "give True or False"),
        (lambda: offboard(["a"], guards=None), "give Guards"),
        (lambda: offboard(["a"], on_drift="ignore"), "give refuse or continue"),
        (lambda: offboard(["a"], stop_after_failures=0), "give a whole number, 1 or more, or None"),
        (lambda: offboard(["a"], reason=3), "give a string or None"),
        (lambda: offboard(["a"], keep_groups=["", "b"]), "an item is a string that is not empty"),
        (lambda: sync(["a"], group=" "), "give a string that is not empty"),
        (lambda: sync(["a"], mode="all"), "give exact or add-only or remove-only"),
        (lambda: review(groups=[]), "give at least one, or None for no restriction"),
        (lambda: review(access=["owner"]), r"ReviewRequest\(access=\.\.\.\): 'owner' is none of"),
        (lambda: PeopleFile("../a.csv", b""), "give the name of a file, without a folder"),
        (lambda: PeopleFile("a.csv", "text"), "give bytes"),  # type: ignore[arg-type] # the mistake
    ],
)
def test_a_malformed_request_is_refused(build: Any, problem: str) -> None:
    with pytest.raises((TypeError, ValueError), match=problem):
        build()


def test_another_request_with_the_same_id_is_refused(shared: Postgres) -> None:
    assert shared.jobs.submit(offboard(["a"]))
    with pytest.raises(JobError, match="another request has this id"):
        shared.jobs.submit(offboard(["a", "b"]))
    assert shared.jobs.request(JOB) == offboard(["a"])


def test_unknown_jobs(shared: Postgres) -> None:
    store = shared.jobs
    for use in (store.get, store.plan, store.request, store.report, store.snapshot, store.queue_again):
        with pytest.raises(JobError, match=r"^nothing: there is no job with this id$"):
            use("nothing")
    with pytest.raises(JobError, match="there is no job with this id"):
        store.approve("nothing", "a" * 64)
    with pytest.raises(JobError, match="there is no job with this id"):
        store.discard_plan("nothing")


def test_a_request_of_a_newer_version_is_not_misread(shared: Postgres, server: EmbeddedPostgres, schema: str) -> None:
    shared.jobs.submit(offboard(["a"]))
    rows(server, f"""UPDATE {schema}.jobs SET request = replace(request, '{{"guards"', '{{"new":1,"guards"')""")
    with pytest.raises(ConfigurationError, match=r"cannot be read \(new: unknown field\): a newer version"):
        shared.jobs.request(JOB)


@pytest.mark.parametrize(
    "text",
    ["[]", '{"kind":"other"}', '{"kind":"sync"}', '{"kind":"sync","people":[{}]}', '{"kind":"sync","guards":{"x":1}}'],
)
def test_malformed_requests_in_the_table(text: str) -> None:
    with pytest.raises(ShapeError, match=r"request|kind|object"):
        request_from_text(text)


def test_approval_needs_the_digest_of_the_plan(shared: Postgres, sandbox: Sandbox) -> None:
    ids = company(sandbox)
    shared.jobs.submit(offboard(ids[:2]))
    with pytest.raises(JobError, match="there is no plan yet, so none can be approved"):
        shared.jobs.approve(JOB, "a" * 64)
    with pytest.raises(JobError, match="there is no plan yet"):
        shared.jobs.plan(JOB)
    status = site_job(shared, opener(sandbox), offboard(ids[:2]))
    with pytest.raises(JobError, match=f"this is not the digest of the job's plan, which is {status.digest}"):
        shared.jobs.approve(JOB, "a" * 64)
    assert site_job(shared, opener(sandbox), offboard(ids[:2])).phase is JobPhase.WAITING_FOR_APPROVAL
    assert writes(sandbox) == []


def test_jobs_are_listed_by_site_and_phase(shared: Postgres, sandbox: Sandbox) -> None:
    ids = company(sandbox)
    for site in ("acme", "beta"):
        shared.jobs.submit(offboard(ids[:2], id=f"x/{site}", site=site))
    site_job(shared, opener(sandbox), offboard(ids[:2], id="x/beta", site="beta"))
    assert [each.id for each in shared.jobs.list()] == ["x/acme", "x/beta"]
    assert [each.id for each in shared.jobs.list(site="beta")] == ["x/beta"]
    assert [each.id for each in shared.jobs.list(phase=JobPhase.QUEUED)] == ["x/acme"]
    assert shared.jobs.list(site="acme", phase=JobPhase.DONE) == []
    assert shared.jobs.list()[1].as_json()["phase"] == "waiting for approval"


def test_an_ended_job_can_be_queued_again(shared: Postgres, server: EmbeddedPostgres, schema: str) -> None:
    shared.jobs.submit(offboard(["a"]))
    assert not shared.jobs.queue_again(JOB)
    for phase in JobPhase:
        rows(server, f"UPDATE {schema}.jobs SET phase = '{phase}'")
        assert shared.jobs.queue_again(JOB) is phase.can_run_again


def test_a_file_of_people_is_read_as_if_it_were_there(shared: Postgres, sandbox: Sandbox, tmp_path: Path) -> None:
    company(sandbox)
    people(sandbox, 2, first=700)
    (tmp_path / "leavers.csv").write_text("account,reason\nid-003,left\nid-004,\n", "utf-8")
    file = PeopleFile.read(tmp_path / "leavers.csv")
    (tmp_path / "leavers.csv").unlink()
    request = offboard([], people=["id-001", file])
    site_job(shared, opener(sandbox), request)
    changes = shared.jobs.plan(JOB).changes
    assert {(each.account_id, each.reason) for each in changes} == {
        ("id-001", None),
        ("id-003", "left"),
        ("id-004", None),
    }
    assert len(changes) == 3 * len(GROUPS)
    (tmp_path / "bad.csv").write_text("account\nid-003\n\nnot an id,x\n", "utf-8")
    bad = offboard([], id="bad", people=[PeopleFile.read(tmp_path / "bad.csv")])
    failed = site_job(shared, opener(sandbox), bad)
    assert failed.phase is JobPhase.FAILED
    assert "bad.csv" in (failed.error or "")


def test_texts_that_postgresql_cannot_keep(shared: Postgres) -> None:
    shared.jobs.submit(offboard(["a"]))
    strange = "\x7f\x00\ud800 \u202e\\"
    plan = Plan(site="s", made_at="t", made_by="me", asked=strange)
    with shared.jobs.run(JOB) as run:
        run.update(error=f"one\n{strange}", progress=strange)
        assert run.store_plan(None, **plan_columns(plan))
        assert not run.store_plan(None, **plan_columns(Plan(site="s", made_at="t", made_by="me", asked="other")))
    assert shared.jobs.plan(JOB) == plan
    assert (shared.jobs.get(JOB).error or "").startswith("one\n")
    shared.jobs.approve(JOB, plan.digest, by=strange)


def test_a_job_store_is_not_copied(shared: Postgres) -> None:
    for use in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="make a Postgres in each process"):
            use(shared.jobs)
    assert "PostgreSQL at" in repr(shared.jobs)


def test_importing_the_package_loads_no_database_and_no_engine() -> None:
    program = "import sys, confluence_groups_sdk.fleet; print({'psycopg', 'dbos'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert result.stdout == "set()\n"
