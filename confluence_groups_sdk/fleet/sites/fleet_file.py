"""Reading ``fleet.toml``, with all mistakes in one error."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

from attrs import frozen

from ..._support.config_file.section import Section
from ..._support.config_file.toml_file import raise_problems, read_toml
from ..._support.public import public
from ...client import ConfluenceGroups
from ...errors import ConfigurationError
from ..jobs.requests import JobRequest
from ..jobs.work import OpenClient
from .job_section import JobSection, read_job
from .site import FleetSite, read_site

if TYPE_CHECKING:
    from ..postgres import Postgres


@public
@frozen(kw_only=True)
class FleetFile:
    """The sites of a fleet, and the jobs to submit.

    Attributes:
        path: the file's path.
        sites: the sites by name.
    """

    path: str
    sites: Mapping[str, FleetSite]
    _sections: Mapping[str, JobSection]

    @property
    def jobs(self) -> tuple[str, ...]:
        """The names of the jobs."""
        return tuple(self._sections)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file. Neither the environment nor the files of people are read.

        Args:
            path: the path of the file, usually ``fleet.toml``.

        Raises:
            ConfigurationError: the file cannot be read or has mistakes; ``problems`` has one line for each mistake,
                with its key and a remedy. No value of the file that may be a secret is shown.
        """
        name = os.fspath(path)
        problems: list[str] = []
        whole = Section(read_toml(name), "", problems)
        named = {each: (section, read_site(each, section)) for each, section in whole.sections("sites")}
        if not named and not problems:
            whole.note("sites", "give at least one site, as in [sites.acme]")
        folder = Path(name).parent
        jobs = {each: read_job(each, section, folder, tuple(named)) for each, section in whole.sections("jobs")}
        whole.reject_unknown_keys(["sites", "jobs"])
        raise_problems(name, problems)
        return cls(
            path=name,
            sites={each: site for each, (_, site) in named.items() if site},
            sections={each: job for each, job in jobs.items() if job},
        )

    def requests(self, jobs: Collection[str] | None = None) -> tuple[JobRequest, ...]:
        """Return a request for each job and site, with the id ``JOB/SITE``; the files of people are read.

        Args:
            jobs: the names of the jobs; None for all.

        Raises:
            ConfigurationError: a job is unknown, or a file of people cannot be used; ``problems`` lists all of them.
        """
        problems = [f"jobs.{each}: there is no such job" for each in jobs or () if each not in self._sections]
        found: list[JobRequest] = []
        for name, section in self._sections.items():
            if jobs is None or name in jobs:
                found += section.requests(problems)
        raise_problems(self.path, problems)
        return tuple(found)

    def open_client(self, shared: "Postgres") -> OpenClient:
        """Return a function for `site_job` that opens the client of a site by its name.

        Args:
            shared: the database.
        """

        def open_client(site: str) -> ConfluenceGroups:
            if site not in self.sites:
                raise ConfigurationError(f"{self.path}: sites.{site}: there is no such site")
            return self.sites[site].open_client(shared)

        return open_client
