"""A receiving session as a client sees it: greeting, sequence, message, limits, endings."""

from __future__ import annotations

import asyncio

import pytest
from receive_parts import HOST, Reception, codes

from posthouse.mail.address import Address
from posthouse.mail.refusal import Refusal
from posthouse.receive import content
from posthouse.receive.parts import Kind
from posthouse.settings import smtp

MESSAGE = b"Subject: hi\r\n\r\nhello\r\n"


async def test_greeting_and_extensions() -> None:
    """The greeting names us; EHLO lists every extension, and neither STARTTLS nor AUTH where they cannot be used."""
    talk = Reception().talk()
    assert talk.greeting == b"220 mail.example.org ESMTP Posthouse\r\n"
    assert talk.say("EHLO client.example").decode().split("\r\n") == [
        "250-mail.example.org",
        "250-PIPELINING",
        f"250-SIZE {50 * 1024 * 1024}",
        "250-8BITMIME",
        "250-BINARYMIME",
        "250-SMTPUTF8",
        "250-ENHANCEDSTATUSCODES",
        "250-CHUNKING",
        "250-DSN",
        "250-MT-PRIORITY",
        "250-DELIVERBY 60",
        "250-LIMITS MAILMAX=10000 RCPTMAX=1000",
        "250 HELP",
        "",
    ]
    assert talk.say("HELO client.example") == b"250 mail.example.org\r\n"


async def test_a_message_is_accepted_with_its_envelope_and_received_field() -> None:
    """What was said and sent arrives: envelope, trace notes, one Received field, the body byte for byte."""
    server = Reception()
    talk = server.talk()
    talk.say("EHLO client.example", "MAIL FROM:<x@remote.example> SIZE=30 BODY=8BITMIME RET=FULL ENVID=e1")
    assert talk.codes("RCPT TO:<Anna@Example.org> NOTIFY=NEVER ORCPT=rfc822;a@b", "DATA") == ["250", "354"]
    assert talk.say(MESSAGE + b"..\r\n.\r\n") == b"250 2.0.0 Message accepted (t1.1)\r\n"
    envelope, body = server.acceptance.messages[0]
    assert body == (
        b"Received: from client.example ([203.0.113.9])\r\n\tby mail.example.org with ESMTP\r\n"
        b"\tid t1.1 for <Anna@example.org>; Mon, 23 Nov 2026 02:18:06 +0000\r\n" + MESSAGE + b".\r\n"
    )
    assert envelope.sender == Address("x", "remote.example")
    recipient = envelope.recipients[0]
    assert (str(recipient.address), recipient.notify, recipient.orcpt) == (
        "Anna@example.org",
        {"NEVER"},
        "rfc822;a@b",
    )
    assert (envelope.body, envelope.ret, envelope.envid, envelope.smtputf8) == (
        "8BITMIME",
        "FULL",
        "e1",
        False,
    )
    assert (envelope.origin.trace, envelope.origin.protocol, envelope.origin.address) == (
        "t1.1",
        "ESMTP",
        "203.0.113.9",
    )
    assert dict(envelope.trace_notes)["helo"] == "EHLO client.example"
    assert (server.acceptance.open_spools, server.acceptance.open_bodies) == (0, 0)
    assert server.reception.reserved == {}


async def test_the_reply_waits_for_acceptance() -> None:
    """250 is written only after accept returned; commands sent meanwhile wait and are answered in order."""
    server = Reception()
    server.acceptance.gate = asyncio.Event()
    talk = server.talk()
    talk.begin()
    talk.say("DATA")
    assert talk.say(MESSAGE + b".\r\n", "NOOP", "QUIT") == b""
    await asyncio.sleep(0.01)
    assert talk.heard() == b""
    server.acceptance.gate.set()
    await asyncio.sleep(0.01)
    assert codes(talk.heard()) == ["250", "250", "221"]


async def test_the_reply_step_is_reached_once_for_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """The crash tests rely on it: what is kept at that step is what will be acknowledged."""
    server = Reception()
    talk = server.talk()
    seen: list[tuple[str, int]] = []
    monkeypatch.setattr(content, "step", lambda name: seen.append((name, len(server.acceptance.messages))))
    talk.begin()
    assert talk.say("DATA", MESSAGE + b".\r\n").endswith(b"250 2.0.0 Message accepted (t1.1)\r\n")
    assert seen == [("accept.reply", 1)]


