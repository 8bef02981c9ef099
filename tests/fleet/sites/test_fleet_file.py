"""``fleet.toml``: sites, credentials by the names of variables, jobs, and every mistake with its key."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from membership_fakes import client, people

from confluence_groups_sdk import ConfigurationError, Tokens
from confluence_groups_sdk.fleet import (
    FleetFile,
    JobPhase,
    OffboardRequest,
    PeopleFile,
    Postgres,
    ReviewRequest,
    SyncRequest,
    site_job,
)
from confluence_groups_sdk.membership import Guards
from confluence_groups_sdk.sandbox import Group, Sandbox
from confluence_groups_sdk.sandbox.seed import ADMIN

SITE = '[sites.acme]\nurl = "https://acme.atlassian.net"\nemail = "ACME_EMAIL"\napi_token = "ACME_API_TOKEN"\n'
WHOLE = (
    SITE
    + """
[sites.beta]
cloud_id = "0000-beta"
access_token = "BETA_TOKEN"

[sites.gamma]
cloud_id = "0000-gamma"
client_id = "GAMMA_ID"
client_secret = "GAMMA_SECRET"
token_store = "gamma"

[jobs.leavers-2026-11]
kind = "offboard"
sites = ["acme", "beta"]
people = "leavers.csv"
keep_groups = ["everyone"]
reason = "left"
approval = false
stop_after_failures = "none"
[jobs.leavers-2026-11.guards]
max_removals = "none"
protected_groups = ["admins"]

[jobs.team]
kind = "sync"
group = "Team"
people = ["a.csv", "b.csv"]
mode = "add-only"

