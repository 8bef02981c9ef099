"""The cassette recorder keeps what tests need, removes secrets, and detects differences."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import vcr
from hypothesis import given
from hypothesis import strategies as st
from recording import record_cassettes
from recording.scrub import Scrubber

from confluence_groups_sdk.sandbox import Answer, Sandbox

TOKEN = "marker-token-5e12f0"
PERSON = "557058:0a1b2c3d-1111-2222-3333-444455556666"
OTHER_PERSON = "5b10ac8d82e05b22cc7d4ef5"
GROUP = "9f8e7d6c-1111-2222-3333-444455556666"
MARKERS = (
    TOKEN,
    PERSON,
    OTHER_PERSON,
    GROUP,
    "marker-name",
    "marker@example.com",
    "marker-host",
    "marker-header",
    "5550155",
)

BODY = json.dumps(
    {
        "message": f"{PERSON} ({OTHER_PERSON}, marker@example.com) with {TOKEN} on marker-host.atlassian.net",
        "accountId": PERSON,
        "displayName": "marker-name",
        "results": [{"email": "marker@example.com", "publicName": "marker-name", "name": "marker-name"}],
        "profilePicture": {"path": f"/wiki/aa-avatar/{OTHER_PERSON}"},
        "_links": {"self": f"https://marker-host.atlassian.net/wiki/rest/api/user?accountId={PERSON}"},
        f"key {TOKEN}": 1,
        "fullName": "marker-name",
        "name": {"first": "marker-name", "number": 5550155},
        "phone": 5550155,
        "anything": ["marker-name", {"deep": "marker-name"}],
        "self": "https://marker-host.atlassian.net/wiki/rest/experimental/group/marker-name",
        "next": "/rest/api/group?next=true&limit=5&start=5&marker=marker-name",
    }
)
DUPLICATES = f'{{"email": "marker@example.com", "email": "", "a": "{TOKEN}", "a": ""}}'


@pytest.fixture
def scrubber() -> Scrubber:
    known = {TOKEN: "REDACTED", "marker-host.atlassian.net": "your-domain.atlassian.net", GROUP: "group-id"}
    return Scrubber("127.0.0.1", known, frozenset(), pages=False)


def record(folder: Path, sandbox: Sandbox, scrubber: Scrubber, answer: Answer) -> str:
    """Return the cassette of a request that has a marker in every place."""
    host = sandbox.url.removeprefix("http://")
    keeper = Scrubber(host, scrubber.known, scrubber.invented, scrubber.pages)
    sandbox.answer_next(answer)
    recorder = vcr.VCR(record_mode="all", before_record_request=keeper.request, before_record_response=keeper.response)
    with recorder.use_cassette(str(folder / "one.yaml")), suppress(httpx.RemoteProtocolError):  # a redirect to nowhere
        httpx.request(
            "DELETE",
            f"{sandbox.url}/wiki/rest/api/group/userByGroupId",
            params={"groupId": GROUP, "accountId": PERSON, "name": "marker-name", "email": "marker@example.com"},
            headers={"Authorization": f"Bearer {TOKEN}", "X-Marker": "marker-header", "Cookie": f"session={TOKEN}"},
            content=BODY,
        )
    return (folder / "one.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"Content-Type": "application/json", "Set-Cookie": TOKEN, "X-Other": "marker-header"}, BODY),
        Answer(200, {"Content-Type": f"text/html; marker={TOKEN}"}, f"<html>marker-name {TOKEN} {PERSON}</html>"),
        Answer(200, {"Content-Type": "application/json"}, DUPLICATES),
        Answer(200, {"Content-Type": "application/json"}, json.dumps("marker-name")),
        Answer(302, {"Location": f"https://marker-host.atlassian.net/{PERSON}?token={TOKEN}&os_name=marker-name"}),
        Answer(302, {"Location": f"https://marker-host.okta.example/marker-name?{TOKEN}"}),
        Answer(302, {"Location": f"/wiki/{TOKEN}?{TOKEN}&user_{OTHER_PERSON}"}),
        Answer(302, {"Location": f"http://[::1/{TOKEN}"}),
        Answer(429, {"Retry-After": TOKEN, "RateLimit-Reason": TOKEN.upper(), "atl-request-id": TOKEN}),
    ],
    ids=["json", "html", "twice", "text", "redirect", "elsewhere", "relative", "nowhere", "headers"],
)
def test_no_marker_is_recorded(tmp_path: Path, sandbox: Sandbox, scrubber: Scrubber, answer: Answer) -> None:
    text = record(tmp_path, sandbox, scrubber, answer)
    assert not [marker for marker in MARKERS if marker in text.lower()], text
    assert sandbox.url.removeprefix("http://") not in text
    assert "https://your-domain.atlassian.net/wiki/rest/api/group/userByGroupId?groupId=group-id" in text
    assert "REDACTED" in text


def test_fields_that_tests_need_are_kept(tmp_path: Path, sandbox: Sandbox, scrubber: Scrubber) -> None:
    answer = Answer(
        429, {"Content-Type": "application/json", "Retry-After": "7"}, '{"code": 429, "message": "Slow down"}'
    )
    text = record(tmp_path, sandbox, scrubber, answer)
    for part in ("code: 429", "Slow down", "retry-after", "'7'", "atl-request-id", "method: DELETE"):
        assert part in text


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a": "\\ud800", "displayName": "x"}', "marker%40example.com"])
def test_unusual_bodies_are_scrubbed_without_errors(scrubber: Scrubber, body: str) -> None:
    status = {"code": 200, "message": "OK"}
    response = scrubber.response({"status": status, "headers": {}, "body": {"string": body.encode()}})
    assert b"scrubbed" in response["body"]["string"]
    assert b"marker" not in response["body"]["string"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("MARKER/TOKEN", "REDACTED"),
        ("marker%2ftoken", "REDACTED"),
        ("user_5B10AC8D82E05B22CC7D4EF5", "user_scrubbed"),
        ("a%40b.example", "scrubbed"),
        ("host.example:1", "your-domain.atlassian.net"),
        ("Marker/Token/Longer", "the-longer-one"),
    ],
)
def test_names_are_found_in_any_case_and_encoding(text: str, kept: str) -> None:
    keeper = Scrubber(
        "Host.example:1", {"Marker/Token": "REDACTED", "Marker/Token/Longer": "the-longer-one"}, frozenset(), pages=True
    )
    response = {"status": {"code": 200, "message": text}, "headers": {}, "body": {"string": b""}}
    assert keeper.response(response)["status"]["message"] == kept


@given(st.text() | st.binary())
def test_every_body_can_be_scrubbed(body: str | bytes) -> None:
    keeper = Scrubber("host", {TOKEN: "REDACTED"}, frozenset(), pages=True)
    raw = body if isinstance(body, bytes) else body.encode()
    status = {"code": 200, "message": "OK"}
    response = keeper.response({"status": status, "headers": {}, "body": {"string": raw + TOKEN.encode()}})
    assert TOKEN.encode() not in response["body"]["string"]


def test_a_site_is_recorded_with_pseudonyms(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    group = sandbox.directory.group_named("docs-editors")
    leaver = sandbox.directory.members(group.id)[0]
    monkeypatch.setenv("CONFLUENCE_EMAIL", sandbox.admin.email)
    monkeypatch.setenv("CONFLUENCE_API_TOKEN", sandbox.admin.token)
    monkeypatch.setenv("CONFLUENCE_SITE", "https://overridden.example.com")
    arguments = ["--group-id", group.id, "--account-id", leaver.account_id, "--output", str(tmp_path)]
    site = sandbox.url.replace("127.0.0.1", "LOCALHOST")
    assert record_cassettes.main(["--site", site, *arguments]) == 0
    assert not sandbox.directory.is_member(group.id, leaver.account_id)
    texts = [path.read_text(encoding="utf-8") for path in tmp_path.glob("*.yaml")]
    assert len(texts) == 4
    secrets = (group.id, leaver.account_id, leaver.email, sandbox.admin.email, sandbox.admin.token, "localhost")
    assert not [secret for secret in secrets for text in texts if secret.lower() in text.lower()]
    assert all("https://your-domain.atlassian.net/wiki/rest/" in text for text in texts)


def test_unexpected_response_of_a_site_stops_the_recording(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    group = sandbox.directory.group_named("docs-editors")
    leaver = sandbox.directory.members(group.id)[0]
    monkeypatch.setenv("CONFLUENCE_EMAIL", sandbox.admin.email)
    monkeypatch.setenv("CONFLUENCE_API_TOKEN", "wrong-token")
    monkeypatch.setenv("CONFLUENCE_SITE", "https://overridden.example.com")
    arguments = ["--group-id", group.id, "--account-id", leaver.account_id, "--output", str(tmp_path)]
    assert record_cassettes.main(["--site", sandbox.url, *arguments]) == 1
    assert list(tmp_path.iterdir()) == []
    assert "401" in capsys.readouterr().err


@pytest.mark.parametrize("site", ["http://example.com", "https://example.com:port"])
def test_a_malformed_site_is_a_usage_error(tmp_path: Path, site: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--group-id", "g", "--account-id", "a", "--output", str(tmp_path)]
    with pytest.raises(SystemExit) as caught:
        record_cassettes.main(["--site", site, *arguments])
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_site_needs_ids() -> None:
    with pytest.raises(SystemExit) as caught:
        record_cassettes.main(["--site", "https://your-domain.atlassian.net"])
    assert caught.value.code == 2


def test_check_names_each_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tests" / "cassettes"
    shutil.copytree(record_cassettes.CASSETTES, folder)
    monkeypatch.setattr(record_cassettes, "ROOT", tmp_path)
    monkeypatch.setattr(record_cassettes, "CASSETTES", folder)
    assert record_cassettes.main(["--check"]) == 0
    edited = folder / "remove_member_429_then_204.yaml"
    edited.write_text(edited.read_text(encoding="utf-8").replace("'3'", "'4'"), encoding="utf-8")
    (folder / "remove_member_204.yaml").unlink()
    shutil.copy(folder / "remove_member_401.yaml", folder / "made_up.yaml")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert record_cassettes.main(["--check"]) == 1
    errors = capsys.readouterr().err
    assert "tests/cassettes/remove_member_429_then_204.yaml: differs" in errors
    assert "tests/cassettes/remove_member_204.yaml: missing" in errors
    assert "tests/cassettes/made_up.yaml: not recorded" in errors
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