async def test_everything_pipelined_is_answered_in_one_packet() -> None:
    """A whole session in two packets (RFC 2920), several messages over one connection."""
    server = Reception()
    talk = server.talk()
    mail = ("MAIL FROM:<>", "RCPT TO:<anna@example.org>", "RCPT TO:<nobody@example.org>", "DATA")
    assert talk.codes("EHLO c", *mail) == ["250", "250", "250", "550", "354"]
    assert talk.codes(MESSAGE + b".\r\n", *mail) == ["250", "250", "250", "550", "354"]
    assert talk.codes(MESSAGE + b".\r\n", "QUIT") == ["250", "221"]
    assert [envelope.origin.trace for envelope, _ in server.acceptance.messages] == ["t1.1", "t1.2"]
    assert talk.over


async def test_chunking() -> None:
    """BDAT chunks pipelined with everything else make one message, which may hold lines with a dot."""
    server = Reception()
    talk = server.talk()
    said = talk.codes(
        "EHLO c", "MAIL FROM:<>", "RCPT TO:<anna@example.org>",
        "BDAT 13", b"Subject: hi\r\n", "BDAT 5", b"\r\n.\r\n", "BDAT 0 LAST", "NOOP",
    )  # fmt: skip
    assert said == ["250", "250", "250", "250", "250", "250", "250"]
    assert server.acceptance.messages[0][1].endswith(b"Subject: hi\r\n\r\n.\r\n")


async def test_a_refused_chunk_is_swallowed() -> None:
    """The octets of a BDAT that may not come are never taken for commands (RFC 3030 2)."""
    talk = Reception().talk()
    assert talk.codes("EHLO c", "BDAT 6", b"QUIT\r\n", "NOOP") == ["250", "503", "250"]
    assert talk.codes("MAIL FROM:<>", "BDAT 6 LAST", b"QUIT\r\n", "NOOP") == ["250", "554", "250"]
    assert talk.codes("BDAT x", b"QUIT\r\n") == ["501"]
    assert talk.over


async def test_bdat_obeys_the_rule_of_data_about_line_endings() -> None:
    """Without BINARYMIME a chunk with a bare LF is refused, at once and until the transaction ends."""
    server = Reception()
    talk = server.talk()
    talk.begin()
    assert talk.codes("BDAT 3", b"a\nb", "BDAT 2", b"\r\n", "BDAT 0 LAST") == ["550", "550", "550"]
    assert talk.codes("MAIL FROM:<>") == ["250"]
    talk = server.talk()
    talk.begin()
    assert talk.codes("BDAT 2", b"a\r", "BDAT 2 LAST", b"\nb") == ["250", "250"]
    talk.begin()
    assert talk.codes("BDAT 2 LAST", b"a\r") == ["550"]


async def test_only_bdat_and_rset_follow_bdat() -> None:
    """Within chunks DATA, RCPT and MAIL are out of place; RSET starts anew."""
    talk = Reception().talk()
    talk.begin()
    assert talk.codes("BDAT 1", b"x", "RCPT TO:<anna@example.org>", "MAIL FROM:<>", "DATA") == [
        "250",
        "503",
        "503",
        "503",
    ]
    assert talk.codes("RSET", "MAIL FROM:<>") == ["250", "250"]


@pytest.mark.parametrize("hello", ["EHLO c", "HELO c", "RSET"])
async def test_what_ends_a_transaction(hello: str) -> None:
    """RSET and a new greeting forget sender, recipients and reservations (RFC 5321 4.1.4)."""
    server = Reception()
    talk = server.talk()
    talk.begin()
    assert server.reception.reserved == {"t1.1": 0}
    assert talk.codes(hello, "RCPT TO:<anna@example.org>", "DATA") == ["250", "503", "503"]
    assert server.reception.reserved == {}


