"""The header gate, what it finds, and the fields a message gets."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.address import Address
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.receive.header import HeaderGate, examine, without
from posthouse.receive.received import received_field, rfc5322_date
from posthouse.receive.trace import new_trace


def passed(pieces: list[bytes], limit: int = 10000) -> tuple[bytes, bytes]:
    """Header and the rest, once all pieces have passed the gate."""
    gate = HeaderGate(limit)
    for number, piece in enumerate(pieces):
        if piece and gate.feed(piece):
            return gate.header, gate.rest + b"".join(pieces[number + 1 :])
    gate.finish()
    return gate.header, gate.rest


@pytest.mark.parametrize(
    ("message", "header", "rest"),
    [
        (b"A: b\r\nC: d\r\n\r\nbody\r\n", b"A: b\r\nC: d\r\n", b"\r\nbody\r\n"),
        (b"A: b\r\n\r\n", b"A: b\r\n", b"\r\n"),
        (b"A: b\r\n", b"A: b\r\n", b""),
        (b"A: b", b"A: b", b""),
        (b"\r\nbody\r\n", b"", b"\r\nbody\r\n"),
        (b"\r\n", b"", b"\r\n"),
        (b"", b"", b""),
        (b"Hello there\r\nhow are you\r\n", b"", b"\r\nHello there\r\nhow are you\r\n"),
        (b"Hello there", b"", b"\r\nHello there"),
        (b" folded: first\r\n\r\nx", b"", b"\r\n folded: first\r\n\r\nx"),
        (b"From me Mon Jan 1\r\nA: b\r\n\r\nx", b"A: b\r\n", b"\r\nx"),
        (b">From me\r\nFrom you\r\n\r\nx", b"", b"\r\nx"),
        (b"A : b\r\nodd line\r\nC: d\r\n\r\nx", b"A : b\r\nodd line\r\nC: d\r\n", b"\r\nx"),
    ],
)
def test_the_gate_finds_the_end_of_the_header(message: bytes, header: bytes, rest: bytes) -> None:
    """Header and body come apart at the empty line; text without a header gets an empty line before it. In
    one piece and byte by byte."""
    assert passed([message]) == (header, rest)
    assert passed([message[at : at + 1] for at in range(len(message))]) == (header, rest)


@given(
    st.lists(
        st.sampled_from([b"A: b\r\n", b"\r\n", b"no field\r\n", b"From x\r\n", b" folded\r\n", b"x", b"\r"])
    ),
    st.lists(st.integers(0, 99)),
)
def test_the_gate_does_not_depend_on_the_chunking(parts: list[bytes], cuts: list[int]) -> None:
    """Any message passes the gate the same way however it is cut, and nothing but mbox lines is lost."""
    message = b"".join(parts)
    header, rest = passed([message])
    assert message.endswith(header + rest) or (not header and rest == b"\r\n" + message[-len(rest) + 2 :])
    places = sorted({place % (len(message) + 1) for place in cuts})
    pieces = [message[a:b] for a, b in zip([0, *places], [*places, len(message)], strict=True)]
    assert passed(pieces) == (header, rest)


def test_a_header_over_the_limit_is_refused_while_it_comes() -> None:
    """The gate never holds more than its limit and one piece, whatever the shape of the flood."""
    for flood in (b"A: b\r\n", b"A:" + b"x" * 100, b"x" * 100 + b":\r\n"):
        gate = HeaderGate(1000)
        with pytest.raises(Refusal) as refusal:
            all(gate.feed(flood) is False for _ in range(1000))
        assert (refusal.value.code, refusal.value.enhanced) == (552, "5.3.4")
    with pytest.raises(Refusal):
        HeaderGate(1000).feed(b"A: b\r\n" * 200 + b"\r\n")
    exact = b"A: " + b"x" * 997
    assert passed([exact + b"\r\n\r\n"], 1000) == (exact + b"\r\n", b"\r\n")


def test_a_long_text_without_a_header_is_not_a_long_header() -> None:
    """A message that has no header at all is taken, however long its first line is."""
    text = b"no colon here " * 1000
    assert passed([text], 1000) == (b"", b"\r\n" + text)


def test_examine() -> None:
    """Fields are counted with their folded lines; the ones that matter are found in any case."""
    header = (
        b"RECEIVED: from a by mail.example.org with SMTP;\r\n date\r\n"
        b"Received: from b\r\n\tby MAIL.Example.org; date\r\n"
        b"received: from mail.example.org by other.example; date\r\n"
        b"Return-Path: <x@y>\r\nno field\r\n"
        b"date : now\r\nMessage-Id:\r\n <1@x>\r\n"
        b"return-PATH:\r\n <z@y>\r\n"
        b"Content-Type:\r\n Multipart/Mixed; boundary=x\r\n"
        b"X-Date: no\r\n"
    )
    facts = examine(header, "mail.example.org")
    assert (facts.fields, facts.received, facts.own_received) == (10, 3, 2)
    assert facts.date
    assert facts.message_id
    assert facts.composite
    left = without(header, facts.foreign_paths)
    assert b"eturn-P" not in left
    assert b"<z@y>" not in left
    assert len(left) == len(header) - len(b"Return-Path: <x@y>\r\n") - len(b"return-PATH:\r\n <z@y>\r\n")
    assert not examine(b"Content-Type: text/plain; x=multipart/mixed\r\n", "h").composite
    assert examine(b"x" * 200000, "h").fields == 1


def origin(**changes: object) -> Origin:
    values: dict[str, object] = {
        "trace": "t1.1",
        "protocol": "ESMTPS",
        "helo": "client.example",
        "address": "192.0.2.7",
        "port": 4,
        "tls": "TLSv1.3 TLS_AES_256_GCM_SHA384",
    }
    return Origin(**{**values, **changes})  # type: ignore[arg-type]


def test_the_received_field() -> None:
    """The field in full, folded, with TLS, trace and the single recipient."""
    assert received_field(
        origin(), "mail.example.org", 1795400286, recipient=Address("a b", "example.org")
    ) == (
        b"Received: from client.example ([192.0.2.7])\r\n"
        b"\tby mail.example.org with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
        b'\tid t1.1 for <"a b"@example.org>; Mon, 23 Nov 2026 02:18:06 +0000\r\n'
    )


@pytest.mark.parametrize(
    ("helo", "address", "expected"),
    [
        ("a.example", "2001:db8::1", "a.example ([IPv6:2001:db8::1])"),
        ("[192.0.2.1]", "192.0.2.7", "[192.0.2.1] ([192.0.2.7])"),
        ("evil)(by", "192.0.2.7", "[192.0.2.7] ([192.0.2.7])"),
        ("a;b", "unix", "unknown"),
        ("me", "unix", "me"),
        ("-x", "fe80::1%eth0", "[IPv6:fe80::1] ([IPv6:fe80::1])"),
    ],
)
def test_the_received_field_names_the_client_safely(helo: str, address: str, expected: str) -> None:
    """What the client calls itself stands in the field only where the syntax allows it."""
    field = received_field(origin(helo=helo, address=address), "h.example", 0).decode()
    assert field.split("\r\n")[0] == f"Received: from {expected}"


def test_the_recipient_is_named_only_where_it_may_stand() -> None:
    """An address outside ASCII appears in messages with SMTPUTF8 only."""
    address = Address("ä", "example.org")
    assert b" for " not in received_field(origin(), "h.example", 0, recipient=address)
    assert " for <ä@example.org>;".encode() in received_field(
        origin(), "h.example", 0, recipient=address, smtputf8=True
    )
    assert b"(" not in received_field(origin(tls="odd) cipher", address="unix"), "h.example", 0)


def test_dates_are_those_of_rfc_5322() -> None:
    """Dates read back to the second, in UTC."""
    for now in (0, 951782400, 1795400286.9, 4102444799):
        assert int(parsedate_to_datetime(rfc5322_date(now)).timestamp()) == int(now)


def test_trace_ids_sort_and_never_repeat() -> None:
    """Ids are short, made of letters and digits, in ascending order, and unique."""
    ids = [new_trace() for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 5000
    assert all(re.fullmatch(r"[0-9a-z]{15}", one) for one in ids)
