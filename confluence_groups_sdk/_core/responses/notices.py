"""Read the headers by which a server announces changes: Deprecation, Sunset and Warning 299. Nothing here raises.

Sources: docs/confluence-behaviour.md#headers.
"""

import re
from collections.abc import Iterable, Iterator, MutableMapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from attrs import evolve, frozen

from ..._support.libraries.http import httpx
from ..._support.log import logger
from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.redaction import hash_id, redact, secrets_in
from ..._support.text import escape_controls
from .headers import printable

MAX_NOTICES = 20  # per operation
MAX_TEXT_LENGTH = 500  # characters of a text or a link
MAX_HEADER_LENGTH = 8_000  # characters that are read of all headers with one name together
MIN_ID_LENGTH = 16  # characters; replacing shorter ids would damage the words of a text
NOT_ANNOUNCED = {"deprecation": ("", "false", "?0"), "sunset": ("",)}  # values that announce nothing

# A structured field's date: an integer of up to 15 digits (RFC 9651 sections 3.3.1 and 3.3.7), perhaps with parameters.
STRUCTURED_DATE = re.compile(r"@(-?\d{1,15})\s*(?:;.*)?")
DRAFT_DATE = re.compile(r'\bdate="([^"]*)"')  # of the first drafts: version="v1", date="..."
# Possessive quantifiers (++) prevent slow backtracking. Groups have none, because Python before 3.11.5 matches some of
# these wrongly (https://github.com/python/cpython/issues/106052).
QUOTED = r'"([^"\\]*+(?:\\.[^"\\]*+)*)(?:"|$)'
WARNING = re.compile(rf'\s*+(\d++)(?:\s++[^\s",]++)?\s++{QUOTED}(?:\s*+"([^"]*+)")?')  # RFC 7234 section 5.5
UNQUOTED_WARNING = re.compile(r"\s*+(\d++)\s++\S++\s++([^,]*+)")
NEXT_ITEM = re.compile(rf'[^",]*+(?:{QUOTED}[^",]*+)*(?:,|$)')
LINK = re.compile(rf'\s*+<([^>]*+)>((?:\s*+;\s*+[^\s=;,]++(?:\s*+=\s*+(?:{QUOTED}|[^\s";,]*+))?)*)')  # RFC 8288
RELATION = re.compile(r';\s*+rel\s*+=\s*+(?:"([^"]*+)"|([^\s";,]++))', re.IGNORECASE)


@public
@frozen(kw_only=True)
class Notice(VersionTolerantPickle):
    """What a server announces about an operation: that it is deprecated, will be switched off, or has a warning.

    Attributes:
        operation: the operation's id, such as ``getGroups``.
        kind: ``deprecation`` (header Deprecation, RFC 9745), ``sunset`` (header Sunset, RFC 8594) or ``warning``
            (header Warning with code 299, RFC 7234 section 5.5).
        text: the warning's text, or the header's value; at most 500 characters, without control characters.
        date: when the operation is deprecated or switched off, or when the warning was written; None if the header has
            no date that can be read.
        link: the address of more information; None if the server gives none. Check it before you open it.
    """

    operation: str
    kind: str
    text: str
    date: datetime | None = None
    link: str | None = None

    def __str__(self) -> str:
        if self.kind == "warning":
            return escape_controls(f"{self.operation}: warning: {self.text}")
        what = "deprecated" if self.kind == "deprecation" else "to be switched off"
        preposition = "from" if self.kind == "deprecation" else "on"
        when = f": {self.text}" if self.date is None else f" {preposition} {_format(self.date)}"
        return escape_controls(f"{self.operation}: {what}{when}{f', see {self.link}' if self.link else ''}")