async def test_recipients_given_twice_are_one() -> None:
    """The same address twice is answered twice and delivered once."""
    server = Reception()
    talk = server.talk()
    talk.begin("anna@example.org", "ANNA@example.org", "bert@example.org")
    talk.say("DATA", MESSAGE + b".\r\n")
    envelope, body = server.acceptance.messages[0]
    assert [str(recipient.address) for recipient in envelope.recipients] == [
        "anna@example.org",
        "bert@example.org",
    ]
    assert b" for <" not in body


REFUSED_RECIPIENTS = {
    "source route": ("<@example.org:victim@far.example>", "550 5.7.1"),
    "source route over us to us": ("<@example.org,@far.example:nobody@example.org>", "550 5.1.1"),
    "percent hack": ("<victim%far.example@example.org>", "550 5.1.1"),
    "bang path": ("<far.example!victim@example.org>", "550 5.1.1"),
    "bang path without us": ("<example.org!victim>", "501 5.1.3"),
    "quoted address": ('<"victim@far.example"@example.org>', "550 5.1.1"),
    "quoted route": ('<"@far.example:victim"@example.org>', "550 5.1.1"),
    "two at signs": ("<victim@far.example@example.org>", "501 5.1.3"),
    "address literal": ("<anna@[192.0.2.1]>", "550 5.7.1"),
    "foreign": ("<victim@far.example>", "550 5.7.1"),
    "null path": ("<>", "501 5.1.3"),
    "no domain": ("<anna>", "501 5.1.3"),
    "no brackets": ("anna@example.org", "501 5.5.4"),
    "line break smuggled": ("<anna@example.org\rRCPT>", "500 5.5.2"),
    "no UTF-8 announced": ("<ünna@example.org>", "553 5.6.7"),
    "parameter nobody knows": ("<anna@example.org> RELAY=yes", "555 5.5.4"),
}


@pytest.mark.parametrize("how", REFUSED_RECIPIENTS)
async def test_never_an_open_relay(how: str) -> None:
    """A stranger reaches local recipients only, whatever the address is dressed as."""
    server = Reception()
    talk = server.talk()
    path, answer = REFUSED_RECIPIENTS[how]
    talk.say("EHLO c", "MAIL FROM:<x@remote.example>")
    assert talk.say(f"RCPT TO:{path}").decode().startswith(answer)
    assert talk.codes("DATA") == ["554"]
    assert not server.acceptance.messages


@pytest.mark.parametrize(
    "path", ["<postmaster>", "<Postmaster@example.org>", "<POSTMASTER>", "<@far.example:anna@example.org>"]
)
async def test_recipients_that_are_always_taken(path: str) -> None:
    """postmaster with and without a domain, and ours behind a source route (RFC 5321 4.5.1, Appendix C)."""
    talk = Reception().talk()
    assert talk.codes("EHLO c", "MAIL FROM:<>", f"RCPT TO:{path}") == ["250", "250", "250"]


async def test_refusals_are_noted_in_the_trace() -> None:
    """Refused recipients and messages are told to the trace with the id of their transaction, and with who it
    was; once each, also when the message is taken for others."""
    server = Reception()
    talk = server.talk()
    talk.begin()
    talk.say("RCPT TO:<v@far.example>", "DATA", b"a\nb\r\n.\r\n")
    stages = [(trace, stage) for trace, stage, _ in server.acceptance.notes]
    assert stages == [("t1.1", "rcpt"), ("t1.1", "data")]
    assert all(" (from <" in text and "> by " in text for _, _, text in server.acceptance.notes)
    talk.begin()
    talk.say("RCPT TO:<v@far.example>", "DATA", b"Subject: x\r\n\r\nx\r\n.\r\n")
    envelope, _ = server.acceptance.messages[0]
    assert "rcpt" not in dict(envelope.trace_notes)


async def test_smtputf8() -> None:
    """With SMTPUTF8 an address outside ASCII is taken, and the Received field says UTF8SMTP and names it."""
    server = Reception()
    talk = server.talk()
    said = talk.codes("EHLO c", "MAIL FROM:<ä@remote.example> SMTPUTF8", "RCPT TO:<ünna@example.org>", "DATA")
    assert said == ["250", "250", "250", "354"]
    assert talk.codes(MESSAGE + b".\r\n") == ["250"]
    envelope, body = server.acceptance.messages[0]
    assert envelope.smtputf8
    assert b"with UTF8SMTP\r\n" in body
    assert " for <ünna@example.org>;".encode() in body


