"""The TLS settings that the clients of a process share."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import certifi
import pytest
from fakes import token

from confluence_groups_sdk import AsyncConfluenceGroups, ConfluenceGroups
from confluence_groups_sdk._core.transport.http_client import build_ssl_context


def context_of(client: Any) -> object:
    return client._session.http.client._transport._pool._ssl_context


@pytest.mark.parametrize("site", ["https://acme.atlassian.net", "http://127.0.0.1:9"])
def test_authorities_are_read_once_for_all_clients(monkeypatch: pytest.MonkeyPatch, site: str) -> None:
    first = ConfluenceGroups(site, auth=token())

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the authorities are read again")

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", fail)
    others = (ConfluenceGroups(site, auth=token()), AsyncConfluenceGroups(site, auth=token()))
    assert {context_of(each) for each in others} == {context_of(first)}


def test_a_changed_file_of_authorities_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "authorities.pem"
    blocks = Path(certifi.where()).read_text(encoding="utf-8").split("-----END CERTIFICATE-----")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    counts = []
    for number in (1, 2):
        file.write_text("".join(f"{each}-----END CERTIFICATE-----\n" for each in blocks[:number]), encoding="utf-8")
        counts.append(build_ssl_context().cert_store_stats()["x509"])
    assert counts == [1, 2]
    assert build_ssl_context() is build_ssl_context()


def test_another_file_of_the_same_size_and_age_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Package managers give all files one age, and certificates of one kind have the same size."""
    block = Path(certifi.where()).read_text(encoding="utf-8").partition("-----END CERTIFICATE-----")
    one = f"{block[0]}{block[1]}\n"
    link = tmp_path / "authorities.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(link))
    contexts = []
    for name in ("old", "new"):
        file = tmp_path / name
        file.write_text(one, encoding="utf-8")
        os.utime(file, (1, 1))
        link.unlink(missing_ok=True)
        link.symlink_to(file)
        contexts.append(build_ssl_context())
    assert contexts[0] is not contexts[1]


def test_the_protocols_of_shared_settings_stay_the_same() -> None:
    """httpx sets them for each connection, while other threads read them."""
    context = build_ssl_context()
    context.set_alpn_protocols(["h2"])
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="acme.atlassian.net")
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    offered = outgoing.read()
    assert b"\x08http/1.1" in offered
    assert b"\x02h2" not in offered
