"""Canonical forms, against the plain reading of RFC 6376 3.4 and in every chunking."""

from __future__ import annotations

import hashlib
import re
import time

from hypothesis import given
from hypothesis import strategies as st

from posthouse.origin import canonical
from posthouse.origin.canonical import BodyHash, body_hash, relaxed_field, squeezed

PIECES = st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n", b"\r", b"\n", b"a", b"bc", b"\x00", b"\r\n\r\n"]), max_size=40
)


def plain(body: bytes, relaxed: bool) -> bytes:
    """The words of the standard, one after the other."""
    if relaxed:
        body = re.sub(rb"[ \t]+", b" ", body)
        body = re.sub(rb" (?=\r\n|\Z)", b"", body)
    while body.endswith(b"\r\n"):
        body = body[:-2]
    if relaxed and not body:
        return b""
    return body + b"\r\n"


@given(PIECES, st.booleans(), st.integers(min_value=1, max_value=7))
def test_every_chunking_gives_the_same(pieces: list[bytes], relaxed: bool, step: int) -> None:
    body = b"".join(pieces)
    hashing = BodyHash("relaxed" if relaxed else "simple")
    for at in range(0, len(body), step):
        hashing.update(body[at : at + step])
    wanted = plain(body, relaxed)
    assert hashing.digest() == hashlib.sha256(wanted).digest()
    assert hashing.size == len(wanted)


@given(PIECES, st.integers(min_value=0, max_value=30))
def test_a_limit_counts_octets_of_the_canonical_form(pieces: list[bytes], limit: int) -> None:
    body = b"".join(pieces)
    wanted = plain(body, True)
    digest, size = body_hash(body, 0, "relaxed", limit)
    assert (digest, size) == (hashlib.sha256(wanted[:limit]).digest(), len(wanted))


def test_blanks_are_squeezed() -> None:
    assert squeezed(b"a" + b" " * 1000 + b"\t\tb \t") == b"a b "
    assert relaxed_field(b"SUBJECT \t", b"  a\r\n\t b\r\n  ") == b"subject:a b"


def test_hostile_bodies_take_no_time_and_no_memory() -> None:
    bodies = [
        b"\r\n" * 4_000_000,
        b" " * 8_000_000,
        b"\r" * 8_000_000,
        b" \r\n" * 3_000_000,
        b"\n\r\n" * 3_000_000,
    ]
    began = time.process_time()
    for body in bodies:
        for form in ("simple", "relaxed"):
            hashing = BodyHash(form)
            for at in range(0, len(body), canonical.CHUNK):
                hashing.update(body[at : at + canonical.CHUNK])
                assert len(hashing._rest) < 4
            hashing.digest()
    assert time.process_time() - began < 30, "quadratic: it takes a second or two"