async def test_size_declared_and_found() -> None:
    """A message over the limit is refused by SIZE= before, by count after, and its rest is not taken for commands."""
    server = Reception({smtp.MAX_MESSAGE_SIZE: 65536})
    talk = server.talk()
    assert talk.codes("EHLO c", "MAIL FROM:<> SIZE=65537", "MAIL FROM:<> SIZE=65536") == ["250", "552", "250"]
    talk.say("RCPT TO:<anna@example.org>", "DATA")
    for _ in range(70):
        assert talk.say(b"QUIT\r\n" * 200) == b""
    assert server.acceptance.open_spools == 0
    assert talk.say(b".\r\n", "NOOP").startswith(b"552 5.3.4 ")
    talk.begin()
    assert talk.codes("BDAT 40000", b"x" * 40000, "BDAT 30000", b"x" * 30000, "BDAT 0 LAST") == [
        "250",
        "552",
        "552",
    ]
    talk.begin()
    assert talk.codes("BDAT 65537", "QUIT") == ["552"]
    assert talk.over


async def test_a_sender_that_never_stops_is_cut_off() -> None:
    """Far past the limit the refusal is said at once and the connection closed."""
    server = Reception({smtp.MAX_MESSAGE_SIZE: 65536})
    talk = server.talk()
    talk.begin()
    talk.say("DATA")
    said = b""
    for _ in range(40):
        said += talk.say(b"x" * 65000)
    assert codes(said) == ["552"]
    assert talk.over


async def test_free_space() -> None:
    """452 before 354 when the disk is nearly full; 452 at the end when it fills up meanwhile; nothing stays behind."""
    server = Reception()
    server.acceptance.full = True
    talk = server.talk()
    talk.begin()
    assert talk.say("DATA") == b"452 4.3.1 Not enough free disk space\r\n"
    assert talk.codes("BDAT 4 LAST", b"a\r\nb", "NOOP") == ["452", "250"]
    server.acceptance.full = False
    server.acceptance.disk_fails = True
    talk.begin()
    assert talk.codes("DATA", MESSAGE + b".\r\n") == ["354", "452"]
    assert server.acceptance.open_spools == 0


async def test_data_sent_without_waiting_is_not_taken_for_commands() -> None:
    """When DATA is refused and the message is there already, the session ends instead of reading it as commands."""
    server = Reception()
    talk = server.talk()
    assert talk.codes("EHLO c", "MAIL FROM:<>", "DATA", "RSET", "MAIL FROM:<x@y.example>") == [
        "250",
        "250",
        "554",
    ]
    assert talk.over
    server.acceptance.full = True
    talk = server.talk()
    talk.begin()
    assert talk.codes("DATA", "RSET", "NOOP") == ["452"]
    assert talk.over


@pytest.mark.parametrize("body", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n.\nb\r\n", b"a\r\r\n"])
async def test_bare_newlines_are_refused_or_normalised(body: bytes) -> None:
    """By setting: the message is refused after its true end, or stored with proper line endings."""
    server = Reception()
    talk = server.talk()
    talk.begin()
    assert (
        talk.say("DATA", b"A: b\r\n\r\n" + body + b".\r\n", "NOOP")
        .split(b"\r\n")[1]
        .startswith(b"550 5.6.11")
    )
    server = Reception({smtp.BARE_NEWLINES: "normalise"})
    talk = server.talk()
    talk.begin()
    assert talk.codes("DATA", b"A: b\r\n\r\n" + body + b".\r\n", "NOOP") == ["354", "250", "250"]
    stored = server.acceptance.messages[0][1]
    assert stored.count(b"\r\n") == stored.count(b"\n") == stored.count(b"\r")


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (b"A: b\r\n\r\n\0\r\n", b"550 5.6.0"),
        (b"Received: x\r\n" * 51 + b"\r\n", b"554 5.4.6"),
        (b"Received: from x by mail.example.org; d\r\n" * 6 + b"\r\n", b"554 5.4.6"),
        (b"A: b\r\n" * 1001 + b"\r\n", b"554 5.3.4"),
        (b"A: " + b"x" * 262144 + b"\r\n\r\n", b"552 5.3.4"),
        (b"A: b\r\n\r\n" + b"x" * 1048577 + b"\r\n", b"554 5.6.0"),
    ],
)
async def test_messages_that_are_refused(message: bytes, answer: bytes) -> None:
    """NUL, loops, too much header, too long lines: each has its reply, and the session goes on."""
    server = Reception()
    talk = server.talk()
    talk.begin()
    talk.say("DATA")
    said = talk.say(message + b".\r\n", "NOOP")
    assert said.startswith(answer)
    assert codes(said)[1] == "250"
    assert not server.acceptance.messages
    assert (server.acceptance.open_spools, server.acceptance.open_bodies) == (0, 0)
    assert server.reception.reserved == {}


