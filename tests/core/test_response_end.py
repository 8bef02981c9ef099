"""ResponseEnd knows where a response ends; where it is sure, h11 agrees."""

from __future__ import annotations

from itertools import pairwise

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confluence_groups_sdk._core.transport.connections.response_end import MAX_HEAD_BYTES, ResponseEnd

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n1f\r\n" + b"0" * 31 + b"\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
USUAL = (
    DONE,
    PAGE,
    CHUNKS,
    EMPTY,
    EARLY + DONE,
    EARLY * 3 + PAGE,
    DONE.replace(b"\r\n", b"\n"),
    PAGE.replace(b"\r\n", b"\n"),
)


def follow(*parts: bytes, method: bytes = b"DELETE") -> ResponseEnd:
    end = ResponseEnd()
    end.expect(method)
    for part in parts:
        end.feed(part)
    return end


@pytest.mark.parametrize("response", USUAL)
def test_a_usual_response_ends_at_its_last_byte(response: bytes) -> None:
    for split in range(len(response) + 1):
        end = follow(response[:split])
        assert end.reached == (split == len(response))
        end.feed(response[split:])
        assert end.reached
    assert follow(*[bytes([each]) for each in response]).reached


@pytest.mark.parametrize("response", USUAL)
@pytest.mark.parametrize("rest", [b"{}", b"\r\n", b"\n", b" ", DONE, PAGE, EARLY, b"0\r\n\r\n", b"HTTP/1.1 2"])
def test_bytes_after_the_response_are_noticed(response: bytes, rest: bytes) -> None:
    assert not follow(response + rest).reached
    assert not follow(response, rest).reached
    assert not follow(*[bytes([each]) for each in response + rest]).reached


def test_responses_follow_one_another_on_a_connection() -> None:
    end = ResponseEnd()
    assert end.reached
    for response in USUAL:
        end.expect(b"GET")
        assert not end.reached
        end.feed(response)
        assert end.reached
    end.feed(DONE)
    end.expect(b"GET")
    end.feed(DONE)
    assert end.reached, "a caller that sends another request nevertheless gets what follows"


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\n\r\n{}",  # ends with the connection
        b"HTTP/1.0 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xc2\xb2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0;a=b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 400 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + DONE,
        b"\n\r\n" + DONE,
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"\r\n" + DONE,
        b"A" * (MAX_HEAD_BYTES + 1),
        b"",
    ],
)
def test_an_unusual_response_is_not_trusted(response: bytes) -> None:
    assert not follow(response).reached
    assert not follow(*[bytes([each]) for each in response[:1000]]).reached


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("longest", "more"),
    [
        (b"A" * 100 * 1024, b"A"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 18, b"9"),
        (CHUNKED + b"0000000a\r", b"\r"),
        (CHUNKED + b"0000000a0", b"0"),
    ],
)
def test_a_connection_is_given_up_for_what_is_longer_than_any_server_sends(longest: bytes, more: bytes) -> None:
    for received, is_given_up in ((longest, False), (longest + more, True)):
        end = follow(received, *([b"\r\n\r\n"] if b"Length" in received else []))
        assert (end.reached, end.is_given_up) == (False, is_given_up)


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"199 Other"])
def test_a_response_follows_an_interim_one(status: bytes) -> None:
    interim = b"HTTP/1.1 %s\r\n\r\n" % status
    assert not follow(interim).reached
    assert not follow(interim).is_given_up
    assert follow(interim, DONE).reached


@pytest.mark.parametrize(("status", "has_body"), [(203, True), (204, False), (303, True), (304, False), (305, True)])
def test_the_status_decides_whether_there_is_a_body(status: int, has_body: bool) -> None:
    head = b"HTTP/1.1 %d Words\r\nContent-Length: 2\r\n\r\n" % status
    assert follow(head).reached is not has_body
    assert follow(head, b"{}").reached is has_body


def test_a_status_line_inside_a_header_is_no_response() -> None:
    assert not follow(b"HTTP/1.1 200 OK\r\nX: ", DONE).reached


def test_a_connection_is_given_up_at_an_empty_head() -> None:
    assert follow(b"\n\r\n").is_given_up
    assert follow(EARLY + b"\n\r\n").is_given_up


def test_bytes_before_the_first_request_are_ignored() -> None:
    end = ResponseEnd()
    end.feed(b"\x05\x00")  # of a SOCKS proxy
    assert (end.reached, end.is_given_up) == (True, False)
    end.expect(b"GET")
    end.feed(PAGE)
    assert (end.reached, end.is_given_up) == (True, False)
    end.feed(b"{}")
    assert (end.reached, end.is_given_up) == (False, True)


def test_the_method_decides_whether_there_is_a_body() -> None:
    head = PAGE.removesuffix(b"{}")
    assert follow(head, method=b"HEAD").reached
    assert not follow(head, method=b"GET").reached
    assert not follow(b"SSH-2.0-OpenSSH\r\n\r\n", method=b"HEAD").reached
    assert not follow(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", method=b"CONNECT").reached


def is_left_over_for_h11(method: bytes, *parts: bytes) -> bool:
    """Check whether h11, which httpx uses, takes these bytes for a response and keeps a rest, or expects more."""
    connection = h11.Connection(our_role=h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    connection.send(h11.EndOfMessage())
    try:
        for part in parts:
            connection.receive_data(part)
            while connection.their_state is not h11.DONE:
                if connection.next_event() is h11.NEED_DATA:
                    break
    except h11.RemoteProtocolError:
        return False  # httpx closes the connection
    return connection.their_state is not h11.DONE or connection.trailing_data != (b"", False)


pieces = st.sampled_from(
    [
        *USUAL, b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 204 x\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 100\r\n\r\n",
        b"Content-Length: 3\r\n", b"content-length :3\r\n", b"Content-Length: 3, 3\r\n", b" 0\r\n", b"X: y\r\n", b"\n",
        b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: Chunked\r\n", b"X: Content-Length: 1\r\n",
        b"\r\n", b"\r", b"3\r\nabc\r\n", b"03\r\nabc\r\n", b"0\r\n", b"0\r\n\r\n", b"abc", b"a", b"3 \r\nabc\r\n",
        b"3;x=y\r\nabc\r\n", b"A: b\r\n\r\n",
    ]
)  # fmt: skip


@given(
    method=st.sampled_from([b"GET", b"DELETE", b"HEAD"]),
    parts=st.lists(st.lists(pieces, min_size=1, max_size=6).map(b"".join), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 200), max_size=4),
)
@example(b"GET", [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"\r", b"\n"], [])
@example(b"GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", DONE], [])
def test_h11_agrees_wherever_it_is_sure(method: bytes, parts: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(parts)
    places = sorted({0, len(whole), *[min(cut, len(whole)) for cut in cuts]})
    split = [whole[first:last] for first, last in pairwise(places)]
    if follow(*split, method=method).reached:
        assert not is_left_over_for_h11(method, *split)
