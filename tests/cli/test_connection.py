"""Which site is called with which credentials, and what is said where there are none."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from shell import PROGRAM, Shell

from confluence_groups_sdk import ConfigurationError, Pacer
from confluence_groups_sdk.cli import store
from confluence_groups_sdk.cli.connection import access_for, connected
from confluence_groups_sdk.cli.options import Connecting

OTHER = "https://your-domain.atlassian.net"


@pytest.fixture
def nowhere(shell: Shell) -> Shell:
    """Somebody who has set nothing."""
    shell.sign_in(None)
    return shell


def test_nothing_set_is_bad_input_with_all_remedies(nowhere: Shell) -> None:
    ended = nowhere.run("groups", "list")
    assert (ended.code, ended.out) == (2, "")
    for remedy in ("--site", "--cloud-id", "CONFLUENCE_SITE", "login", "sandbox"):
        assert remedy in ended.err


def test_a_site_without_credentials_is_bad_input(nowhere: Shell) -> None:
    ended = nowhere.run("groups", "list", "--site", OTHER)
    assert ended.code == 2
    assert f"no credentials for {OTHER}" in ended.err


@pytest.mark.parametrize(
    "options",
    [
        ["--site", OTHER, "--cloud-id", "x"],
        ["--site", OTHER, "--sandbox"],
        ["--site", "not a site"],
        ["--site", "http://example.com"],
        ["--cloud-id", ".."],
        ["--timeout", "0"],
    ],
)
def test_a_malformed_connection_is_bad_input(shell: Shell, options: list[str]) -> None:
    ended = shell.run("groups", "list", *options)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")


@pytest.mark.parametrize("missing", ["EMAIL", "API_TOKEN"])
def test_half_a_credential_is_bad_input(shell: Shell, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.delenv(f"CONFLUENCE_{missing}")
    ended = shell.run("groups", "list")
    assert ended.code == 2
    assert f"CONFLUENCE_{missing} is not set" in ended.err


def test_a_token_is_no_argument(shell: Shell) -> None:
    for option in ("--token", "--password", "--email", "--api-token", "--client-secret"):
        assert shell.run("groups", "list", option, "secret").code == 2


def test_an_option_goes_before_the_environment(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFLUENCE_SITE", OTHER)
    assert access_for(Connecting(site=shell.sandbox.url)).site == shell.sandbox.url
    assert access_for(Connecting(cloud_id="x")).cloud_id == "x"
    monkeypatch.setenv("CONFLUENCE_CLOUD_ID", "y")
    assert access_for(Connecting()).cloud_id == "y"
    assert access_for(Connecting(site=OTHER)).cloud_id is None


@pytest.mark.usefixtures("shell")
def test_the_bars_pacer_is_that_of_the_client() -> None:
    pacer = Pacer()
    with connected(Connecting(), pacer) as client:
        client.current_user()
    assert pacer.snapshot().points > 0


def test_a_sandbox_is_found_where_one_runs(nowhere: Shell) -> None:
    ended = nowhere.run("users", "me", "--sandbox")
    assert ended.code == 2
    assert "start one with confluence-groups sandbox" in ended.err
    nowhere.note_sandbox()
    assert nowhere.run("users", "me", "--sandbox", "-o", "json").err == ""
    ended = nowhere.run("users", "me", "-o", "json")
    assert json.loads(ended.out)["display_name"] == "Ada Okafor"
    assert f"on the sandbox at {nowhere.sandbox.url}" in ended.err


def test_a_sandbox_that_has_ended_is_not_taken_for_running(nowhere: Shell) -> None:
    gone = os.spawnl(os.P_NOWAIT, "/bin/true", "true")
    os.waitpid(gone, 0)
    nowhere.note_sandbox(gone)
    assert nowhere.run("users", "me", "--sandbox").code == 2
    assert nowhere.run("users", "me").code == 2


def test_the_environment_goes_before_a_sandbox(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.note_sandbox()
    monkeypatch.setenv("CONFLUENCE_SITE", OTHER)
    assert access_for(Connecting()).site == OTHER
    monkeypatch.delenv("CONFLUENCE_SITE")
    with pytest.raises(ConfigurationError, match="no site"):  # credentials without a site are a slip, and no wish
        access_for(Connecting())


@pytest.mark.skipif(os.name != "posix", reason="left out: permissions are of another kind here")
def test_what_others_may_read_is_not_trusted(nowhere: Shell) -> None:
    nowhere.note_sandbox()
    path = store.folder() / store.SANDBOX
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    ended = nowhere.run("users", "me")
    assert ended.code == 2
    assert "chmod 600" in ended.err


def test_a_sandbox_whose_process_number_is_anothers_is_not_taken_for_running(nowhere: Shell) -> None:
    nowhere.note_sandbox()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        kept = store.read(store.SANDBOX)
        assert kept is not None
        store.write(store.SANDBOX, kept | {"url": f"http://127.0.0.1:{unused.getsockname()[1]}"})
        ended = nowhere.run("users", "me", "--sandbox")
    assert ended.code == 2
    assert "no sandbox runs on this machine" in ended.err


def test_a_login_for_several_sites_names_them(nowhere: Shell) -> None:
    app = {"authority": OTHER, "gateway": OTHER, "client_id": "a", "client_secret": "b", "kind": "oauth"}
    sites = [{"site": "https://one.atlassian.net", "cloud_id": "1"}, {"site": None, "cloud_id": "2"}]
    store.write(store.LOGIN, app | {"sites": sites})
    ended = nowhere.run("users", "me")
    assert ended.code == 2
    assert "say which with --site or --cloud-id (it opens https://one.atlassian.net, 2)" in ended.err


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        '{"kind": "oauth"}',
        '{"kind": "other"}',
        '{"kind": "api-token", "site": 5}',
        '{"kind": "oauth", "authority": "", "gateway": "", "client_id": "", "client_secret": "", "sites": [{}]}',
    ],
)
def test_a_damaged_login_is_named(nowhere: Shell, content: str) -> None:
    store.write(store.LOGIN, {})
    path = store.folder() / store.LOGIN
    path.write_text(content, encoding="utf-8")
    for command in (["users", "me"], ["sites"], ["logout"]):
        ended = nowhere.run(*command)
        assert (ended.code, ended.err) == (2, f"error: {path}: it is damaged: remove it\n")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"{}", b'{"pid": 1}', b'{"pid": 1, "url": 5}'])
def test_a_damaged_note_is_named(nowhere: Shell, content: bytes) -> None:
    nowhere.note_sandbox()
    path = store.folder() / store.SANDBOX
    path.write_bytes(content)
    ended = nowhere.run("users", "me")
    assert ended.code == 2
    assert str(path) in ended.err


def test_no_answer_at_all_is_exit_code_1(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CONFLUENCE_SITE", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setattr("confluence_groups_sdk._clock.SystemClock.sleep", lambda *_: None)
        ended = shell.run("users", "me")
    assert ended.code == 1
    assert "no answer" in ended.err
    assert "Check address, proxy and network" in ended.err


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from confluence_groups_sdk.cli import main; main()"
    process = subprocess.run([PROGRAM[0], "-c", program], capture_output=True, encoding="utf-8", check=False)
    assert process.returncode == 2
    assert process.stderr == f"confluence-groups needs {missing}: pip install 'confluence-groups-sdk[cli]'\n"


def test_ctrl_c_while_modules_are_loaded_is_no_traceback() -> None:
    program = """
import sys
class Slow:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Slow())
from confluence_groups_sdk.cli import main
main()
"""
    process = subprocess.run([PROGRAM[0], "-c", program], capture_output=True, encoding="utf-8", check=False)
    assert (process.returncode, process.stderr) == (130, "\ninterrupted\n")


def test_the_folder_of_notes_is_the_users_alone(nowhere: Shell) -> None:
    nowhere.note_sandbox()
    assert Path(store.folder()).stat().st_mode & 0o077 == 0