async def test_nesting_is_limited() -> None:
    """A message with parts nested deeper than the limit is refused; one at the limit is taken."""

    def nested(levels: int) -> bytes:
        out = b""
        for level in range(levels - 1):
            out += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
        return out + b"Content-Type: text/plain\r\n\r\nx\r\n"

    server = Reception({smtp.MAX_MIME_DEPTH: 10})
    talk = server.talk()
    talk.begin()
    assert talk.codes("DATA", nested(10) + b".\r\n") == ["354", "250"]
    talk.begin()
    assert talk.codes("DATA", nested(11) + b".\r\n") == ["354", "554"]
    assert server.acceptance.open_bodies == 0


async def test_a_foreign_return_path_is_removed() -> None:
    """Return-Path is ours to write at delivery (RFC 5321 4.4); one that came along goes, and nothing else."""
    server = Reception()
    talk = server.talk()
    talk.begin()
    talk.say("DATA", b"Return-Path: <fake@x>\r\nSubject: a\r\n\r\nReturn-Path: <kept@x>\r\n.\r\n")
    assert server.acceptance.messages[0][1].endswith(b"+0000\r\nSubject: a\r\n\r\nReturn-Path: <kept@x>\r\n")


async def test_mail_from_outside_gets_no_fields_but_received() -> None:
    """Date and Message-ID are added to submitted mail only."""
    server = Reception()
    talk = server.talk()
    talk.begin()
    talk.say("DATA", b"\r\nbare\r\n.\r\n")
    body = server.acceptance.messages[0][1]
    assert body.endswith(b"+0000\r\n\r\nbare\r\n")
    assert b"Message-ID" not in body


async def test_errors_of_ours_are_temporary_and_silent() -> None:
    """A failure of ours is 451 to the client, whatever it was; the session goes on."""
    server = Reception()
    talk = server.talk()
    server.reception.broken = ConnectionResetError("secret database host")
    talk.say("EHLO c", "MAIL FROM:<>")
    said = talk.say("RCPT TO:<anna@example.org>")
    assert said.startswith(b"451 4.3.0 ")
    assert b"secret" not in said
    server.reception.broken = None
    talk.say("RSET")
    talk.begin()
    server.acceptance.broken = RuntimeError("secret")
    said = talk.say("DATA", MESSAGE + b".\r\n", "NOOP")
    assert codes(said) == ["354", "451", "250"]
    assert b"secret" not in said
    assert (server.acceptance.open_spools, server.acceptance.open_bodies) == (0, 0)


async def test_a_refusal_of_the_acceptance_is_passed_on() -> None:
    """What acceptance refuses is answered with its code, and the body is dropped."""
    server = Reception()
    server.acceptance.refuse = Refusal(554, "5.7.1", "Spam")
    talk = server.talk()
    talk.begin()
    assert talk.say("DATA", MESSAGE + b".\r\n").endswith(b"554 5.7.1 Spam\r\n")
    assert server.acceptance.open_bodies == 0


