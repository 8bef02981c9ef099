"""How a body is decoded part by part."""

from __future__ import annotations

import gzip
import zlib

import pytest

from confluence_groups_sdk._core.transport.decompression import Decoder, UndecodableError

TEXT = b'{"name": "editors"}'
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
BODIES = {
    "": TEXT,
    "identity": TEXT,
    "gzip": gzip.compress(TEXT),
    " GZip ": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "identity, gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "Deflate": RAW.compress(TEXT) + RAW.flush(),
}


@pytest.mark.parametrize(
    ("coding", "step"),
    # Whether "deflate" has its wrapper shows in the first two bytes.
    [(coding, step) for coding in BODIES for step in (1, 7, 1000) if (coding, step) != ("Deflate", 1)],
)
def test_a_body_is_decoded_in_parts(coding: str, step: int) -> None:
    body = BODIES[coding]
    decoder = Decoder({"content-encoding": coding})
    parts = [decoder.decode(body[start : start + step], 1000) for start in range(0, len(body), step)]
    decoder.finish()
    assert b"".join(parts) == TEXT


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip, deflate", "deflate, br", "gzip, gzip, gzip"])
def test_other_codings_are_refused(coding: str) -> None:
    with pytest.raises(UndecodableError):
        Decoder({"content-encoding": coding})


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", zlib.compress(TEXT)), ("gzip", TEXT), ("deflate", gzip.compress(TEXT)), ("deflate", TEXT)],
    ids=["gzip-zlib", "gzip-text", "deflate-gzip", "deflate-text"],
)
def test_a_body_in_another_coding_than_stated_is_refused(coding: str, body: bytes) -> None:
    with pytest.raises(UndecodableError):
        Decoder({"content-encoding": coding}).decode(body, 1000)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_is_cut_is_refused_at_its_end(coding: str) -> None:
    decoder = Decoder({"content-encoding": coding})
    decoder.decode(BODIES[coding][:-1], 1000)
    with pytest.raises(UndecodableError):
        decoder.finish()


@pytest.mark.parametrize("coding", BODIES)
def test_an_empty_body_is_complete(coding: str) -> None:
    Decoder({"content-encoding": coding}).finish()


@pytest.mark.parametrize("coding", ["", "gzip", "deflate"])
def test_a_part_is_decoded_up_to_a_length(coding: str) -> None:
    assert Decoder({"content-encoding": coding}).decode(BODIES[coding], 5) == TEXT[:5]


def test_bytes_after_the_end_are_ignored() -> None:
    decoder = Decoder({"content-encoding": "gzip"})
    assert decoder.decode(BODIES["gzip"], 1000) == TEXT
    assert decoder.decode(b"more", 1000) == b""
    decoder.finish()
