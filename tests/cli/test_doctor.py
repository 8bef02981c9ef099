"""``confluence-groups doctor``: each check, its remedy, the exit code, and that no secret is shown."""

from __future__ import annotations

import json
from email.utils import formatdate

import httpx
import pytest
from shell import Result, Shell

from confluence_groups_sdk import BearerToken, Tokens
from confluence_groups_sdk.cli.doctor import machine, site
from confluence_groups_sdk.cli.doctor.finding import Finding, Status
from confluence_groups_sdk.cli.session.client_factory import ClientSource
from confluence_groups_sdk.cli.session.oauth_callback import SCOPES
from confluence_groups_sdk.sandbox import Faults, Sandbox

CHECKS = [
    *("versions", "site", "credentials", "proxy", "certificates", "connection", "clock", "account", "scopes"),
    "rate limit",
]
SITE = httpx.URL("https://your-domain.atlassian.net/wiki/rest")
SECRET = "pass-word"


def findings(ended: Result) -> dict[str, Finding]:
    said = json.loads(ended.out)
    found = {each["check"]: Finding(**each) for each in said["checks"]}
    assert said["ok"] is (ended.code == 0)
    assert all(bool(each.remedy) is (each.status == Status.PROBLEM) for each in found.values())
    return found


def test_working_site_has_no_problem(shell: Shell) -> None:
    ended = shell.run("doctor")
    assert (ended.code, ended.err) == (0, "")
    lines = [line.split(":")[0].split(maxsplit=1) for line in ended.out.splitlines()]
    assert lines == [["ok", check] for check in CHECKS]
    assert shell.sandbox.url in ended.out
    assert "API token in CONFLUENCE_API_TOKEN" in ended.out
    assert shell.sandbox.admin.token not in ended.out
    assert shell.writes == []


def test_sandbox_works_too(shell: Shell) -> None:
    shell.sign_in(None)
    shell.note_sandbox()
    ended = shell.run("doctor", "--sandbox", "--json")
    found = findings(ended)
    assert (ended.code, list(found)) == (0, CHECKS)
    assert found["site"].text == f"{shell.sandbox.url}, named by the running sandbox"


def test_missing_site_is_a_problem_and_the_machine_is_checked_anyway(shell: Shell) -> None:
    shell.sign_in(None)
    ended = shell.run("doctor", "--json")
    found = findings(ended)
    assert ended.code == 1
    assert [each.check for each in found.values() if each.status == Status.PROBLEM] == ["site"]
    assert "--site" in found["site"].remedy
    assert {found[each].status for each in ("proxy", "certificates")} == {Status.OK}
    assert {found[each].status for each in ("connection", *site.AFTER)} == {Status.UNKNOWN}


def test_mistakes_of_the_configuration_are_remedies(shell: Shell) -> None:
    folder = shell.folder / "home" / "confluence-groups"
    folder.mkdir()
    (folder / "config.toml").write_text(f'[profiles.acme]\ncloud_id = "1"\naccess_token = "{SECRET}"\n')
    ended = shell.run("doctor", "--profile", "acme")
    assert (ended.code, SECRET in ended.out + ended.err) == (1, False)
    assert "what to do: profiles.acme.access_token: give the name of an environment variable" in ended.out


def test_wrong_token_is_a_problem_of_the_account(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFLUENCE_API_TOKEN", SECRET)
    ended = shell.run("doctor")
    assert ended.code == 1
    assert SECRET not in ended.out + ended.err
    assert "problem  account: 401 Unauthorized" in ended.out
    assert "         what to do: The credentials were not accepted" in ended.out
    assert ended.out.endswith("\n1 problem: account\n")


def test_site_that_does_not_answer_is_a_problem_of_the_connection(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFLUENCE_SITE", "http://127.0.0.1:9")
    found = findings(shell.run("doctor", "--json"))
    assert found["connection"].text.endswith("127.0.0.1:9 refused the connection")
    assert {found[each].status for each in site.AFTER} == {Status.UNKNOWN}


def test_spent_quota_is_a_problem(shell: Shell) -> None:
    shell.sandbox.faults = Faults(quota=1)
    found = findings(shell.run("doctor", "--json"))
    assert found["rate limit"].text.startswith("used up; ")
    assert "x-ratelimit-remaining: 0" in found["rate limit"].text
    assert found["rate limit"].remedy.startswith("Wait ")


def test_unusable_certificates_are_one_problem(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFLUENCE_SITE", "https://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    found = findings(shell.run("doctor", "--json"))
    assert [each.check for each in found.values() if each.status == Status.PROBLEM] == ["certificates"]
    assert found["connection"].text == "no client can be built"


def test_token_for_another_site_is_a_problem(sandbox: Sandbox) -> None:
    token = BearerToken(Tokens(*sandbox.grant()).access_token)
    found = list(site.check_site(ClientSource(None, "another-cloud-id", token, sandbox.gateway), 30))
    assert Status.PROBLEM in {each.status for each in found}


@pytest.mark.parametrize(
    ("seconds", "status", "text"),
    [
        (0, Status.OK, "at most 1 s from the site's clock"),
        (-59, Status.OK, "at most 59 s from the site's clock"),
        (61, Status.PROBLEM, "61 s ahead of the site's clock"),
        (-3600, Status.PROBLEM, "3600 s behind the site's clock"),
    ],
)
def test_clocks_are_compared(seconds: int, status: Status, text: str) -> None:
    found = site.compare_clocks(formatdate(1_800_000_000, usegmt=True), 1_800_000_000 + seconds)
    assert (found.status, found.text) == (status, text)


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Foo 2026 99:99:99 GMT"])
def test_site_without_a_date_is_no_problem(date: str) -> None:
    assert site.compare_clocks(date, 0.0).status is Status.UNKNOWN


def test_scopes_of_a_token_are_listed_and_missing_ones_named(sandbox: Sandbox) -> None:
    def scopes(*granted: str) -> Finding:
        token = BearerToken(Tokens(*sandbox.grant(scopes=granted)).access_token)
        source = ClientSource(None, sandbox.cloud_id, token, sandbox.gateway)
        return {each.check: each for each in site.check_site(source, 30)}["scopes"]

    assert scopes(*SCOPES[:3]).status is Status.OK
    found = scopes("read:confluence-groups")
    assert found.status is Status.PROBLEM
    assert "change groups (write:confluence-groups or write:group:confluence)" in found.remedy
    assert "read groups" not in found.remedy


def test_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.proxy(SITE).text == "none is set"
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@proxy.example.com:3128")
    shown = "HTTPS_PROXY (host proxy.example.com, port 3128)"
    assert machine.proxy(SITE).text == f"{shown}, for your-domain.atlassian.net"
    assert machine.proxy(None).text == shown
    assert machine.proxy(httpx.URL("http://127.0.0.1")).text == "none is used for a site on this machine"
    monkeypatch.setenv("NO_PROXY", ".atlassian.net")
    assert machine.proxy(SITE).text == f"{shown}, but NO_PROXY covers your-domain.atlassian.net"
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@[proxy")
    found = machine.proxy(SITE)
    assert (found.status, SECRET in found.text) == (Status.PROBLEM, False)


def test_certificates_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.certificates(SITE).text.startswith("the public authorities of certifi 2")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    found = machine.certificates(SITE)
    assert (found.status, found.text) == (Status.PROBLEM, "SSL_CERT_FILE names a file that does not exist")
    assert machine.proxy(SITE).status is Status.OK