@pytest.mark.parametrize("stage", ["mail", "data", "bdat", "rcpt waits", "accept waits"])
async def test_a_lost_connection_leaves_nothing_behind(stage: str) -> None:
    """Wherever the client goes away, spool, body and reservations are freed; a message being accepted
    stays accepted."""
    server = Reception()
    talk = server.talk()
    gate = asyncio.Event()
    if stage == "rcpt waits":
        server.reception.gate = gate
        talk.say("EHLO c", "MAIL FROM:<>", "RCPT TO:<anna@example.org>")
    else:
        talk.begin()
    if stage in ("data", "accept waits"):
        talk.say("DATA")
        talk.say(MESSAGE)
    if stage == "bdat":
        talk.say("BDAT 100", b"abc")
    if stage == "accept waits":
        server.acceptance.gate = gate
        talk.say(b".\r\n")
    talk.transport.close()
    await asyncio.sleep(0.01)
    gate.set()
    await asyncio.sleep(0.01)
    assert (server.acceptance.open_spools, server.acceptance.open_bodies) == (0, 0)
    assert server.reception.reserved == {}
    assert len(server.acceptance.messages) == (1 if stage == "accept waits" else 0)


async def test_recipient_limit() -> None:
    """One recipient too many is 452 4.5.3; the others keep."""
    server = Reception({smtp.MAX_RECIPIENTS: 100})
    talk = server.talk()
    talk.say("EHLO c", "MAIL FROM:<>")
    said = talk.codes(*["RCPT TO:<anna@example.org>"] * 101)
    assert said == ["250"] * 100 + ["452"]
    assert talk.codes("DATA", MESSAGE + b".\r\n") == ["354", "250"]


async def test_error_limit() -> None:
    """Unknown commands, bad syntax and refused recipients add up to 421 and the end."""
    talk = Reception({smtp.MAX_ERRORS: 3}).talk()
    talk.say("EHLO c", "MAIL FROM:<>")
    assert talk.codes("FOO", "MAIL", "RCPT TO:<x@far.example>", "NOOP", "BAR", "NOOP") == [
        "500",
        "503",
        "550",
        "250",
        "421",
    ]
    assert talk.over


async def test_transaction_limit() -> None:
    """After the last transaction allowed, 421 and the end; LIMITS said so."""
    talk = Reception({smtp.MAX_TRANSACTIONS: 2}).talk()
    assert b"250-LIMITS MAILMAX=2 RCPTMAX=1000\r\n" in talk.say("EHLO c")
    assert talk.codes("MAIL FROM:<>", "RSET", "MAIL FROM:<>", "RSET", "MAIL FROM:<>", "NOOP") == [
        "250"
    ] * 4 + ["421"]
    assert b"LIMITS RCPTMAX" in Reception({smtp.MAX_TRANSACTIONS: 0}).talk().say("EHLO c")


async def test_line_limit_and_line_endings() -> None:
    """A long line is 500 and forgotten; a line that ends with LF alone ends the session."""
    talk = Reception().talk()
    assert talk.codes(b"x" * 3000 + b"\r\n", "NOOP") == ["500", "250"]
    assert talk.codes(b"NOOP\nQUIT\r\n") == ["521"]
    assert talk.over


async def test_clients_of_other_protocols_are_sent_away() -> None:
    """A browser's request and a TLS handshake in clear end the session at once: no cross-protocol tricks."""
    talk = Reception().talk()
    assert talk.codes("POST / HTTP/1.1", "Host: x", "MAIL FROM:<>") == ["554"]
    assert talk.over
    talk = Reception().talk()
    assert talk.codes(b"\x16\x03\x01\x02\x00\x01\x00") == ["554"]
    assert talk.over


async def test_commands_without_a_message() -> None:
    """NOOP, HELP, VRFY, EXPN, RSET and QUIT answer as RFC 5321 has it, before and after the greeting."""
    talk = Reception().talk()
    said = talk.codes(
        "NOOP", "NOOP arg", "HELP", "HELP MAIL", "VRFY anna", "VRFY", "EXPN list", "RSET", "RSET x", "ETRN x"
    )
    assert said == ["250", "250", "214", "214", "252", "501", "502", "250", "501", "503"]
    assert talk.codes("MAIL FROM:<>", "EHLO", "STARTTLS", "AUTH PLAIN", "LHLO c") == [
        "503",
        "501",
        "503",
        "503",
        "500",
    ]
    said = talk.codes("EHLO c", "STARTTLS", "STARTTLS x", "AUTH PLAIN", "")
    assert said == ["250", "502", "501", "502", "500"]
    assert talk.codes("DATA x") == ["503"]
    assert talk.say("QUIT") == f"221 2.0.0 {HOST} closing connection\r\n".encode()