def record_notices(
    notices: MutableMapping[object, Notice], response: httpx.Response, operation: str, ids: Iterable[str]
) -> None:
    """Add the notices in a response to those of a client, each once; log the first of each operation and kind.

    Two threads may call it at once: each step on the mapping is atomic.

    Args:
        notices: the notices of the client.
        response: the response.
        operation: the operation's id.
        ids: the ids in the call, which are replaced by hashes in texts.
    """
    earlier = [each for each in list(notices.values()) if each.operation == operation]
    logged = {each.kind for each in earlier}
    room = MAX_NOTICES - len(earlier)
    for notice in _clean_notices(response, operation, ids):
        if room <= 0:
            return
        key = (operation, notice.kind, notice.text, notice.link)
        if notices.setdefault(key, notice) is notice:
            room -= 1
            if notice.kind not in logged:
                logged.add(notice.kind)
                logger.warning("%s", notice)


def _clean_notices(response: httpx.Response, operation: str, ids: Iterable[str]) -> list[Notice]:
    """Return the notices in a response, without credentials and ids.

    It is a function of its own, so that the secrets are no variable of the frame that logs.
    """
    secrets = secrets_in(response.request.headers.get("authorization"))
    return [
        evolve(found, text=_clean(found.text, secrets, ids), link=_clean(found.link or "", secrets, ids) or None)
        for found in parse_notices(response.headers, operation)
    ]


def parse_notices(headers: httpx.Headers, operation: str) -> Iterator[Notice]:
    """Yield the notices in the headers of a response."""
    for kind in ("deprecation", "sunset"):
        announced = [value for value in _values(headers, kind) if value.lower() not in NOT_ANNOUNCED[kind]]
        link = _find_link(headers, kind) if announced else None
        for value in announced:
            yield Notice(operation=operation, kind=kind, text=value, date=parse_date(value), link=link)
    for value in _values(headers, "warning"):
        for text, date in _parse_warnings(value):
            yield Notice(operation=operation, kind="warning", text=text, date=parse_date(date))


def parse_date(text: str) -> datetime | None:
    """Return the date in a header: a structured field's (RFC 9651) or an HTTP date (RFC 9110 section 5.6.7).

    None if it is neither.
    """
    try:
        if structured := STRUCTURED_DATE.fullmatch(text):
            return datetime.fromtimestamp(int(structured[1]), UTC)
        if draft := DRAFT_DATE.search(text):
            text = draft[1]
        moment = parsedate_to_datetime(text[:MAX_TEXT_LENGTH])
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def _values(headers: httpx.Headers, name: str) -> list[str]:
    """Return the values of the headers with a name, each once, as long as they are not too long together."""
    values: dict[str, None] = {}
    room = MAX_HEADER_LENGTH
    for value in headers.get_list(name):
        if room <= 0:
            break
        values[value.strip()[:room]] = None
        room -= max(1, len(value))
    return list(values)


def _parse_warnings(value: str) -> Iterator[tuple[str, str]]:
    """Yield the text and the date of each warning with code 299 in a header."""
    position = 0
    while position < len(value):
        item = WARNING.match(value, position)
        date = item[3] or "" if item else ""
        if item is None:
            item = UNQUOTED_WARNING.match(value, position)
        if item and item[1] == "299" and (text := re.sub(r"\\(.)", r"\1", item[2]).strip()):
            yield text, date
        following = NEXT_ITEM.match(value, item.end() if item else position)
        position = following.end() if following else len(value)


def _find_link(headers: httpx.Headers, relation: str) -> str | None:
    """Return the address of the first link with a relation (RFC 8288)."""
    for value in _values(headers, "link"):
        position = 0
        while position < len(value):
            link = LINK.match(value, position)
            names = RELATION.search(link[2]) if link else None
            if link and names and relation in (names[1] or names[2] or "").lower().split():
                return link[1]
            following = NEXT_ITEM.match(value, link.end() if link else position)
            position = following.end() if following else len(value)
    return None


def _clean(text: str, secrets: list[str], ids: Iterable[str]) -> str:
    """Return a text without credentials, ids and control characters, at most 500 characters long."""
    text = redact(secrets, text)
    for each in ids:
        if len(each) >= MIN_ID_LENGTH:
            text = text.replace(each, hash_id(each)).replace(quote(each, safe=""), hash_id(each))
    return printable(text)[:MAX_TEXT_LENGTH]


def _format(date: datetime) -> str:
    return date.isoformat(timespec="seconds").replace("+00:00", "Z")
