"""The site and the credentials that commands use, and the errors if there are none."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from shell import BRUNO, PROGRAM, Shell

from confluence_groups_sdk import ConfigurationError, RateLimiter
from confluence_groups_sdk.cli.options import ConnectionOptions
from confluence_groups_sdk.cli.session import state_store
from confluence_groups_sdk.cli.session.client_factory import find_source, open_client

OTHER = "https://your-domain.atlassian.net"


@pytest.fixture
def unconfigured_shell(shell: Shell) -> Shell:
    """Return a shell without a site and without credentials."""
    shell.sign_in(None)
    return shell


def test_missing_site_exits_with_2_and_lists_all_remedies(unconfigured_shell: Shell) -> None:
    ended = unconfigured_shell.run("groups", "list")
    assert (ended.code, ended.out) == (2, "")
    for remedy in ("--site", "--cloud-id", "CONFLUENCE_SITE", "login", "sandbox"):
        assert remedy in ended.err


def test_missing_credentials_exit_with_2(unconfigured_shell: Shell) -> None:
    ended = unconfigured_shell.run("groups", "list", "--site", OTHER)
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
def test_malformed_connection_options_exit_with_2(shell: Shell, options: list[str]) -> None:
    ended = shell.run("groups", "list", *options)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")


@pytest.mark.parametrize("missing", ["EMAIL", "API_TOKEN"])
def test_incomplete_credentials_exit_with_2(shell: Shell, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.delenv(f"CONFLUENCE_{missing}")
    ended = shell.run("groups", "list")
    assert ended.code == 2
    assert f"CONFLUENCE_{missing} is not set" in ended.err


def test_tokens_cannot_be_arguments(shell: Shell) -> None:
    for option in ("--token", "--password", "--email", "--api-token", "--client-secret"):
        assert shell.run("groups", "list", option, "secret").code == 2


def test_option_overrides_the_environment(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFLUENCE_SITE", OTHER)
    assert find_source(ConnectionOptions(site=shell.sandbox.url)).site == shell.sandbox.url
    assert find_source(ConnectionOptions(cloud_id="x")).cloud_id == "x"
    monkeypatch.setenv("CONFLUENCE_CLOUD_ID", "y")
    assert find_source(ConnectionOptions()).cloud_id == "y"
    assert find_source(ConnectionOptions(site=OTHER)).cloud_id is None


@pytest.mark.usefixtures("shell")
def test_progress_bar_watches_the_clients_rate_limiter() -> None:
    rate_limiter = RateLimiter()
    with open_client(ConnectionOptions(), rate_limiter) as client:
        client.current_user()
    assert rate_limiter.snapshot().points > 0


def test_running_sandbox_is_found(unconfigured_shell: Shell) -> None:
    ended = unconfigured_shell.run("users", "me", "--sandbox")
    assert ended.code == 2
    assert "start one with confluence-groups sandbox" in ended.err
    unconfigured_shell.note_sandbox()
    assert unconfigured_shell.run("users", "me", "--sandbox", "-o", "json").err == ""
    ended = unconfigured_shell.run("users", "me", "-o", "json")
    assert json.loads(ended.out)["display_name"] == "Ada Okafor"
    assert f"using the sandbox at {unconfigured_shell.sandbox.url}" in ended.err


def test_ended_sandbox_is_ignored(unconfigured_shell: Shell) -> None:
    gone = os.spawnl(os.P_NOWAIT, "/bin/true", "true")
    os.waitpid(gone, 0)
    unconfigured_shell.note_sandbox(gone)
    assert unconfigured_shell.run("users", "me", "--sandbox").code == 2
    assert unconfigured_shell.run("users", "me").code == 2


def test_environment_overrides_a_sandbox(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.note_sandbox()
    monkeypatch.setenv("CONFLUENCE_SITE", OTHER)
    assert find_source(ConnectionOptions()).site == OTHER
    monkeypatch.delenv("CONFLUENCE_SITE")
    with pytest.raises(ConfigurationError, match="no site"):  # a user who sets credentials wants their own site
        find_source(ConnectionOptions())


@pytest.mark.skipif(os.name != "posix", reason="permissions work differently on Windows")
def test_note_that_others_may_read_is_rejected(unconfigured_shell: Shell) -> None:
    unconfigured_shell.note_sandbox()
    path = state_store.folder() / state_store.SANDBOX
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    ended = unconfigured_shell.run("users", "me")
    assert ended.code == 2
    assert "chmod 600" in ended.err


def test_no_signal_is_sent_where_it_would_be_ctrl_c(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(_pid: int, _number: int) -> None:
        pytest.fail("on Windows, signal 0 interrupts the process")

    monkeypatch.setattr(state_store, "HAS_SIGNALS", False)
    monkeypatch.setattr(os, "kill", kill)
    shell.note_sandbox(1)
    assert state_store.running_sandbox() is not None


def test_sandbox_is_ignored_if_another_process_has_its_number(unconfigured_shell: Shell) -> None:
    unconfigured_shell.note_sandbox()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        kept = state_store.read(state_store.SANDBOX)
        assert kept is not None
        state_store.write(state_store.SANDBOX, kept | {"url": f"http://127.0.0.1:{unused.getsockname()[1]}"})
        ended = unconfigured_shell.run("users", "me", "--sandbox")
    assert ended.code == 2
    assert "no sandbox runs on this machine" in ended.err


def test_ambiguous_login_lists_its_sites(unconfigured_shell: Shell) -> None:
    app = {"authority": OTHER, "gateway": OTHER, "client_id": "a", "client_secret": "b", "kind": "oauth"}
    sites = [{"site": "https://one.atlassian.net", "cloud_id": "1"}, {"site": None, "cloud_id": "2"}]
    state_store.write(state_store.LOGIN, app | {"sites": sites})
    ended = unconfigured_shell.run("users", "me")
    assert ended.code == 2
    assert "choose one with --site or --cloud-id (it gives access to https://one.atlassian.net, 2)" in ended.err


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
def test_damaged_login_is_reported_with_its_path(unconfigured_shell: Shell, content: str) -> None:
    state_store.write(state_store.LOGIN, {})
    path = state_store.folder() / state_store.LOGIN
    path.write_text(content, encoding="utf-8")
    for command in (["users", "me"], ["sites"], ["logout"]):
        ended = unconfigured_shell.run(*command)
        assert (ended.code, ended.err) == (2, f"error: {path}: it is damaged: remove it\n")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"{}", b'{"pid": 1}', b'{"pid": 1, "url": 5}'])
def test_damaged_sandbox_note_is_reported_with_its_path(unconfigured_shell: Shell, content: bytes) -> None:
    unconfigured_shell.note_sandbox()
    path = state_store.folder() / state_store.SANDBOX
    path.write_bytes(content)
    ended = unconfigured_shell.run("users", "me")
    assert ended.code == 2
    assert str(path) in ended.err


def test_connection_error_exits_with_1(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CONFLUENCE_SITE", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setattr("time.sleep", lambda _seconds: None)  # the time counts as passed
        ended = shell.run("users", "me")
    assert ended.code == 1
    assert "no response" in ended.err
    assert "Check address, proxy and network" in ended.err


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_missing_extra_says_what_to_install(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from confluence_groups_sdk.cli import main; main()"
    process = subprocess.run([PROGRAM[0], "-c", program], capture_output=True, encoding="utf-8", check=False)
    assert process.returncode == 2
    assert process.stderr == f"confluence-groups needs {missing}: pip install 'confluence-groups-sdk[cli]'\n"


def test_approval_page_without_jinja2_says_what_to_install(shell: Shell) -> None:
    shell.csv(f"docs-editors,{BRUNO},")
    assert shell.run("plan", "remove", "--csv", "rows.csv").code == 0
    program = "import sys; sys.modules['jinja2'] = None; from confluence_groups_sdk.cli import main; main()"
    command = [PROGRAM[0], "-c", program, "plan", "show", "plan.json", "--html", "plan.html"]
    process = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert process.returncode == 2
    assert process.stderr == "error: HTML pages need jinja2: pip install 'confluence-groups-sdk[cli]'\n"
    assert not Path("plan.html").exists()


def test_ctrl_c_while_modules_load_prints_no_traceback() -> None:
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


def test_only_the_user_may_read_the_notes(unconfigured_shell: Shell) -> None:
    unconfigured_shell.note_sandbox()
    assert Path(state_store.folder()).stat().st_mode & 0o077 == 0