async def test_idle_time_and_session_time() -> None:
    """Silence ends with 421, in the middle of a message too; so does a session that lasts too long while busy."""
    for prepare in ([], ["DATA", b"x"]):
        server = Reception({smtp.IDLE_TIMEOUT: 0.05})
        talk = server.talk()
        talk.begin()
        talk.say("NOOP", *prepare)
        await asyncio.sleep(0.15)
        assert talk.heard().startswith(b"421 4.4.2 ")
        assert server.acceptance.open_spools == 0
        assert server.reception.reserved == {}
    talk = Reception({smtp.SESSION_TIMEOUT: 0.1}).talk()
    for _ in range(10):
        await asyncio.sleep(0.03)
        said = talk.heard() + talk.say("NOOP")
        if talk.over:
            break
    assert talk.over
    assert b"421 4.4.2" in said
    assert b"lasted too long" in said


async def test_a_dribbled_command_does_not_keep_a_session_alive() -> None:
    """Only complete commands count as activity: a line sent octet by octet runs into the idle time."""
    talk = Reception({smtp.IDLE_TIMEOUT: 0.08}).talk()
    for _ in range(12):
        talk.transport.arrive(b"x")
        await asyncio.sleep(0.02)
    assert talk.heard().startswith(b"421")


async def test_the_server_stops() -> None:
    """A stopping server says 421; a message being accepted is answered first."""
    server = Reception()
    talk = server.talk()
    talk.session.shut_down()
    assert talk.heard().startswith(b"421 4.3.2 ")
    server.acceptance.gate = asyncio.Event()
    talk = server.talk()
    talk.begin()
    talk.say("DATA", MESSAGE + b".\r\n")
    talk.session.shut_down()
    assert talk.heard() == b""
    server.acceptance.gate.set()
    await asyncio.sleep(0.01)
    assert codes(talk.heard()) == ["250", "421"]


async def test_lmtp() -> None:
    """LMTP answers per accepted recipient after the message, in order, the same address twice included."""
    server = Reception()
    server.acceptance.refusals = {"bert@example.org": Refusal(452, "4.2.2", "Mailbox full")}
    talk = server.talk(Kind.LMTP)
    assert talk.greeting == b"220 mail.example.org LMTP Posthouse\r\n"
    assert talk.codes("EHLO c", "HELO c") == ["500", "500"]
    talk.begin("anna@example.org", "bert@example.org", "anna@example.org")
    assert talk.codes("RCPT TO:<nobody@example.org>", "DATA") == ["550", "354"]
    assert talk.codes(MESSAGE + b".\r\n") == ["250", "452", "250"]
    envelope, body = server.acceptance.messages[0]
    assert len(envelope.recipients) == 2
    assert b"with LMTP\r\n" in body
    talk.begin("anna@example.org", "bert@example.org")
    assert talk.codes("BDAT 2", b"a\r", "BDAT 1 LAST", b"\n") == ["250", "250", "452"]
    talk.begin("anna@example.org", "bert@example.org")
    assert talk.codes("DATA", b"a\nb\r\n.\r\n") == ["354", "550", "550"]
    assert talk.codes("MAIL FROM:<>", "RCPT TO:<nobody@example.org>", "DATA") == ["250", "550", "503"]


async def test_lmtp_over_a_unix_socket() -> None:
    """The peer of a Unix socket has no address, and the Received field does not invent one."""
    server = Reception()
    talk = server.talk(Kind.LMTP, address="unix")
    talk.begin()
    talk.say("DATA", MESSAGE + b".\r\n")
    assert server.acceptance.messages[0][1].startswith(b"Received: from client.example\r\n\tby ")
