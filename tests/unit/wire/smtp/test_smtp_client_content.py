"""What a client writes: dots, paths, and 8-bit mail made fit for old hosts."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.wire.smtp.client_content import PIECE, dotted, only_lines, pieces
from posthouse.wire.smtp.client_path import BadPath, path_of
from posthouse.wire.smtp.client_seven_bit import seven_bit
from posthouse.wire.smtp.data import DataDecoder

LINES = st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([b".", b"..", b"", b".a"]))).map(
    lambda lines: b"".join(line.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n" for line in lines)
)


@given(prefix=LINES, body=LINES)
def test_dots_come_back_out(prefix: bytes, body: bytes) -> None:
    """What our own receiving side makes of it is what was sent."""
    decoder = DataDecoder()
    got = b"".join(decoder.feed(part) for part in dotted(prefix, body))
    assert got == prefix + body
    assert decoder.rest == b""


@pytest.mark.parametrize("shift", range(-3, 4))
def test_dots_at_the_edge_of_pieces(shift: int) -> None:
    body = b"a" * (PIECE - 2 + shift) + b"\r\n.\r\n.b\r\n" + b"x" * PIECE * 2 + b"\r\n"
    decoder = DataDecoder()
    parts = list(dotted(b"", body))
    assert len(parts) > 3
    assert b"".join(decoder.feed(part) for part in parts) == body


def test_a_body_without_a_last_line_end_gets_one() -> None:
    assert b"".join(dotted(b"", b"a")) == b"a\r\n.\r\n"
    assert b"".join(dotted(b"", b"")) == b".\r\n"
    assert b"".join(pieces(b"", b"")) == b""


def test_no_line_of_a_message_can_end_it() -> None:
    """However the server reads line ends (SMTP smuggling)."""
    sent = b"".join(dotted(b"", b"a\n.\r\nMAIL FROM:<x@y>\n.\n\r\n"))
    assert b"\n.\r\n" not in sent[:-3]
    assert b"\n.\n" not in sent


def test_what_lines_are() -> None:
    assert only_lines(b"A: b\r\n", b"x" * 5000 + b"\r\n")
    for bad in (b"a\nb", b"a\rb", b"a\x00b", b"\n", b"a\r"):
        assert not only_lines(b"", bad)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("a@b.test", "a@b.test"),
        ("", ""),
        ('"a b<c>"@b.test', '"a b<c>"@b.test'),
        ("a@bücher.test", "a@xn--bcher-kva.test"),
        ("ä@bücher.test", "ä@bücher.test"),
        ("postmaster", "postmaster"),
    ],
)
def test_paths(address: str, path: str) -> None:
    assert path_of(address) == path


@pytest.mark.parametrize(
    "address", ["a\r\nDATA@b", "a@b>", "a b@c", "a\x00@b", '"a\r\nb"@c', "a@\u2028.test", "a" * 2000]
)
def test_paths_that_would_be_something_else(address: str) -> None:
    with pytest.raises(BadPath):
        path_of(address)


MULTI = (
    "From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n"
    "--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Grüße = gut \r\n" + "lang " * 60 + "ö\r\n\r\n"
    "--x\r\nContent-Type: application/x\r\n\r\nbinär\r\n"
    "--x\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Subject: in\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>ä</p>\r\n"
    "--x--\r\n"
).encode()


def test_eight_bits_become_seven() -> None:
    made = seven_bit(MULTI)
    assert made is not None
    assert made.isascii()
    assert b"\r" not in made.replace(b"\r\n", b"")
    assert b"\n" not in made.replace(b"\r\n", b"")
    assert max(map(len, made.split(b"\r\n"))) <= 78 + 20
    old, new = (message_from_bytes(each, policy=policy.default) for each in (MULTI, made))
    for one, other in zip(old.walk(), new.walk(), strict=True):
        assert one.get_content_type() == other.get_content_type()
        if not one.is_multipart():
            assert one.get_payload(decode=True) == other.get_payload(decode=True)


def test_a_message_that_was_no_mime_becomes_mime() -> None:
    made = seven_bit("Subject: x\r\n\r\ngrün\r\n".encode())
    assert made is not None
    parsed = message_from_bytes(made)
    assert parsed["MIME-Version"] == "1.0"
    assert parsed.get_payload(decode=True) == "grün\r\n".encode()


@pytest.mark.parametrize(
    "raw",
    [
        "DKIM-Signature: v=1; d=x\r\n\r\nä\r\n",
        "Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\nä\r\n--x--\r\n",
        "Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n"
        "Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\nä\r\n--x--\r\n--y--\r\n",
        "Subject: ä\r\n\r\nä\r\n",
        "Content-Transfer-Encoding: base64\r\n\r\nä\r\n",
        "Content-Type: multipart/mixed; boundary=y\r\n\r\npreamble ä\r\n--y\r\n\r\na\r\n--y--\r\n",
    ],
)
def test_what_cannot_be_converted(raw: str) -> None:
    assert seven_bit(raw.encode()) is None


@given(text=st.text(), extra=st.binary(max_size=30))
def test_the_converted_text_is_the_same(text: str, extra: bytes) -> None:
    lines = (text.encode("utf-8", "replace") + extra).replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n"
    raw = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + lines
    made = seven_bit(raw)
    assert made is not None
    assert made.isascii()
    assert message_from_bytes(made).get_payload(decode=True) == lines
