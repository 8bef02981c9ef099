"""Profiles: named sites and kinds of credentials, in ``config.toml``. The file has no secrets.

A profile decides alone: nothing of it is mixed with the site or the credentials of other variables or of a login.
"""

from __future__ import annotations

import os
from pathlib import Path

from attrs import frozen

from ..._support.base_url import GATEWAY
from ..._support.config_file.address import check_address
from ..._support.config_file.section import Section, join_keys
from ..._support.config_file.toml_file import raise_problems, read_toml
from ..._support.text import escape_controls
from ...auth import environment
from ...errors import ConfigurationError
from ..options import ConnectionOptions
from . import state_store

CONFIG, VARIABLE = "config.toml", "CONFLUENCE_PROFILE"
API_TOKEN, ACCESS_TOKEN = ("email", "api_token"), ("access_token",)
KEPT = ("keyring", "login")
"""The credentials that the command line keeps itself."""
KEYS = ("url", "cloud_id", *API_TOKEN, *ACCESS_TOKEN, "credentials", "gateway")
ONE_SITE = "give one of --site, --cloud-id, --profile and --sandbox"
KINDS = 'email and api_token; or access_token; or credentials = "keyring" or "login"'


@frozen(kw_only=True)
class Profile:
    """A profile; it has the names of environment variables, and no credentials.

    Attributes:
        name: the profile's name.
        path: the path of its file.
        url: the site's address; None if it is called through the gateway.
        cloud_id: the site's cloud id, for calls through the gateway; None for calls of its address.
        email, api_token, access_token: the names of the variables; None for other kinds of credentials.
        credentials: ``keyring`` or ``login`` if ``confluence-groups login`` keeps the credentials, otherwise None.
        gateway: the gateway's address.
    """

    name: str
    path: str
    url: str | None = None
    cloud_id: str | None = None
    email: str | None = None
    api_token: str | None = None
    access_token: str | None = None
    credentials: str | None = None
    gateway: str = GATEWAY

    def read_variable(self, key: str) -> str:
        """Return the value of the variable that a key names.

        Raises:
            ConfigurationError: it is not set.
        """
        variable: str = getattr(self, key)
        value = os.environ.get(variable)
        if not value:
            raise ConfigurationError(
                f"{self.path}: profiles.{self.name}.{key}: the environment variable {variable} is not set: set it, or "
                "name another"
            )
        return value


def path() -> Path:
    """Return the path of the file."""
    return state_store.folder() / CONFIG


def chosen_name(connection: ConnectionOptions) -> str | None:
    """Return the name of the profile in the options, or else in the environment; None if there is none.

    An option that names a site overrides the environment.

    Raises:
        ConfigurationError: the options, or the environment, name a profile and a site.
    """
    site = connection.site or connection.cloud_id or connection.sandbox
    if connection.profile and site:
        raise ConfigurationError(ONE_SITE)
    if connection.profile or site:
        return connection.profile
    name = environment.read_env("PROFILE") or None
    for other in ("SITE", "CLOUD_ID"):
        if name and environment.read_env(other):
            raise ConfigurationError(f"{VARIABLE} and CONFLUENCE_{other} are set: unset one of them")
    return name


def load(name: str) -> Profile:
    """Return a profile.

    Raises:
        ConfigurationError: the file is missing or has mistakes, or has no such profile; ``problems`` has one line for
            each mistake, with its key and a remedy. No value of the file that may be a secret is shown.
    """
    file = str(path())
    if not path().exists():
        raise ConfigurationError(f"{file}: there is no such file: create it, with a table [profiles.NAME]")
    problems: list[str] = []
    whole = Section(read_toml(file), "", problems)
    profiles = {each: _read(each, section, file) for each, section in whole.sections("profiles")}
    whole.reject_unknown_keys(["profiles"])
    raise_problems(file, problems)
    if (found := profiles.get(name)) is None:
        shown = ", ".join(profiles) or "none"
        raise ConfigurationError(f"{file}: there is no profile {escape_controls(name)} (there is: {shown})")
    return found


def _read(name: str, section: Section, file: str) -> Profile | None:
    """Return the profile of a table; None if it has mistakes, which the table notes."""
    before = len(section.problems)
    if not section.is_table:
        return None
    given = {key for key in (*API_TOKEN, *ACCESS_TOKEN, "credentials") if key in section}
    values: dict[str, str | None] = {key: section.text(key) for key in ("url", "cloud_id")}
    values |= {key: section.variable(key) for key in (*API_TOKEN, *ACCESS_TOKEN)}
    values["credentials"] = section.take("credentials")
    if values["credentials"] not in (None, *KEPT):
        section.note("credentials", f"give {' or '.join(KEPT)}")
    gateway = section.text("gateway") or GATEWAY
    section.reject_unknown_keys(KEYS)
    if len(section.problems) == before:
        check_address(section, values["url"], values["cloud_id"], gateway=gateway)
        _check_credentials(section, given, values)
    if len(section.problems) > before:
        return None
    return Profile(name=name, path=file, gateway=gateway, **values)


def _check_credentials(section: Section, given: set[str], values: dict[str, str | None]) -> None:
    kinds = [keys for keys in (API_TOKEN, ACCESS_TOKEN, ("credentials",)) if given & set(keys)]
    if len(kinds) != 1:
        problem = "several kinds of credentials" if kinds else "no credentials"
        section.note("", f"{problem}: give {KINDS}")
    elif missing := [key for key in kinds[0] if key not in given]:
        section.note("", f"{join_keys(missing)} must be given with {join_keys(sorted(given))}")
    elif values["credentials"] == "keyring" and values["url"] is None:
        section.note("credentials", "the keyring has tokens for site addresses only: give url instead of cloud_id")