[jobs.q4]
kind = "review"
access = ["admin"]
"""
)
MARK = "ATATT3xFfGF0-marker-secret=1A2B"

Load = Callable[[str], FleetFile]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    for name in ("leavers", "a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"account\nid-{name}\n", "utf-8")

    def load(text: str) -> FleetFile:
        (tmp_path / "fleet.toml").write_text(text, "utf-8")
        return FleetFile.load(tmp_path / "fleet.toml")

    return load


def problems_of(load: Load, text: str) -> tuple[str, ...]:
    with pytest.raises(
        ConfigurationError, match=r"fleet\.toml: the file cannot be used \(\d+ problems?\):\n  "
    ) as caught:
        load(text)
    assert all(problem in str(caught.value) for problem in caught.value.problems[:20])
    return caught.value.problems


def test_a_request_for_each_job_and_site(load: Load) -> None:
    file = load(WHOLE)
    assert list(file.sites) == ["acme", "beta", "gamma"]
    assert file.jobs == ("leavers-2026-11", "team", "q4")
    requests = {request.id: request for request in file.requests()}
    assert list(requests) == [
        *("leavers-2026-11/acme", "leavers-2026-11/beta"),
        *(f"{job}/{site}" for job in ("team", "q4") for site in ("acme", "beta", "gamma")),
    ]
    assert requests["leavers-2026-11/beta"] == OffboardRequest(
        id="leavers-2026-11/beta",
        site="beta",
        people=[PeopleFile("leavers.csv", b"account\nid-leavers\n")],
        keep_groups=["everyone"],
        reason="left",
        needs_approval=False,
        stop_after_failures=None,
        guards=Guards(max_removals=None, protected_groups=["admins"]),
    )
    team = requests["team/acme"]
    assert isinstance(team, SyncRequest)
    assert (team.mode, team.needs_approval, len(team.people)) == ("add-only", True, 2)
    assert requests["q4/gamma"] == ReviewRequest(id="q4/gamma", site="gamma", access=["admin"])
    assert [request.id for request in file.requests(["q4"])] == ["q4/acme", "q4/beta", "q4/gamma"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "sites: give at least one site, as in [sites.acme]"),
        ("sites = 3", "sites: must be a table of tables, as in [sites.acme]"),
        ("[sites]\nacme = 3", "sites.acme: must be a table, as in [sites.acme]"),
        (
            SITE.replace("acme]", '"a b"]'),
            "sites.a b: a name has 1 to 100 letters, digits, dots, dashes or underscores",
        ),
        (SITE + "[other]", "other: unknown key: the keys here are sites, jobs"),
        (SITE + "tokn = 1", "sites.acme.tokn: unknown key: the keys here are url, cloud_id, email, api_token, "),
        (SITE.replace("url", "#"), "sites.acme: give either url, the site's address, or cloud_id, for the gateway"),
        (SITE + 'cloud_id = "c"', "sites.acme: give either url, the site's address, or cloud_id, for the gateway"),
        (SITE.replace("https://acme", "http://acme"), "sites.acme: site: "),
        (SITE.replace('"https://acme.atlassian.net"', "7"), "sites.acme.url: give a string that is not empty"),
        (SITE.replace("email", "#"), "sites.acme: email must be given with api_token"),
        (SITE + 'access_token = "T"', "sites.acme: several kinds of credentials: give email and api_token; or access_"),
        (
            '[sites.acme]\nurl = "https://acme.atlassian.net"',
            "sites.acme: no credentials: give email and api_token; or",
        ),
        (
            SITE.replace("ACME_API_TOKEN", MARK),
            "sites.acme.api_token: give the name of an environment variable in capi",
        ),
        (SITE.replace("ACME_EMAIL", "ann@example.com"), "sites.acme.email: give the name of an environment variable"),
        (
            '[sites.acme]\nurl = "https://acme.atlassian.net"\nclient_id = "A"\nclient_secret = "B"\ntoken_store = "c"',
            "sites.acme: OAuth 2.0 works through the gateway only: give cloud_id instead of url",
        ),
        (SITE + "[jobs]\nx = 1", "jobs.x: must be a table, as in [jobs.x]"),
        (SITE + "[jobs.x]", "jobs.x.kind: give offboard, sync, review"),
        (SITE + '[jobs.x]\nkind = "offboard"', "jobs.x.people: give the path of a CSV file, or a list of paths"),
        (
            SITE + '[jobs.x]\nkind = "sync"\npeople = "a.csv"',
            "jobs.x.group: missing: give the group's id or exact name",
        ),
        (
            SITE + '[jobs.x]\nkind = "review"\npeople = "a.csv"',
            "jobs.x.people: unknown key: the keys here are kind, sit",
        ),
        (SITE + '[jobs.x]\nkind = "review"\nsites = ["b"]', "jobs.x.sites: there is no site b: add a table [sites.b]"),
        (SITE + '[jobs.x]\nkind = "review"\nsites = []', "jobs.x.sites: give a list of strings that are not empty"),
        (
            SITE + '[jobs.x]\nkind = "review"\naccess = ["all"]',
            "jobs.x.access: 'all' is none of user, admin, site-admin",
        ),
        (SITE + '[jobs.x]\nkind = "review"\ngroups = "a"', "jobs.x.groups: give a list, not one item"),
        (SITE + '[jobs.x]\nkind = "review"\napproval = "no"', "jobs.x.approval: give true or false"),
        (
            SITE + '[jobs.x]\nkind = "review"\nstop_after_failures = 0',
            "jobs.x.stop_after_failures: give a whole number",
        ),
        (
            SITE + '[jobs.x]\nkind = "review"\n[jobs.x.guards]\nmax_fraction = 3',
            "jobs.x.guards.max_fraction: give a fracti",
        ),
        (SITE + '[jobs.x]\nkind = "review"\n[jobs.x.guards]\nother = 3', "jobs.x.guards.other: unknown key: the keys"),
        (SITE + '[jobs.x]\nkind = "review"\nguards = 3', "jobs.x.guards: must be a table, as in [jobs.x.guards]"),
    ],
)
def test_each_mistake_is_named_with_its_key(load: Load, text: str, problem: str) -> None:
    [found] = problems_of(load, text)
    assert found.startswith(problem)
    assert MARK not in found


def test_all_mistakes_are_found_at_once(load: Load) -> None:
    text = (
        SITE.replace("ACME_EMAIL", MARK)
        + f'x = "{MARK}"\n[sites.beta]\n[jobs.a]\nkind = "sync"\nmode = "all"\n[jobs.b]\n'
    )
    found = problems_of(load, text)
    assert [problem.partition(":")[0] for problem in found] == [
        *("sites.acme.email", "sites.acme.x", "sites.beta", "sites.beta"),
        *("jobs.a.group", "jobs.a.mode", "jobs.a.people", "jobs.b.kind"),
    ]


def test_a_secret_in_the_file_is_never_shown(load: Load) -> None:
    for text in (
        SITE.replace("ACME_API_TOKEN", MARK),
        SITE.replace("https://", f"https://me:{MARK}@"),
        SITE + f'"{MARK}" "x"',
        SITE + f'api_token = "{MARK}"',
        SITE.replace('"ACME_API_TOKEN"', MARK),
        SITE.replace('"ACME_API_TOKEN"', f'["{MARK}"]'),
        SITE + f'gateway = "{MARK}"',
    ):
        with pytest.raises(ConfigurationError) as caught:
            load(text)
        assert MARK not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[sites", r"this is not TOML: Expected ']'"),
        (b"a = 1\na = 2", r"this is not TOML: Cannot overwrite a value"),
        (b"a = 1\n# \xff", r"line 2 is not UTF-8: save the file as UTF-8"),
        (None, r"the file cannot be read \(No such file or directory\)"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "fleet.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"fleet\.toml: {problem}"):
        FleetFile.load(tmp_path / "fleet.toml")


def test_files_of_people_are_read_with_the_requests(load: Load, tmp_path: Path) -> None:
    file = load(WHOLE)
    (tmp_path / "leavers.csv").unlink()
    (tmp_path / "b.csv").write_text("account\nid-b\n,\nnobody here,\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"2 problems") as caught:
        file.requests()
    assert "jobs.leavers-2026-11.people: " in caught.value.problems[0]
    assert "leavers.csv" in caught.value.problems[0]
    assert caught.value.problems[1].startswith("jobs.team.people: b.csv: ")
    assert len(file.requests(["q4"])) == 3
    with pytest.raises(ConfigurationError, match=r"jobs\.other: there is no such job"):
        file.requests(["other"])


def test_a_job_with_the_credentials_of_the_environment(
    load: Load, shared: Postgres, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.directory.add_group(Group("team", "Team"), people(sandbox, 8))
    (tmp_path / "leavers.csv").write_text("account,reason\nid-003,left\n", "utf-8")
    file = load(
        f'[sites.acme]\nurl = "{sandbox.url}"\nemail = "ACME_EMAIL"\napi_token = "ACME_API_TOKEN"\n'
        '[jobs.leavers]\nkind = "offboard"\npeople = "leavers.csv"\napproval = false\n'
    )
    [request] = file.requests()
    failed = site_job(shared, file.open_client(shared), request)
    assert failed.phase is JobPhase.FAILED
    assert failed.error == "sites.acme.email: the environment variable ACME_EMAIL is not set"
    monkeypatch.setenv("ACME_EMAIL", sandbox.admin.email)
    monkeypatch.setenv("ACME_API_TOKEN", sandbox.admin.token)
    assert site_job(shared, file.open_client(shared), request).phase is JobPhase.DONE
    with client(sandbox) as groups:
        assert not groups.is_member(group_id="team", account_id="id-003")
    with pytest.raises(ConfigurationError, match=r"sites\.beta: there is no such site"):
        file.open_client(shared)("beta")


def test_the_other_credentials(load: Load, shared: Postgres, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = f'cloud_id = "{sandbox.cloud_id}"\ngateway = "{sandbox.gateway}"\n'
    file = load(
        f'[sites.bearer]\naccess_token = "ACCESS"\n{gateway}'
        f'[sites.oauth]\nclient_id = "ID"\nclient_secret = "SECRET"\ntoken_store = "oauth"\n{gateway}'
        f'authority = "{sandbox.authority}"\n'
    )
    grant = sandbox.grant(expires_in=0)
    shared.token_store("oauth").save(Tokens(*grant))
    monkeypatch.setenv("ACCESS", sandbox.access_token)
    monkeypatch.setenv("ID", sandbox.oauth_client[0])
    monkeypatch.setenv("SECRET", sandbox.oauth_client[1])
    for site in ("bearer", "oauth"):
        with file.open_client(shared)(site) as groups:
            assert groups.current_user().account_id == ADMIN
            assert groups.site == sandbox.cloud_id
    tokens = shared.token_store("oauth").load()
    assert tokens is not None
    assert tokens.refresh_token != grant.refresh_token
