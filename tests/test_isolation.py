"""Isolation of the tests: they send nothing off this machine and do not use its settings."""

from __future__ import annotations

import socket

import pytest
from pytest_socket import SocketConnectBlockedError

from confluence_groups_sdk import ConfigurationError, ConfluenceGroups


@pytest.mark.filterwarnings("ignore:A test tried to use socket")  # a warning of newer versions
@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "your-domain.atlassian.net"])
def test_the_network_is_blocked(address: str) -> None:
    with socket.socket() as outgoing, pytest.raises(SocketConnectBlockedError):
        outgoing.connect((address, 443))


def test_credentials_of_the_user_are_ignored() -> None:
    with pytest.raises(ConfigurationError):
        ConfluenceGroups.from_env()
