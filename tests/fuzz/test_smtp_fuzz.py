"""Receiving sessions under any bytes in any chunking: legal replies or a clean close, bounded memory, one outcome."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from receive_parts import Reception, Talk

from posthouse.net.contract import TlsInfo
from posthouse.receive.parts import Kind
from posthouse.receive.session import Session
from posthouse.settings import smtp

LEGAL = re.compile(rb"(?:(?:\d\d\d-[ -~]*\r\n)*[2-5]\d\d [ -~]*\r\n)*")

WORDS = [
    b"EHLO c\r\n", b"HELO c\r\n", b"LHLO c\r\n", b"MAIL FROM:<>\r\n", b"MAIL FROM:<x@remote.example> SIZE=9\r\n",
    b"MAIL FROM:<anna@example.org>\r\n", b"RCPT TO:<anna@example.org>\r\n", b"RCPT TO:<bert@example.org>\r\n",
    b"RCPT TO:<v@far.example>\r\n", b"DATA\r\n", b"BDAT 3\r\n", b"BDAT 0 LAST\r\n", b"BDAT 4 LAST\r\n", b"RSET\r\n",
    b"NOOP\r\n", b"QUIT\r\n", b"AUTH PLAIN\r\n", b"AUTH LOGIN\r\n", b"AUTH SCRAM-SHA-256 biwsbj1hLHI9Yg==\r\n",
    b"AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAc2VjcmV0\r\n", b"*\r\n", b"c2VjcmV0\r\n", b"STARTTLS\r\n", b"VRFY\r\n",
    b"Subject: x\r\n", b"\r\n", b".\r\n", b"..\r\n", b"\n.\n", b"\r", b"\n", b".", b"\0", b"abc", b"From x\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\n", b"\xff\r\n", b"x" * 600, b"GET / HTTP/1.1\r\n",
]  # fmt: skip
"""What almost makes sense."""

conversations = st.lists(st.sampled_from(WORDS) | st.binary(max_size=12), max_size=40)
kinds = st.sampled_from(list(Kind))


def under_tls(session: Session) -> None:
    session.tls = TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384")


def held(talk: Talk) -> int:
    """Bytes of the peer's that the session keeps in memory (spools aside)."""
    session = talk.session
    total = session.reader.buffered
    if session.transaction is not None and session.transaction.intake is not None:
        gate: Any = session.transaction.intake._gate
        total += len(gate._buffer) if gate is not None else 0
    return total


def run(kind: Kind, pieces: list[bytes]) -> tuple[bytes, list[tuple[Any, bytes]], bool]:
    """Talk in these pieces; all that was said, what was accepted, whether the session ended."""

    async def conversation() -> tuple[bytes, list[tuple[Any, bytes]], bool]:
        server = Reception(
            {
                smtp.MAX_COMMAND_LINE: 512,
                smtp.MAX_HEADER_SIZE: 16384,
                smtp.MAX_TEXT_LINE: 1000,
                smtp.AUTH_ON_MX: True,
            }
        )
        talk = server.talk(kind, change=under_tls)
        said = talk.greeting
        for piece in pieces:
            said += talk.say(piece)
            assert held(talk) <= 16384 + 12288 + len(piece) + 8
        for _ in range(3):
            await asyncio.sleep(0)
        said += talk.heard()
        over = talk.over
        if not over:
            talk.transport.arrive(None)
        for _ in range(3):
            await asyncio.sleep(0)
        assert (server.acceptance.open_spools, server.acceptance.open_bodies) == (0, 0)
        assert server.reception.reserved == {}
        # A SCRAM challenge holds a nonce of its own each time.
        return re.sub(rb"334 [A-Za-z0-9+/=]{40,}", b"334 nonce", said), server.acceptance.messages, over

    return asyncio.run(conversation())


def no_connection_failed(said: bytes) -> bool:
    return b"Temporary failure on our side" not in said


@settings(max_examples=150, deadline=None)
@given(kinds, conversations)
def test_any_bytes_get_legal_replies_or_a_clean_close(kind: Kind, words: list[bytes]) -> None:
    """No input brings an illegal reply, an error of ours, a leak, or memory beyond the limits."""
    said, _, _ = run(kind, words)
    assert LEGAL.fullmatch(said), said
    assert no_connection_failed(said)


@settings(max_examples=150, deadline=None)
@given(kinds, conversations, st.lists(st.integers(0, 2000), max_size=30))
def test_the_outcome_does_not_depend_on_the_chunking(kind: Kind, words: list[bytes], cuts: list[int]) -> None:
    """The same bytes cut elsewhere bring the same replies and the same messages, as long as the client waits for
    354 and sends no more than it may before it (that case ends the session, and is a matter of timing)."""
    stream = b"".join(words)
    places = sorted({place % (len(stream) + 1) for place in cuts})
    pieces = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    lines = stream.splitlines(keepends=True)
    first, messages, over = run(kind, lines)
    second, again, over_again = run(kind, pieces)
    if b"DATA\r\n" in stream.upper() or b"\x16\x03" in stream:
        # Only the refused DATA with something behind it differs: one run may have ended there.
        shorter, longer = sorted((first, second), key=len)
        assert longer.startswith(shorter)
        return
    assert (first, messages, over) == (second, again, over_again)


def test_a_refused_data_is_the_only_difference() -> None:
    """When DATA is accepted, chunking makes no difference at all, down to single octets."""
    stream = (
        b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nA: b\r\n\r\n..x\r\n.\r\n"
        b"MAIL FROM:<>\r\nRCPT TO:<bert@example.org>\r\nBDAT 3\r\n.\r\nBDAT 0 LAST\r\nQUIT\r\n"
    )
    whole = run(Kind.MX, [stream])
    assert len(whole[1]) == 2
    assert run(Kind.MX, [stream[at : at + 1] for at in range(len(stream))]) == whole
    assert run(Kind.LMTP, [stream.replace(b"EHLO", b"LHLO")])[0].count(b"\r\n250 2.1.5 delivered") == 2
