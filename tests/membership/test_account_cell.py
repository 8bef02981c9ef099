"""Cells of accounts: what is certain is repaired, and nothing is invented."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confluence_groups_sdk.membership.planning.rows.account_cell import (
    MAX_LENGTH,
    Column,
    Kind,
    identify,
    lower_hex,
    read_account_cell,
)
from confluence_groups_sdk.membership.planning.rows.person_names import is_same_name

HEX = "608a9b555426330072f9867d"
UUID = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
EMAIL = "bruno@example.com"

WRAPPED = (
    '="{}"',
    '= "{}"',
    '=""{}""',
    "'{}",
    '"\'{}"',
    "'{}'",
    '"{}"',
    "\u201c{}\u201d",
    "\u201e{}\u201c",
    "\u2018{}\u2019",
    "\u2019{}",
    "\u00ab{}\u00bb",
    "`{}`",
    "{}'",
    "{}\u201d",
    "<{}>",
    "{},",
    "{};",
    "{} ;,",
    "\u00a0{}\u00a0",
    "\ufeff{}",
    "\u200b{}\u200b\u2060",
    "\u202a{}\u202c",
    " '{}' ,",
)
WRAPPED_IDS = (
    "https://site.atlassian.net/wiki/people/{}?ref=confluence",
    "https://home.atlassian.com/o/0a1b/people/{}/",
    "https://site.atlassian.net/jira/people/{}#about",
    "site.atlassian.net/wiki/people/{}",
    "/people/{}",
    "https://admin.atlassian.com/s/0a1b/users/{}",
    "https://site.atlassian.net/wiki/rest/api/user?accountId={}",
    "https://site.atlassian.net/wiki/rest/api/user?expand=operations&accountId={}&x=1",
    "<https://site.atlassian.net/wiki/people/{}>",
    "ari:cloud:identity::user/{}",
    "accountid:{}",
    "accountId: {}",
    "[~accountid:{}]",
    "'[~accountid:{}]",
)
WRAPPED_EMAILS = (
    "mailto:{}",
    "MAILTO:{}?subject=Hi",
    "<mailto:{}>",
    "Bruno Keller <{}>",
    '"Keller, Bruno" <{}>',
    "{} <{}>",
)


@pytest.mark.parametrize("wrapping", [*WRAPPED, *WRAPPED_IDS])
@pytest.mark.parametrize("account_id", [HEX, UUID])
def test_ids_are_taken_out_of_what_surrounds_them(wrapping: str, account_id: str) -> None:
    once, twice = quote(account_id, safe=""), quote(quote(account_id, safe=""), safe="")
    for text in {account_id, once, twice}:
        cell = read_account_cell(wrapping.format(text))
        assert (cell.kind, cell.text) == (Kind.ID, account_id)
        assert cell.repaired is (wrapping.format(text).strip() != account_id)
    assert identify([(wrapping.format(account_id), Column.ANY)])[0] == account_id


@pytest.mark.parametrize("wrapping", [*WRAPPED, *WRAPPED_EMAILS])
def test_emails_are_taken_out_of_what_surrounds_them(wrapping: str) -> None:
    cell = read_account_cell(wrapping.format(*[EMAIL] * wrapping.count("{}")))
    assert (cell.kind, cell.text) == (Kind.EMAIL, EMAIL)


@pytest.mark.parametrize(
    "text",
    [
        HEX,
        UUID,
        EMAIL,
        HEX.upper(),
        "384093:32b4d9w0-f6a5-3535-11a3-9c8c88d10192",  # the official example
        "608955542633007200e98677",  # looks like a number with an exponent
        "qm:9b1d-ab:cd",
        "id-001",
        "o'neil@example.com",
        "bruno+x@example.com",
        "bruno%2Bx@example.com",
        "qm-1%FF",
    ],
)
def test_undamaged_cells_stay_as_they_are(text: str) -> None:
    cell = read_account_cell(text)
    assert (cell.kind in (Kind.ID, Kind.EMAIL), cell.text, cell.repaired) == (True, text, False)


PLACEHOLDERS = (
    "n/a N/A na - -- \u2014 \u2013 NULL none None nil nan #N/A TBD unknown (blank) <null> [empty] \\N ? ... *"
)


@pytest.mark.parametrize("text", [*PLACEHOLDERS.split(), "'-", '="n/a"', " N/A "])
def test_placeholders_are_no_accounts(text: str) -> None:
    assert read_account_cell(text).kind is Kind.PLACEHOLDER
    problem = identify([(text, Column.ANY)])
    assert isinstance(problem, str)
    assert text.strip() in problem
    assert identify([(text, Column.ID), (EMAIL, Column.ANY)])[0] == EMAIL


DAMAGED = (
    *("########", "#REF!", "#NAME?", "#VALUE!", "#BEZUG!", "#NV", "#\u00a1REF!", "Err:502"),
    *("6.08E-05", "6.08E+23", "6,08E+23", "6.08e23", "-6.08E+23", "6E+23", "6\u066b08E+23"),
    *("557058000000000000000000", "608955542633007000000000", "557,058,123", "557.058.123", "5.57E5"),
    *(
        "2024-05-01",
        "2024-05-01 00:00:00",
        "2024-05-01T00:00:00",
        "01.05.2024",
        "5/1/24",
        "May-24",
        "24-May",
        "1-Mai-2024",
    ),
    *("12:30", "12:30:59", "TRUE", "false", "WAHR", '="6.08E-05"', "'########"),
)


@pytest.mark.parametrize("text", DAMAGED)
def test_what_a_spreadsheet_changed_is_bad_even_beside_an_email(text: str) -> None:
    for cells in ([(text, Column.ANY)], [(text, Column.ID), (EMAIL, Column.ANY)]):
        problem = identify(cells)
        assert isinstance(problem, str)
        assert problem == f"the account is {text}: a spreadsheet has changed it"


@pytest.mark.parametrize(
    "text",
    [
        f"{EMAIL}; chiara@example.com",
        f"{EMAIL}, chiara@example.com",
        f"{HEX} {UUID}",
        f"{HEX}, {UUID}",
        f"Bruno ({HEX})",
        "608a 9b55 5426 3300 72f9 867d",
        "@Bruno",
        "@",
        f"chiara@example.com <{EMAIL}>",
        "x" * (MAX_LENGTH + 1),
        "bruno\x07",
        "br\u200buno",
        "<" * 50_000 + ">" * 50_000,
        "%25" * 40_000,
    ],
)
def test_cells_without_exactly_one_account_are_bad(text: str) -> None:
    for cells in ([(text, Column.ANY)], [(text, Column.ANY), (EMAIL, Column.ANY)]):
        problem = identify(cells)
        assert isinstance(problem, str)
        assert len(problem) < MAX_LENGTH + 200


def test_a_very_long_cell_is_not_shown_whole() -> None:
    assert identify([("x" * 2000, Column.ID)]) == ("x" * 2000, None, (), ())
    assert identify([("x" * 2001, Column.ID)]) == (
        "the account is xxxxxxxxxxxxxxxxxxxx…: it has more than 2,000 characters"
    )


def test_a_named_e_mail_has_only_one_e_mail() -> None:
    cell = f"chiara@example.com <{EMAIL}>"
    assert identify([(cell, Column.ANY)]) == f"the account is {cell}: give one e-mail, or the account id"


PROFILE = "https://example.atlassian.net/wiki/people"


@pytest.mark.parametrize(
    "text",
    [
        f"{PROFILE}/{UUID},{PROFILE}/{HEX}",
        f"{PROFILE}/{UUID};{PROFILE}/{HEX}",
        f"{PROFILE}/{UUID}|{PROFILE}/{HEX}",
        f"{PROFILE}/{UUID}/people/{HEX}",
        f"{PROFILE}/{HEX}#{UUID}",
        f"{PROFILE}/{HEX}?accountId={quote(UUID, safe='')}",
        f"{HEX},{PROFILE}/{UUID}",
        f"{EMAIL}/people/{HEX}",
        f"{PROFILE}/{HEX}?user={EMAIL}",
        f"{PROFILE}/{HEX}?user={quote(EMAIL)}",
        f"accountid={UUID}&accountid={HEX}",
        f"mailto:{EMAIL}?cc=chiara@example.com",
        f"mailto:{EMAIL}?cc=chiara%40example.com",
        f"{UUID} <{EMAIL}>",
    ],
)
def test_no_account_is_dropped_from_a_cell_that_names_two(text: str) -> None:
    assert identify([(text, Column.ANY)]) == f"the account is {text}: it names more than one account"


@pytest.mark.parametrize("text", [f"{PROFILE}/{HEX}?accountId={HEX.upper()}", f"mailto:{EMAIL}?to={EMAIL}"])
def test_an_account_may_be_named_twice(text: str) -> None:
    assert read_account_cell(text).text in (HEX, HEX.upper(), EMAIL)


@pytest.mark.parametrize("name", ["Bruno\u00a0Keller", "Bruno\nKeller", " Bruno \r\n Keller "])
def test_a_name_may_contain_line_breaks_and_no_break_spaces(name: str) -> None:
    for column in (Column.ANY, Column.NAME):
        assert identify([(name, column), (EMAIL, Column.ANY)]) == (EMAIL, None, (), ("Bruno Keller",))


def test_a_name_with_control_characters_is_compared_too() -> None:
    assert identify([(EMAIL, Column.ANY), ("Bruno\x1b[2J", Column.NAME)]) == (EMAIL, None, (), ("Bruno\x1b[2J",))


def test_only_control_characters_are_called_so() -> None:
    assert identify([("br\u200buno", Column.ANY)]) == "the account contains an invisible character"
    assert identify([("br\x07uno", Column.ANY)]) == "the account contains a control character"


def test_an_id_or_email_beside_a_name_identifies_the_person() -> None:
    name = ("Bruno Keller", Column.ANY)
    assert identify([name, (EMAIL, Column.ANY)]) == (EMAIL, None, (), ("Bruno Keller",))
    assert identify([name, (HEX, Column.ANY)]) == (HEX, None, (), ("Bruno Keller",))
    assert identify([("Bruno", Column.ANY), (EMAIL, Column.ANY)]) == (EMAIL, None, (), ("Bruno",))
    assert identify([("Bruno", Column.ID), (EMAIL, Column.ANY)]) == ("Bruno", None, (EMAIL,), ())
    assert identify([(HEX, Column.ID), (EMAIL, Column.ANY), (UUID, Column.ANY)])[2] == (EMAIL, UUID)
    assert identify([(EMAIL, Column.NAME)])[0] == EMAIL
    for part in (HEX[:-1], f"{HEX}/{UUID}", f"https://site.atlassian.net/display/~{HEX}", f"+{HEX}"):
        assert identify([(part, Column.ANY), (EMAIL, Column.ANY)])[:3] == (part, None, (EMAIL,))
    assert identify([("n/a", Column.NAME), (EMAIL, Column.ANY)]) == (EMAIL, None, (), ())
    assert identify([("123", Column.NAME), (EMAIL, Column.ANY)]) == (EMAIL, None, (), ())
    assert identify([("Bruno", Column.ANY), ("Chiara", Column.ANY)]) == ("Bruno", None, (), ("Chiara",))
    assert identify([name, ("Chiara", Column.NAME)]) == (
        "there is only a name (Bruno Keller): give the account id or the e-mail"
    )
    for names in ([name], [("Bruno", Column.NAME)], [name, ("", Column.ANY), ("n/a", Column.ID)]):
        problem = identify(names)
        assert isinstance(problem, str)
        assert problem.endswith("give the account id or the e-mail")
    assert identify([]) == identify([("  ", Column.ANY), ("''", Column.ID)]) == "the account is missing"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Keller, Bruno", "bruno  KELLER", True),
        ("Dagny Sorensen", "Dagný Sørensen", True),
        ("Emeka O\u2019Neil", "ONeil Emeka", True),
        ("Straße", "STRASSE", True),
        ("Dagny\u0301", "Dagný", True),
        ("Bruno Keller", "Bruno Kellermann", False),
        ("Bruno", "Bruno Keller", False),
    ],
)
def test_names_are_compared_loosely(one: str, other: str, same: bool) -> None:
    assert is_same_name(one, other) is is_same_name(other, one) is same


def test_only_hexadecimal_ids_have_a_lower_case() -> None:
    assert lower_hex(HEX.upper()) == HEX
    assert lower_hex(UUID.upper()) == UUID
    assert [lower_hex(text) for text in (HEX, UUID, "Bruno", "ID-001", "QM:9B1D")] == [None] * 5


PARTS = st.sampled_from(
    [HEX, UUID, EMAIL, "%3A", "%253A", "people/", "accountid:", "mailto:", "<", ">", "=", '"', "'", " "]
)
TEXTS = st.text(max_size=60) | st.lists(PARTS | st.text(max_size=3), max_size=8).map("".join)


def fully_decoded(text: str) -> str:
    while (decoded := unquote(text)) != text:
        text = decoded
    return text


@given(TEXTS)
@example("\ufeff")
@example("%C3%BC\u00fc")
def test_nothing_raises_and_no_account_is_invented(text: str) -> None:
    cell = read_account_cell(text)
    plain = " ".join(text.split())
    assert cell.text in plain or cell.text in unquote(plain) or fully_decoded(cell.text) in fully_decoded(plain)
    if cell.kind in (Kind.ID, Kind.EMAIL):
        assert not re.search(r"\s", cell.text)
        assert read_account_cell(cell.text) == (cell.kind, cell.text, False, "")
    person = identify([(text, Column.ANY)])
    assert isinstance(person, str) or person.account == cell.text


@pytest.mark.parametrize("account_id", [HEX, UUID])
@pytest.mark.parametrize("wrapping", ["'{}", f"{PROFILE}/{{}}", "https://example.atlassian.net/people/{}"])
def test_the_fast_path_gives_what_all_rules_give(account_id: str, wrapping: str) -> None:
    cell = wrapping.format(account_id)
    assert read_account_cell(cell) == read_account_cell(f" {cell} ") == (Kind.ID, account_id, True, "")
