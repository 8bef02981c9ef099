"""Notices of the server: Deprecation, Sunset and Warning 299, each logged once and listed by the client."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import httpx
import pytest
from fakes import KINDS, SITE, Answers, FakeClock, token
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import ApiToken, AsyncConfluenceGroups, ConfluenceGroups, Notice
from confluence_groups_sdk.sandbox import Faults, Sandbox

DATE = datetime(2023, 6, 30, 23, 59, 59, tzinfo=UTC)
REMOVE = "removeMemberFromGroupByGroupId"
Headers = list[tuple[str, str]]


def encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers]


def notices_of(*answers: Headers, kind: str = "sync", status: int = 204, **ids: str) -> tuple[Notice, ...]:
    """Return the notices of a client after one remove_member for each list of headers."""
    both = {"group_id": "g", "account_id": "a", **ids}
    responses = Answers(*(httpx.Response(status, headers=encoded(each)) for each in answers))
    transport = httpx.MockTransport(responses)

    async def use() -> tuple[Notice, ...]:
        async with httpx.AsyncClient(transport=transport) as http:
            groups = AsyncConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock())
            for _ in answers:
                await groups.remove_member(**both)
            return groups.notices

    if kind == "async":
        return asyncio.run(use())
    with httpx.Client(transport=transport) as http:
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock())
        for _ in answers:
            groups.remove_member(**both)
        return groups.notices


# --- what the headers say


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_none_without_the_headers(kind: str) -> None:
    assert (
        notices_of([("Date", "Fri, 30 Jun 2023 23:59:59 GMT"), ("Link", '<https://x/>; rel="next"')], kind=kind) == ()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_response_may_have_all_three(kind: str) -> None:
    headers = [
        ("Deprecation", "@1688169599"),
        ("Sunset", "Sun, 30 Jun 2024 23:59:59 GMT"),
        ("Warning", '299 - "use v2"'),
    ]
    found = notices_of(headers, kind=kind)
    assert [(each.operation, each.kind, each.date) for each in found] == [
        (REMOVE, "deprecation", DATE),
        (REMOVE, "sunset", DATE.replace(year=2024)),
        (REMOVE, "warning", None),
    ]
    assert found[2].text == "use v2"


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("@1688169599", DATE),
        (" @1688169599 ", DATE),
        ("@1688169599;reason=old", DATE),
        ("@0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("@-1", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Fri, 30 Jun 2023 23:59:59 GMT", DATE),
        ("Friday, 30-Jun-23 23:59:59 GMT", DATE),
        ("Fri Jun 30 23:59:59 2023", DATE),
        ('date="Fri, 30 Jun 2023 23:59:59 GMT"', DATE),
        ('version="v1", date="Fri, 30 Jun 2023 23:59:59 GMT"', DATE),
        ('date="30 Jun 2023 23:59:59 GMT"', DATE),
        ("true", None),
        ("TRUE", None),
        ("?1", None),
        ("@", None),
        ("@999999999999999999999", None),
        ("@-999999999999999", None),
        ("@1688169599.5", None),
        ("@nan", None),
        ("next year", None),
        ("Fri, 99 Jun 2023 23:59:59 GMT", None),
        ("Fri, 30 Jun 99999999999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("Fri, 30 Jun 2023 23:59:59 +9999999999", None),
    ],
)
def test_deprecation(value: str, date: datetime | None) -> None:
    (notice,) = notices_of([("Deprecation", value)])
    assert (notice.kind, notice.date) == ("deprecation", date)
    assert notice.text == value.strip()


@pytest.mark.parametrize("value", ["", " ", "false", "False", "?0"])
def test_a_deprecation_header_may_say_that_nothing_is_deprecated(value: str) -> None:
    assert notices_of([("Deprecation", value)]) == ()


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("Fri, 30 Jun 2023 23:59:59 GMT", DATE),
        ("Sat, 01 Jul 2023 01:59:59 +0200", DATE),
        ("@1688169599", DATE),
        ("soon", None),
        ("2023-06-30", None),
    ],
)
def test_sunset(value: str, date: datetime | None) -> None:
    (notice,) = notices_of([("Sunset", value)])
    assert (notice.kind, notice.text, notice.date) == ("sunset", value, date)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (['299 - "use v2"'], ["use v2"]),
        (['299 example.com:80 "use v2" "Fri, 30 Jun 2023 23:59:59 GMT"'], ["use v2"]),
        (['299 a "one", 299 b "two"'], ["one", "two"]),
        (['299 a "one"', '299 b "two"'], ["one", "two"]),
        (['299 - "one, 299 - \\"two\\""'], ['one, 299 - "two"']),
        (['299 - "a \\\\ b"'], ["a \\ b"]),
        (['199 - "miscellaneous", 299 - "one"'], ["one"]),
        (['199 - "see 299 - here, 299 - there"'], []),
        (['110 cache "stale"'], []),
        (["2990 - nothing"], []),
        (["299"], []),
        (['299 - ""'], []),
        (["299 - use v2"], ["use v2"]),
        (['299 "use v2"'], ["use v2"]),
        (['299 - "not ended'], ["not ended"]),
        (['nonsense, 299 - "one"'], ["one"]),
        (['299 - "same", 299 - "same"'], ["same"]),
        (['299 - "one" "not a date", 299 - "two"'], ["one", "two"]),
    ],
)
def test_warnings(values: list[str], texts: list[str]) -> None:
    found = notices_of([("Warning", each) for each in values])
    assert [(each.kind, each.text) for each in found] == [("warning", each) for each in texts]


def test_the_date_of_a_warning() -> None:
    (notice,) = notices_of([("Warning", '299 - "use v2" "Fri, 30 Jun 2023 23:59:59 GMT"')])
    assert notice.date == DATE


@pytest.mark.parametrize(
    ("link", "deprecation", "sunset"),
    [
        ('<https://x/d>; rel="deprecation"; type="text/html"', "https://x/d", None),
        ("<https://x/s>;rel=sunset", None, "https://x/s"),
        ('<https://x/n>; rel="next", <https://x/d>; rel="alternate deprecation"', "https://x/d", None),
        ('<https://x/a,b;c>; rel="DEPRECATION"', "https://x/a,b;c", None),
        ('<https://x/d>; title="a, rel=sunset"; rel="deprecation"', "https://x/d", None),
        ('<https://x/1>; rel="deprecation", <https://x/2>; rel="deprecation"', "https://x/1", None),
        ("<https://x", None, None),
        ('<https://x/d>; rel="deprecation-policy"', None, None),
    ],
)
def test_a_link_to_more_about_it(link: str, deprecation: str | None, sunset: str | None) -> None:
    found = notices_of([("Deprecation", "true"), ("Sunset", "Fri, 30 Jun 2023 23:59:59 GMT"), ("Link", link)])
    assert [each.link for each in found] == [deprecation, sunset]


def test_a_notice_in_words() -> None:
    headers = [("Deprecation", "@1688169599"), ("Sunset", "soon"), ("Warning", '299 - "use v2"')]
    found = notices_of([*headers, ("Link", "<https://x/d>; rel=deprecation")])
    assert [str(each) for each in found] == [
        f"{REMOVE}: deprecated from 2023-06-30T23:59:59Z, see https://x/d",
        f"{REMOVE}: to be switched off: soon",
        f"{REMOVE}: warning: use v2",
    ]
    assert str(notices_of([("Deprecation", "true")])[0]) == f"{REMOVE}: deprecated: true"


# --- once, bounded, safe to show


def test_each_is_listed_and_logged_once_per_operation(caplog: pytest.LogCaptureFixture) -> None:
    group = {"type": "group", "name": "n", "id": "g"}
    headers = [("Deprecation", "@1688169599"), ("Warning", '299 - "use v2"')]
    answers = Answers(*(httpx.Response(200, headers=headers, json=group) for _ in range(2)))
    with httpx.Client(transport=httpx.MockTransport(answers)) as http, caplog.at_level(logging.WARNING):
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http)
        groups.get_group(group_id="g")
        groups.get_group(group_id="h")
        assert [each.kind for each in groups.notices] == ["deprecation", "warning"]
        again = ConfluenceGroups(SITE, auth=token(), http_client=http)
        assert again.notices == (), "each client has its own"
    assert [each.getMessage() for each in caplog.records] == [str(each) for each in groups.notices]
    assert {each.levelno for each in caplog.records} == {logging.WARNING}
    assert {each.name for each in caplog.records} == {"confluence_groups_sdk"}


def test_another_operation_has_its_own_notices(caplog: pytest.LogCaptureFixture) -> None:
    headers = [("Deprecation", "true")]
    answers = Answers(httpx.Response(204, headers=headers), httpx.Response(201, headers=headers))
    with httpx.Client(transport=httpx.MockTransport(answers)) as http, caplog.at_level(logging.WARNING):
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http)
        groups.remove_member(group_id="g", account_id="a")
        groups.add_member(group_id="g", account_id="a")
    assert [each.operation for each in groups.notices] == [REMOVE, "addUserToGroupByGroupId"]
    assert len(caplog.records) == 2


def test_a_text_that_varies_is_logged_once_and_bounded(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Headers] = [[("Warning", f'299 - "call {number}"')] for number in range(300)]
    with caplog.at_level(logging.WARNING):
        found = notices_of(*answers)
    assert len(caplog.records) == 1
    assert len(found) == 20


def test_the_date_of_a_warning_does_not_make_it_another_one() -> None:
    answers: list[Headers] = [
        [("Warning", f'299 - "use v2" "Fri, 30 Jun 2023 23:59:{second:02} GMT"')] for second in range(5)
    ]
    assert len(notices_of(*answers)) == 1


def test_many_notices_in_one_response_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = notices_of([("Warning", ", ".join(f'299 - "{number}"' for number in range(5000)))])
    assert len(found) == 20
    assert [each.getMessage() for each in caplog.records] == [str(found[0])]


@pytest.mark.parametrize("name", ["Deprecation", "Sunset"])
def test_long_and_many_headers_cost_little_time(name: str) -> None:
    headers = [*[(name, "@1")] * 300, *[("Link", "<," * 3900)] * 12, *[("Warning", '299 - "' + "\\" * 7990)] * 12]
    started = time.thread_time()
    assert {each.kind for each in notices_of(headers)} == {name.lower(), "warning"}
    assert time.thread_time() - started < 5


def test_a_text_is_truncated_and_has_no_control_characters(caplog: pytest.LogCaptureFixture) -> None:
    text = "one\ttwo \x7f\x1b[31m \u202e" + "x" * 5000
    with caplog.at_level(logging.WARNING):
        found = notices_of(
            [
                ("Warning", f'299 - "{text}"'),
                ("Deprecation", text),
                ("Link", f'<https://x/\x1b[31m{"y" * 5000}>; rel="deprecation"'),
            ]
        )
    assert [(len(each.text), len(each.link or "")) for each in found] == [(500, 500), (500, 0)]
    for shown in [part for each in found for part in (each.text, each.link or "", str(each))]:
        assert shown.isprintable()
        assert len(shown) <= 1200
    assert all(record.getMessage().isprintable() for record in caplog.records)


def test_echoed_credentials_and_ids_are_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    account_id = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
    echo = f'299 - "some-token for {account_id}"'
    link = f"<https://x/?t=some-token&a={account_id}>; rel=deprecation"
    with caplog.at_level(logging.WARNING):
        found = notices_of([("Warning", echo), ("Deprecation", "true"), ("Link", link)], account_id=account_id)
    for text in (repr(found), caplog.text):
        assert "some-token" not in text
        assert account_id not in text


@pytest.mark.parametrize(("length", "shown"), [(15, True), (16, False), (40, False)])
def test_ids_of_16_characters_and_more_are_not_shown(length: int, shown: bool) -> None:
    account_id = f"a:{'0123456789' * 4}"[:length]
    echoes = [account_id, account_id.replace(":", "%3A")]
    found = notices_of(*[[("Warning", f'299 - "see {each}"')] for each in echoes], account_id=account_id)
    assert [each in notice.text for each, notice in zip(echoes, found, strict=False)] == [shown] * len(found)
    assert len(found) == (2 if shown else 1), "both become the same hash"


@pytest.mark.parametrize(("length", "text"), [(7986, "use v2"), (7987, "use v2"), (7988, "use v"), (7989, "use")])
def test_headers_of_one_name_are_read_up_to_8000_characters(length: int, text: str) -> None:
    assert [each.text for each in notices_of([("Warning", "x" * length), ("Warning", '299 - "use v2"')])] == [text]


@pytest.mark.parametrize(("length", "texts"), [(7998, ["y", "z"]), (7999, ["y"]), (8000, [])])
def test_each_header_of_a_name_counts(length: int, texts: list[str]) -> None:
    found = notices_of([("Sunset", "x" * length), ("Sunset", "y"), ("Sunset", "z")])
    assert [each.text for each in found] == ["x" * 500, *texts]


def test_a_failed_response_has_notices_too() -> None:
    answers = Answers(httpx.Response(410, headers={"Sunset": "Fri, 30 Jun 2023 23:59:59 GMT"}))
    with httpx.Client(transport=httpx.MockTransport(answers)) as http:
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http)
        with pytest.raises(Exception, match="410"):
            groups.remove_member(group_id="g", account_id="a")
        assert [each.kind for each in groups.notices] == ["sunset"]


def test_copies_with_other_options_share_the_notices() -> None:
    answers = Answers(httpx.Response(204, headers={"Deprecation": "true"}))
    with httpx.Client(transport=httpx.MockTransport(answers)) as http:
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http)
        copied = groups.with_options(timeout=3)
        copied.remove_member(group_id="g", account_id="a")
        assert len(groups.notices) == 1
        assert groups.notices == copied.notices


def test_eight_threads_log_one_notice(caplog: pytest.LogCaptureFixture) -> None:
    together = Barrier(8)

    def answer(_request: httpx.Request) -> httpx.Response:
        together.wait(20)
        return httpx.Response(204, headers={"Deprecation": "true"})

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
        caplog.at_level(logging.WARNING),
        ThreadPoolExecutor(8) as pool,
    ):
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http)
        list(pool.map(lambda _: groups.remove_member(group_id="g", account_id="a"), range(8)))
    assert len(groups.notices) == len(caplog.records) == 1


def test_notices_survive_pickle_and_copy() -> None:
    (notice,) = notices_of([("Deprecation", "@1688169599")])
    assert Notice.__module__ == "confluence_groups_sdk"
    assert pickle.loads(pickle.dumps(notice)) == copy.copy(notice) == notice
    assert len({notice, copy.deepcopy(notice)}) == 1
    with pytest.raises(AttributeError):
        notice.text = "x"  # type: ignore[misc] # frozen
    with pytest.raises(TypeError):
        Notice(REMOVE, "warning", "use v2")  # type: ignore[call-arg] # has names only


HEADER_VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
PIECES = st.lists(st.sampled_from(["299", " ", "-", '"', "\\", ",", "<", ">", ";", "rel=", "sunset", "@", "1", "GMT"]))


@given(value=HEADER_VALUES | PIECES.map("".join), link=HEADER_VALUES | PIECES.map("".join))
def test_no_header_breaks_a_call(value: str, link: str) -> None:
    headers = [(name, value.encode("latin-1")) for name in (b"Deprecation", b"Sunset", b"Warning")]
    answers = Answers(httpx.Response(204, headers=[*headers, (b"Link", link.encode("latin-1"))]))
    with httpx.Client(transport=httpx.MockTransport(answers)) as http:
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http)
        groups.remove_member(group_id="g", account_id="a")
        assert all(str(each).isprintable() for each in groups.notices)


# --- in the sandbox


def test_the_sandbox_can_announce_a_deprecation(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(headers={"Deprecation": "@1688169599", "Warning": '299 - "use v2"'})
    with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as groups:
        list(groups.iter_groups())
        assert [str(each) for each in groups.notices] == [
            "getGroups: deprecated from 2023-06-30T23:59:59Z",
            "getGroups: warning: use v2",
        ]


@pytest.mark.parametrize("headers", [{"Warning": "a\nb"}, {"a b\r": "x"}, {"X": "\u2028"}])
def test_a_header_that_cannot_be_sent_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"Latin-1|letters, digits"):
        Faults(headers=headers)
