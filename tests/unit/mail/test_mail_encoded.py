"""Text out of bytes: charsets, encoded words, continued parameters (RFC 2231), transfer encodings, case folding."""

from __future__ import annotations

import base64
import time
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.casemap import fold
from posthouse.mail.charsets import codec, decode
from posthouse.mail.encoded import decode_words
from posthouse.mail.parameters import merged
from posthouse.mail.transfer import decode_base64, decode_quoted_printable, decode_transfer, known


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?q?caf=C3=A9_au_lait?=", "café au lait"),
        (b"=?UTF-8?B?w6TDtg==?= and =?iso-8859-1?Q?=FC?=", "äö and ü"),
        (b"=?utf-8?q?a?= \t=?utf-8?q?b?= c", "ab c"),
        (b"=?utf-8?b?w6Q?= x", "ä x"),
        (b"=?utf-8?b?4oI=?= =?utf-8?b?rA==?=", "€"),
        (b"=?iso-8859-1*de?q?=E4?=", "ä"),
        (b"=?x-unknown?q?=C3=A4?=", "ä"),
        (b"=?utf-8?q?broken", "=?utf-8?q?broken"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"a=?utf-8?q?b?=c", "abc"),
        (b"\xe4\xf6", "äö"),
        ("ä".encode(), "ä"),
        (b"", ""),
    ],
)
def test_encoded_words(value: bytes, expected: str) -> None:
    """RFC 2047 with the usual sins of senders."""
    assert decode_words(value) == expected


def test_continuations_are_merged_for_imap() -> None:
    """RFC 2231 8: BODYSTRUCTURE shows joined parameters; broken numbering stays as it is."""
    assert merged([("b*1", b"y"), ("a", b"1"), ("b*0", b"x")]) == [("a", b"1"), ("b", b"xy")]
    assert merged([("b*0", b"x"), ("b*2", b"y")]) == [("b*0", b"x"), ("b*2", b"y")]
    encoded = [("b*0*", b"utf-8''%e2%82"), ("b*1*", b"%ac"), ("b*2", b"%41 b")]
    assert merged(encoded) == [("b*", b"utf-8''%e2%82%ac%2541%20b")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("UTF-8", "utf-8"),
        (" 'latin1' ", "iso8859-1"),
        ("gb2312", "gb18030"),
        ("X-SJIS", "cp932"),
        ("ks_c_5601-1987", "cp949"),
        ("base64", None),
        ("rot13", None),
        ("unicode_escape", None),
        ("idna", None),
        ("undefined", None),
        ("", None),
        ("x-klingon", None),
        ("utf\x00-8", None),
        ("ü", None),
        ("a" * 10000, None),
    ],
)
def test_charset_names(name: str, expected: str | None) -> None:
    """Aliases of mail are known; Python's codecs that are no charsets are not."""
    assert codec(name) == expected


@pytest.mark.parametrize(
    ("data", "charset", "expected"),
    [
        (b"\xe4", "us-ascii", "ä"),
        (b"\xc3\xa4", "us-ascii", "ä"),
        (b"\x93x\x94", "", "“x”"),
        (b"\x81", "", "\x81"),
        (b"\xc3(", "utf-8", "\ufffd("),
        (b"a\0b", "utf-8", "a\ufffdb"),
        ("日本".encode("iso-2022-jp"), "ISO-2022-JP", "日本"),
    ],
)
def test_decoding_never_fails(data: bytes, charset: str, expected: str) -> None:
    """Lies about the charset give readable text."""
    assert decode(data, charset) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"SGVsbG8=", b"Hello"),
        (b"SGVs\r\nbG8", b"Hello"),
        (b"SGVs*bG8!=", b"Hello"),
        (b"SGVsbG8=\r\nIHdvcmxk", b"Hello world"),
        (b"SGVsbG8gA", b"Hello "),
        (b"====", b""),
        (b"", b""),
    ],
)
def test_base64(data: bytes, expected: bytes) -> None:
    """Junk, missing padding and concatenated pieces."""
    assert decode_base64(data) == expected


def test_quoted_printable() -> None:
    """Soft line breaks, blanks before line ends, codes that are none."""
    assert decode_quoted_printable(b"caf=C3=A9 =\r\nx \t\r\ny=ZZ=") == b"caf\xc3\xa9 x\r\ny=ZZ"


def test_unknown_encodings_are_told() -> None:
    """None for what cannot be undone."""
    assert decode_transfer(b"x", "x-uuencode") is None
    assert not known("x-uuencode")
    assert decode_transfer(b"x", "8bit") == b"x"


@given(st.binary(max_size=200), st.sampled_from(["base64", "quoted-printable", "", "7bit"]))
def test_transfer_decoding_never_fails(data: bytes, encoding: str) -> None:
    """Any bytes decode to something."""
    assert known(encoding)
    assert decode_transfer(data, encoding) is not None


@given(st.binary(max_size=200))
def test_base64_comes_back(data: bytes) -> None:
    """Well-formed base64 is undone exactly."""
    assert decode_base64(base64.encodebytes(data)) == data


@given(
    st.binary(max_size=100),
    st.sampled_from(["utf-7", "utf-16", "hz", "iso-2022-kr", "big5", "cp932", "gb18030", "?"]),
)
def test_any_bytes_in_any_charset(data: bytes, charset: str) -> None:
    """No codec raises."""
    decode(data, charset)
    decode_words(b"=?" + charset.encode() + b"?b?" + base64.b64encode(data) + b"?=")


def test_folding_follows_i_unicode_casemap() -> None:
    """Case and composition do not matter, bare letters are found in accented ones (RFC 5051)."""
    assert fold("ä") == fold("Ä") == fold("a\u0308")
    assert fold("straße") == "STRAßE"  # the simple mapping leaves it alone
    assert fold("a") in fold("ä")
    assert fold("ﬁ") == fold("ﬁ".lower())
    assert fold("İstanbul") == fold("i\u0307stanbul")
    assert fold("hello") == "HELLO"


@given(st.text(max_size=50))
def test_folding_ignores_composition(text: str) -> None:
    """Composed and decomposed text fold to the same."""
    assert fold(normalize("NFC", text)) == fold(normalize("NFC", normalize("NFD", text)))


@pytest.mark.parametrize(
    "value", [b"=?" * 100_000, b"=?a?b?" * 50_000, b"=?utf-8?q?x?= " * 30_000, b"=?" + b"a" * 200_000]
)
def test_hostile_words_cost_linear_time(value: bytes) -> None:
    """Long subjects of broken words are decoded quickly."""
    start = time.process_time()
    decode_words(value)
    assert time.process_time() - start < 30
