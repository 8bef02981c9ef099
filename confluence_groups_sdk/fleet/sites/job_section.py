"""A job of the file: what to do on which sites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import fields_dict, frozen

from ..._support.config_file.section import Section
from ..._support.text import escape_controls
from ..._support.validation import is_text
from ...errors import InputError
from ...membership import Guards, read_accounts
from ..jobs.requests import KINDS, JobRequest, PeopleFile

NONE = "none"  # TOML has no null
NULLABLE = ("stop_after_failures", "max_removals")
INNER = ("id", "site", "people", "guards", "needs_approval")  # are not keys of the file, or are read differently


@frozen(kw_only=True)
class JobSection:
    """A job of the file.

    Attributes:
        name: the job's name.
        kind: the kind of its requests.
        sites: the names of its sites.
        people: the paths of its files of people; None for a review.
        options: the arguments of its requests that are the same for all sites.
    """

    name: str
    kind: str
    sites: tuple[str, ...]
    people: tuple[Path, ...] | None
    options: dict[str, Any]

    def requests(self, problems: list[str]) -> list[JobRequest]:
        """Return a request for each site; note the files that cannot be used."""
        options = dict(self.options)
        if self.people is not None:
            files = [self._read(path, problems) for path in self.people]
            options["people"] = tuple(file for file in files if file)
            if not all(files):
                return []
        return [KINDS[self.kind](id=f"{self.name}/{site}", site=site, **options) for site in self.sites]

    def _read(self, path: Path, problems: list[str]) -> PeopleFile | None:
        try:
            read_accounts(path, allow_empty=bool(self.options.get("allow_empty")))
            return PeopleFile.read(path)
        except (InputError, ValueError) as error:
            details = getattr(error, "problems", ())
            problems.append("; ".join([f"jobs.{self.name}.people: {str(error).splitlines()[0]}", *details]))
            return None


def read_job(name: str, section: Section, folder: Path, all_sites: tuple[str, ...]) -> JobSection | None:
    """Return the job of a table; None if it has mistakes, which the table notes.

    Args:
        name: the job's name.
        section: the table.
        folder: the folder of the file.
        all_sites: the names of all sites of the file.
    """
    before = len(section.problems)
    if not section.is_table:
        return None
    kind = section.take("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        section.note("kind", f"give {', '.join(KINDS)}")
        return None
    allowed = [key for key in fields_dict(KINDS[kind]) if key not in INNER]
    options = _read_options(section, KINDS[kind], allowed)
    options["needs_approval"] = section.take("approval", default=True)
    if not isinstance(options["needs_approval"], bool):
        section.note("approval", "give true or false")
    options["guards"] = _read_guards(section)
    people = _read_people(section, folder) if "people" in fields_dict(KINDS[kind]) else None
    sites = _read_sites(section, all_sites)
    section.reject_unknown_keys(
        ["kind", "sites", *(["people"] if people is not None else []), "approval", "guards", *allowed]
    )
    if len(section.problems) > before:
        return None
    return JobSection(name=name, kind=kind, sites=sites, people=people, options=options)


def _read_options(section: Section, request: type[Any], allowed: list[str]) -> dict[str, Any]:
    """Return the options of a request, each checked as the request itself checks it."""
    found: dict[str, Any] = {}
    for name in allowed:
        each: Any = fields_dict(request)[name]
        if name not in section:
            if name == "group":
                section.note(name, "missing: give the group's id or exact name")
            continue
        value = _denullified(name, section.take(name))
        try:
            value = each.converter(value) if each.converter else value
            each.validator(object.__new__(request), each, value)
        except (TypeError, ValueError) as error:
            section.note(name, _remedy(error, request, name))
        else:
            found[name] = value
    return found


def _read_guards(section: Section) -> Guards:
    inner = Section(section.take("guards", {}), f"{section.key}.guards", section.problems)
    found: dict[str, Any] = {}
    for name in fields_dict(Guards):
        if name in inner:
            value = _denullified(name, inner.take(name))
            try:
                Guards(**{name: value})
            except (TypeError, ValueError) as error:
                inner.note(name, _remedy(error, Guards, name))
            else:
                found[name] = value
    inner.reject_unknown_keys(fields_dict(Guards))
    return Guards(**found)


def _read_people(section: Section, folder: Path) -> tuple[Path, ...]:
    value = section.take("people")
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not given or not all(is_text(each) and "\0" not in each for each in given):
        section.note("people", "give the path of a CSV file, or a list of paths, relative to this file")
        return ()
    return tuple(folder / each for each in given)


def _read_sites(section: Section, all_sites: tuple[str, ...]) -> tuple[str, ...]:
    given = section.texts("sites") if "sites" in section else all_sites
    unknown = [each for each in given or () if each not in all_sites]
    for each in unknown:
        section.note("sites", f"there is no site {escape_controls(each)}: add a table [sites.{escape_controls(each)}]")
    return tuple(dict.fromkeys(given or ()))


def _denullified(name: str, value: Any) -> Any:
    return None if name in NULLABLE and value == NONE else value


def _remedy(error: Exception, kind: type[Any], name: str) -> str:
    """Return the text of an error without the Python names at its start."""
    text = str(error)
    for prefix in (f"{kind.__name__}({name}=...): ", f"{kind.__name__}: "):
        text = text.removeprefix(prefix)
    return escape_controls(text)
