"""Command lines and their arguments (RFC 5321 4.1.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.address import Address
from posthouse.mail.refusal import Refusal
from posthouse.wire.smtp.command import (
    Auth,
    Chunk,
    Mail,
    parse_auth,
    parse_bdat,
    parse_etrn,
    parse_hello,
    parse_line,
    parse_mail,
    parse_rcpt,
    parse_response,
)
from posthouse.wire.smtp.parameters import By


def test_verbs_are_case_insensitive_and_spaces_are_tolerated() -> None:
    """Verbs come in any case; spaces at the end of a line are dropped."""
    assert parse_line(b"mAiL FROM:<a@b.example>  ") == ("MAIL", "FROM:<a@b.example>")
    assert parse_line(b"quit") == ("QUIT", "")
    assert parse_line("RCPT TO:<ä@b.example>".encode()) == ("RCPT", "TO:<ä@b.example>")


@pytest.mark.parametrize("line", [b"NOOP \xff", b"NOOP\0", b"EHLO a\rb", b"EHLO\ta", b"MAIL FROM:<a\x7f@b>"])
def test_octets_that_no_command_has(line: bytes) -> None:
    """Control characters and broken UTF-8 are syntax errors of the whole line."""
    with pytest.raises(Refusal) as refusal:
        parse_line(line)
    assert refusal.value.code == 500


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("FROM:<>", Mail(None)),
        ("from:<a@b.example>", Mail(Address("a", "b.example"))),
        ("FROM: <a@B.example>", Mail(Address("a", "b.example"))),
        ("FROM:<@x.example,@y.example:a@b.example>", Mail(Address("a", "b.example"))),
        ('FROM:<"a b>c"@b.example>', Mail(Address("a b>c", "b.example"))),
        ('FROM:<"a\\"b"@b.example> SIZE=1', Mail(Address('a"b', "b.example"), size=1)),
        ("FROM:<a@[192.0.2.1]>", Mail(Address("a", "[192.0.2.1]"))),
        (
            "FROM:<ä@b.example> SMTPUTF8 size=12345 BODY=8bitmime RET=hdrs ENVID=a+2Bb AUTH=<>",
            Mail(Address("ä", "b.example"), 12345, "8BITMIME", True, "HDRS", "a+2Bb"),
        ),
        ("FROM:<a@b.example> BODY=7BIT AUTH=a+40b", Mail(Address("a", "b.example"))),
        ("FROM:<> body=binarymime", Mail(None, body="BINARYMIME")),
        ("FROM:<> BY=120;rt", Mail(None, by=By(120, "R", True))),
        ("FROM:<> BY=-5;N", Mail(None, by=By(-5, "N", False))),
        ("FROM:<> HOLDFOR=86400 MT-PRIORITY=-9", Mail(None, hold_for=86400, priority=-9)),
        ("FROM:<> HOLDUNTIL=2030-01-31T08:00:00Z", Mail(None, hold_until=1896076800.0)),
        ("FROM:<> holduntil=2030-01-31t09:00:00.5+01:00", Mail(None, hold_until=1896076800.5)),
        ("FROM:<> REQUIRETLS MT-PRIORITY=0", Mail(None, require_tls=True, priority=0)),
    ],
)
def test_mail(argument: str, expected: Mail) -> None:
    """MAIL with paths, source routes and all parameters."""
    assert parse_mail(argument) == expected


@pytest.mark.parametrize(
    ("argument", "code", "enhanced"),
    [
        ("", 501, "5.5.4"),
        ("FROM", 501, "5.5.4"),
        ("TO:<a@b.example>", 501, "5.5.4"),
        ("FROM:a@b.example", 501, "5.5.4"),
        ("FROM:<a@b.example", 501, "5.5.4"),
        ("FROM:<a@b.example>SIZE=1", 501, "5.5.4"),
        ("FROM:<@x.example:>", 501, "5.5.4"),
        ("FROM:<a b@c.example>", 501, "5.5.4"),
        ("FROM:<a>", 501, "5.1.7"),
        ("FROM:<postmaster>", 501, "5.1.7"),
        ("FROM:<a@b@c.example>", 501, "5.1.7"),
        ("FROM:<a@-.example>", 501, "5.1.7"),
        ("FROM:<ä@b.example>", 553, "5.6.7"),
        ("FROM:<a@b.example> SIZE", 501, "5.5.4"),
        ("FROM:<a@b.example> SIZE=x", 501, "5.5.4"),
        ("FROM:<a@b.example> SIZE=-1", 501, "5.5.4"),
        ("FROM:<a@b.example> SIZE=\u0661", 501, "5.5.4"),
        ("FROM:<a@b.example> SIZE=" + "1" * 21, 501, "5.5.4"),
        ("FROM:<a@b.example> SIZE=1 size=2", 501, "5.5.4"),
        ("FROM:<a@b.example> SMTPUTF8=yes", 501, "5.5.4"),
        ("FROM:<a@b.example> BODY=9BIT", 501, "5.5.4"),
        ("FROM:<a@b.example> BY=10", 501, "5.5.4"),
        ("FROM:<a@b.example> BY=0;R", 501, "5.5.4"),
        ("FROM:<a@b.example> BY=-1;R", 501, "5.5.4"),
        ("FROM:<a@b.example> BY=1234567890;N", 501, "5.5.4"),
        ("FROM:<a@b.example> BY=\u0661;N", 501, "5.5.4"),
        ("FROM:<a@b.example> HOLDFOR", 501, "5.5.4"),
        ("FROM:<a@b.example> HOLDFOR=0", 501, "5.5.4"),
        ("FROM:<a@b.example> HOLDFOR=1234567890", 501, "5.5.4"),
        ("FROM:<a@b.example> HOLDUNTIL=tomorrow", 501, "5.5.4"),
        ("FROM:<a@b.example> HOLDUNTIL=2030-02-31T08:00:00Z", 501, "5.5.4"),
        ("FROM:<a@b.example> HOLDUNTIL=2030-01-31T08:00:00", 501, "5.5.4"),
        ("FROM:<a@b.example> HOLDUNTIL=2030-01-31T08:00:00Z HOLDFOR=5", 501, "5.5.4"),
        ("FROM:<a@b.example> MT-PRIORITY=10", 501, "5.5.4"),
        ("FROM:<a@b.example> MT-PRIORITY=-0", 501, "5.5.4"),
        ("FROM:<a@b.example> MT-PRIORITY", 501, "5.5.4"),
        ("FROM:<a@b.example> REQUIRETLS=yes", 501, "5.5.4"),
        ("FROM:<a@b.example> RET=HALF", 501, "5.5.4"),
        ("FROM:<a@b.example> ENVID=a+zz", 501, "5.5.4"),
        ("FROM:<a@b.example> ENVID=" + "a" * 101, 501, "5.5.4"),
        ("FROM:<a@b.example> FUTURE=1", 555, "5.5.4"),
        ("FROM:<a@b.example> =", 501, "5.5.4"),
        ("FROM:<a@b.example> A=B=C", 501, "5.5.4"),
    ],
)
def test_bad_mail(argument: str, code: int, enhanced: str) -> None:
    """Each mistake has its own reply."""
    with pytest.raises(Refusal) as refusal:
        parse_mail(argument)
    assert (refusal.value.code, refusal.value.enhanced) == (code, enhanced)


def test_rcpt() -> None:
    """RCPT with bare postmaster, routes and DSN parameters, which are kept as written."""
    assert parse_rcpt("TO:<Postmaster>", smtputf8=False).address == Address("Postmaster", "")
    assert parse_rcpt("TO:<@a.example:u@b.example>", smtputf8=False).address == Address("u", "b.example")
    parsed = parse_rcpt("TO:<u@b.example> NOTIFY=success,Delay ORCPT=rfc822;u+2Bx@b.example", smtputf8=False)
    assert parsed.notify == {"SUCCESS", "DELAY"}
    assert parsed.orcpt == "rfc822;u+2Bx@b.example"
    assert parse_rcpt("TO:<ü@b.example> ORCPT=utf-8;ü@b", smtputf8=True).orcpt == "utf-8;ü@b"


@pytest.mark.parametrize(
    ("argument", "code", "enhanced"),
    [
        ("TO:<>", 501, "5.1.3"),
        ("TO:<u>", 501, "5.1.3"),
        ("TO:<ü@b.example>", 553, "5.6.7"),
        ("FROM:<u@b.example>", 501, "5.5.4"),
        ("TO:u@b.example", 501, "5.5.4"),
        ("TO:<u@b.example> NOTIFY", 501, "5.5.4"),
        ("TO:<u@b.example> NOTIFY=NEVER,DELAY", 501, "5.5.4"),
        ("TO:<u@b.example> NOTIFY=SOMETIMES", 501, "5.5.4"),
        ("TO:<u@b.example> ORCPT=x", 501, "5.5.4"),
        ("TO:<u@b.example> ORCPT=utf-8;ü", 501, "5.5.4"),
        ("TO:<u@b.example> ORCPT=rfc822;" + "x" * 500, 501, "5.5.4"),
        ("TO:<u@b.example> SIZE=1", 555, "5.5.4"),
    ],
)
def test_bad_rcpt(argument: str, code: int, enhanced: str) -> None:
    """Each mistake has its own reply; the null path is no recipient."""
    with pytest.raises(Refusal) as refusal:
        parse_rcpt(argument, smtputf8=False)
    assert (refusal.value.code, refusal.value.enhanced) == (code, enhanced)


def test_hello() -> None:
    """Any printable word will do as a name: refusing odd ones loses mail and stops nobody."""
    assert parse_hello("mail.example.org") == "mail.example.org"
    assert parse_hello("[IPv6:2001:db8::1]") == "[IPv6:2001:db8::1]"
    assert parse_hello("my_pc!") == "my_pc!"
    for bad in ("", "a b", "ä", "x" * 256):
        with pytest.raises(Refusal):
            parse_hello(bad)


def test_bdat() -> None:
    """A number, and LAST in any case; after anything else the stream is lost and the session must end."""
    assert parse_bdat("100") == Chunk(100, False)
    assert parse_bdat("0 last") == Chunk(0, True)
    for bad in ("", "x", "-1", "1 2", "1 LAST 2", "1 FIRST", "\u0661", "1" * 21):
        with pytest.raises(Refusal) as refusal:
            parse_bdat(bad)
        assert refusal.value.close


def test_auth() -> None:
    """The mechanism in any case; ``=`` is an empty response, none is None."""
    assert parse_auth("plain AGEAYg==") == Auth("PLAIN", b"\0a\0b")
    assert parse_auth("PLAIN =") == Auth("PLAIN", b"")
    assert parse_auth("LOGIN") == Auth("LOGIN", None)
    for bad in ("", "PLAIN a b", "PLAIN !", "PLAIN AGEAYg=", "PLAIN  AGEA", "PLAIN ä"):
        with pytest.raises(Refusal) as refusal:
            parse_auth(bad)
        assert refusal.value.code == 501
    with pytest.raises(Refusal):
        parse_response(b"====")


@given(
    st.text(max_size=80)
    | st.from_regex(r"(FROM|TO):<[@a\":,.\\ ]{0,20}>( [A-Z]+=?.{0,9}){0,3}", fullmatch=True)
)
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """No argument raises anything but a Refusal in the 500s, and no refusal repeats much of it."""
    for parse in (parse_mail, parse_hello, parse_bdat, parse_auth, lambda t: parse_rcpt(t, smtputf8=True)):
        refusal = None
        try:
            parse(text)  # type: ignore[operator]
        except Refusal as problem:
            refusal = problem
        assert refusal is None or (500 <= refusal.code <= 555 and len(refusal.text) < 200)


def test_parameters_that_were_not_announced() -> None:
    """What is known and not announced to this client is refused as if it were unknown (RFC 5321 4.1.1.11)."""
    assert parse_mail("FROM:<> SIZE=1", ("SIZE",)).size == 1
    for argument in ("FROM:<> BODY=8BITMIME", "FROM:<> REQUIRETLS"):
        with pytest.raises(Refusal) as refusal:
            parse_mail(argument, ("SIZE",))
        assert (refusal.value.code, refusal.value.enhanced) == (555, "5.5.4")
    with pytest.raises(Refusal) as refusal:
        parse_rcpt("TO:<u@b.example> NOTIFY=NEVER", smtputf8=False, announced=())
    assert refusal.value.code == 555


def test_etrn() -> None:
    """A domain, perhaps with its subdomains; nothing else."""
    assert parse_etrn("Example.ORG") == "example.org"
    assert parse_etrn("@example.org") == "@example.org"
    assert parse_etrn("#7") == "#7"
    for argument, code in (
        ("", 501),
        ("@", 501),
        ("a b", 501),
        ("[192.0.2.1]", 501),
        ("#", 501),
        ("#a b", 501),
    ):
        with pytest.raises(Refusal) as refusal:
            parse_etrn(argument)
        assert refusal.value.code == code
