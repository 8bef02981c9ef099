"""Recognise what a cell says about an account: an id, an e-mail, a name, nothing, or something that was damaged.

Spreadsheets, HR systems and web pages wrap ids and e-mails in quotes, formulas, links and markup. Such a wrapping is
taken off only if that is certain: the result is always a part of the cell, perhaps percent-decoded. Account ids are
opaque (docs/confluence-behaviour.md#identifiers), so any other text without spaces is an id, and the server decides
whether it exists.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple
from urllib import parse


class Kind(Enum):
    """What a cell holds."""

    EMPTY = "nothing"
    PLACEHOLDER = "a placeholder, not an account"
    ID = "an account id"
    EMAIL = "an e-mail"
    NAME = "a name"
    BAD = "something that cannot be an account"


class AccountCell(NamedTuple):
    """What a cell says about an account.

    Attributes:
        kind: what the cell holds.
        text: the id, e-mail or name.
        repaired: whether the text is not all of the cell.
        why: why the cell cannot be an account; empty unless the kind is BAD.
    """

    kind: Kind
    text: str
    repaired: bool = False
    why: str = ""


MAX_LENGTH = 2_000  # characters; ids have up to 128, and addresses of profiles fewer than this
PLAIN_ID = re.compile(r"\d{1,7}:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=\d*[a-df])[0-9a-f]{24}", re.ASCII)
OFTEN_WRAPPED_ID = re.compile(
    rf"'(?:{PLAIN_ID.pattern})|https://[\w.-]+/(?:wiki/|jira/)?people/(?:{PLAIN_ID.pattern})", re.ASCII
)
PLAIN_EMAIL = re.compile(r"[a-zA-Z0-9][\w.+-]*@[\w-]+(?:\.[\w-]+)*", re.ASCII)
ID_SHAPE = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-f]{24}|\d+:[0-9a-f]{4,}\S*|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-z])"
    r"|^(?=.*\d)[0-9a-f\s-]{8,}$|^\d+(?:e\d+)?$|[:/%=#]",  # parts of ids, numbers, and what no name has
    re.IGNORECASE,
)
UPPER_HEX = re.compile(r"(?=.*[A-F])(?:\d+:)?[0-9a-fA-F-]{24,36}")
EMAIL = re.compile(r"[^@\s,;:<>()\[\]\"\\]+@[^@\s,;:<>()\[\]\"\\]+")
ACCOUNT_INSIDE = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-f]{24}|\d+:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-z])|\w@\w", re.IGNORECASE
)
QUOTES = (
    "\"'`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f"
    "\u00ab\u00bb\u2039\u203a\uff02\uff07"  # guillemets and full-width quotes
)
BLANK = r"[\s\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+"  # spaces and invisible characters
BLANK_ENDS = re.compile(rf"^{BLANK}|{BLANK}$")
SPECIAL = re.compile(rf"[=<>:/?\[%{QUOTES}]")  # each wrapping has one of these
ENCODED = re.compile(r"%[0-9a-fA-F]{2}")
WRAPPINGS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"=\s*[{QUOTES}](.*)[{QUOTES}]",  # a formula that keeps a text as it is: ="id"
        r"<([^<>]*)>",
        r"mailto:([^?]*)(?:\?.*)?",
        r"\[~accountid:([^\[\]]*)\]",  # mentions in the markup of Confluence and Jira
        r"(?:accountid|account_id)\s*[:=]\s*(.*)",
        r"ari:cloud:[a-z-]*:[^:/]*:user/(.*)",
        r"[^\s#]*[?&](?:accountid|account_id)=([^&#\s]*)(?:[&#]\S*)?",
        r"(?:(?:[a-z]+://)?[^\s?#]*/)?(?:people|users)/([^/?#\s]+)(?:[/?#]\S*)?",  # the address of a profile
    )
)
NAMED_EMAIL = re.compile(r"(.*?)<([^<>]*)>")  # RFC 5322 section 3.4
PLACEHOLDERS = frozenset(
    [
        "n/a",
        "na",
        "n.a.",
        "n.a",
        "#n/a",
        "none",
        "null",
        "nil",
        "nan",
        "nat",
        "tbd",
        "tba",
        "tbc",
        "unknown",
        "undefined",
        "blank",
        "empty",
        "missing",
        "no-email",
        "noemail",
        "not-available",
        "todo",
        "\\n",
        "k.a.",
        "s/o",
    ]
)
PLACEHOLDER_MARKS = re.compile(r"[-\u2010-\u2015\u2212_.?*/\\]+")
MONTH = "(?:jan|feb|mar|mär|apr|may|mai|maj|jun|jul|aug|sep|sept|oct|okt|out|nov|dec|dez|dic)[a-z]*"
DAMAGED = re.compile(
    r"#.*"  # a column that is too narrow, or an error such as #REF!, in any language
    r"|err:\d+"
    r"|true|false|wahr|falsch|vrai|faux|verdadero|falso|verdadeiro"
    r"|[+-]?\d+[.,\u066b]\d+e[+-]?\d+|[+-]?\d+e[+-]\d+|[+-]\d+e\d+"  # 608955542633007200e98677 is an id
    r"|\d{15}0{3,}"  # spreadsheets keep 15 digits of a number
    r"|\d{1,3}(?:[.,'\u2019\u00a0\u202f ]\d{3})+(?:[.,]\d+)?"
    r"|\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:[t ].*)?|\d{1,2}:\d{2}(?::\d{2})?(?: ?[ap]m)?"
    rf"|(?:\d{{1,2}}[-/. ])?{MONTH}[-/. ]+\d{{1,4}}(?:,? \d{{4}})?|\d{{1,2}}[-/. ]{MONTH}(?:[-/. ]\d{{2,4}})?",
    re.IGNORECASE,
)


def read_account_cell(cell: str) -> AccountCell:
    """Recognise what a cell says about an account."""
    if PLAIN_ID.fullmatch(cell):  # nearly all cells
        return AccountCell(Kind.ID, cell)
    if PLAIN_EMAIL.fullmatch(cell):
        return AccountCell(Kind.EMAIL, cell)
    if OFTEN_WRAPPED_ID.fullmatch(cell):  # only to be fast
        return AccountCell(Kind.ID, cell.lstrip("'").rpartition("/")[2], repaired=True)
    stripped = " ".join(cell.split())  # a name may contain line breaks and no-break spaces
    if len(stripped) > MAX_LENGTH:
        return AccountCell(Kind.BAD, f"{stripped[:20]}…", why=f"it has more than {MAX_LENGTH:,} characters")
    if is_damaged(stripped):
        return AccountCell(Kind.BAD, stripped, why="a spreadsheet has changed it")
    text = unwrap(stripped)
    if text != stripped and _names_others(stripped, text):
        return AccountCell(Kind.BAD, stripped, why="it names more than one account")
    kind, why = _classify(text, stripped)
    return AccountCell(kind, text or stripped, repaired=text != stripped, why=why)


def _names_others(cell: str, account: str) -> bool:
    """Check whether a cell also has an id or e-mail other than the account that was taken from it."""
    plain = cell
    while (decoded := _decode(plain)) != plain:
        plain = decoded
    return ACCOUNT_INSIDE.search(plain.casefold().replace(account.casefold(), " ")) is not None


def is_damaged(text: str) -> bool:
    """Check whether a spreadsheet has turned a text into a number, a date, an error or hashes."""
    return DAMAGED.fullmatch(text) is not None and text.casefold() not in PLACEHOLDERS


def unwrap(text: str) -> str:
    """Take off everything that is certainly no part of an id or e-mail; each step makes the text shorter."""
    while True:
        shorter = _unwrap_once(text)
        if len(shorter) >= len(text):
            return text
        text = shorter


def unquote(text: str) -> str:
    """Take off only the quotes, the formula and the apostrophe with which spreadsheets keep a text as it is.

    Spaces of any kind become plain spaces.
    """
    bare = " ".join(BLANK_ENDS.sub("", text).split())
    formula = WRAPPINGS[0].fullmatch(bare)
    return (formula[1] if formula else bare).strip(QUOTES)


def _unwrap_once(text: str) -> str:
    bare = BLANK_ENDS.sub("", text).rstrip(",;").strip()
    if bare != text or not SPECIAL.search(text):
        return bare
    for wrapping in WRAPPINGS:
        if match := wrapping.fullmatch(text):
            return match[1]
    if (named := NAMED_EMAIL.fullmatch(text)) and ("@" not in named[1] or named[1].strip() == named[2].strip()):
        return named[2] if EMAIL.fullmatch(named[2].strip()) else text
    if text[:1] in QUOTES or text[-1:] in QUOTES:
        return text.strip(QUOTES)
    if ENCODED.search(text) and "@" not in text:
        decoded = _decode(text)
        return decoded if decoded.isprintable() else text
    return text


def _decode(text: str) -> str:
    try:
        return parse.unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _classify(text: str, cell: str) -> tuple[Kind, str]:
    """Return what an unwrapped text is, and why it cannot be an account."""
    if not text:
        return Kind.EMPTY, ""
    if is_placeholder(text) or is_placeholder(cell):
        return Kind.PLACEHOLDER, ""
    if is_damaged(text):
        return Kind.BAD, "a spreadsheet has changed it"
    if not text.isprintable():
        return Kind.BAD, f"it contains {name_unprintable(text)}"
    if "@" in text:
        return (Kind.EMAIL, "") if EMAIL.fullmatch(text) else (Kind.BAD, "give one e-mail, or the account id")
    if re.search(r"[\s,;]", text):
        return (Kind.BAD, "give the account id alone") if ID_SHAPE.search(text) else (Kind.NAME, "")
    return Kind.ID, ""


def name_unprintable(text: str) -> str:
    """Say what kind of character makes a text unprintable."""
    return "a control character" if "Cc" in map(unicodedata.category, text) else "an invisible character"


def is_placeholder(text: str) -> bool:
    """Check for a text that stands for an empty cell."""
    plain = text.strip().casefold()
    return PLACEHOLDER_MARKS.fullmatch(plain) is not None or plain.strip("()[]{}<>*").strip() in PLACEHOLDERS


def is_id_shaped(text: str) -> bool:
    """Check whether a text looks like an account id, whole or damaged, and not like a name."""
    return ID_SHAPE.search(text) is not None


def lower_hex(text: str) -> str | None:
    """Return a hexadecimal id in lower case; None if it is in lower case or is no such id."""
    return text.lower() if UPPER_HEX.fullmatch(text) else None


# --- the cells of a row


class Column(Enum):
    """What the header of a column promises."""

    ID = "account ids"
    ANY = "ids, e-mails or names"
    NAME = "names, or e-mails that are used as names"


class PersonCells(NamedTuple):
    """What a row says about its person.

    Attributes:
        account: the account id or e-mail that identifies the person.
        given: the cell, if the account is only a part of it.
        others: further account ids and e-mails, which must belong to the same person.
        names: names, texts that are probably names, and e-mails from columns of names.
    """

    account: str
    given: str | None = None
    others: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def identify(cells: Iterable[tuple[str, Column]]) -> PersonCells | str:
    """Return what the cells say about the person, or why they do not identify one.

    Args:
        cells: the cells, those that most probably identify the person first.
    """
    identifying: list[tuple[AccountCell, str]] = []
    possible: list[tuple[AccountCell, str]] = []
    names: list[str] = []
    placeholder = ""
    for text, column in cells:
        cell = _read(text, column)
        if cell.kind is Kind.BAD:
            return _describe_damage(text, cell)
        if cell.kind is Kind.NAME or (cell.kind is Kind.EMAIL and column is Column.NAME):
            names.append(cell.text)
        if cell.kind is Kind.PLACEHOLDER:
            placeholder = placeholder or text.strip()
        elif cell.kind is Kind.EMAIL or (cell.kind is Kind.ID and (column is Column.ID or is_id_shaped(cell.text))):
            identifying.append((cell, text))
        elif cell.kind is Kind.ID:
            possible.append((cell, text))
    if not identifying:
        identifying, possible = possible[:1], possible[1:]
    if identifying:
        (first, given), *others = identifying
        return PersonCells(
            first.text,
            given.strip() if first.repaired else None,
            tuple(cell.text for cell, _ in others if cell.text != first.text),
            (*names, *(cell.text for cell, _ in possible)) if names or possible else (),
        )
    if names:
        return f"there is only a name ({names[0]}): give the account id or the e-mail"
    return f"the account is {placeholder}: a placeholder, not an account" if placeholder else "the account is missing"


def _read(text: str, column: Column) -> AccountCell:
    """Read a cell; in a column of names, only an e-mail is more than a name."""
    if column is not Column.NAME:
        return read_account_cell(text)
    name = " ".join(text.split())
    if "@" in name and (cell := read_account_cell(name)).kind is Kind.EMAIL:
        return cell
    is_name = any(map(str.isalpha, name)) and not is_placeholder(name)
    return AccountCell(Kind.NAME if is_name else Kind.EMPTY, name)


def _describe_damage(text: str, cell: AccountCell) -> str:
    if not cell.text.isprintable():
        return f"the account contains {name_unprintable(cell.text)}"
    return f"the account is {text.strip() if len(text) <= MAX_LENGTH else cell.text}: {cell.why}"
