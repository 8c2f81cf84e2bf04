"""FETCH: items, sections, \\Seen, changes by others meanwhile, large content in slices."""

from __future__ import annotations

import base64
import re

import pytest
from imap_session import RecordedSession, SearchedStore, recorded

from posthouse.access.imap.fetch_binary import PIECE, decoded
from posthouse.access.imap.fetch_source import SMALL
from posthouse.mail.transfer import decode_transfer
from posthouse.store.contract import FLAGGED, SEEN
from posthouse.store.facts import compute

PLAIN = b"From: Ann <ann@example.org>\r\nSubject: Hello\r\nX-A: 1\r\n\r\nfirst\r\nsecond\r\n"
MULTI = (
    b"From: b@example.org\r\nSubject: two\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="B"\r\n\r\npreamble\r\n'
    b"--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    b"--B\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"AAEC\r\n/w==\r\n"
    b"--B\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nTo: c@d\r\n\r\ninner text\r\n"
    b"--B\r\nContent-Transfer-Encoding: x-odd\r\n\r\n???\r\n--B--\r\n"
)
OK = b"A1 OK FETCH completed\r\n"


async def test_simple_items() -> None:
    """Items of the index, in the order asked."""
    session = await recorded()
    session.store.put(
        PLAIN, flags=SEEN, keywords=("$F",), internal_date=837596665, zone=-420, save_date=86400
    )
    session.reselect()
    message = session.store.box.messages[1]
    assert (
        await session.ask("FETCH 1 (INTERNALDATE RFC822.SIZE FLAGS UID MODSEQ SAVEDATE EMAILID THREADID)")
        == (
            b'* 1 FETCH (INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE %d FLAGS (\\Seen $F) UID 1 MODSEQ (%d) '
            b'SAVEDATE " 2-Jan-1970 00:00:00 +0000" EMAILID (%s) THREADID (%s))\r\n'
            % (len(PLAIN), message.modseq, message.email_id.encode(), message.thread_id.encode())
        )
        + OK
    )
    assert session.condstore


async def test_the_uid_form_always_tells_the_uid() -> None:
    """RFC 9051 6.4.9."""
    session = await recorded(PLAIN, PLAIN)
    assert (
        await session.ask("UID FETCH 2 (RFC822.SIZE)")
        == b"* 2 FETCH (UID 2 RFC822.SIZE %d)\r\n" % len(PLAIN) + OK
    )
    assert await session.ask("UID FETCH 7 (FLAGS)") == OK
    assert (await session.ask("FETCH 7 (FLAGS)")).startswith(b"A1 BAD")


async def test_the_hot_form_follows_changes() -> None:
    """UID and FLAGS of the whole mailbox: kept lines never outlive the state they show, \\Recent included."""
    session = await recorded(*[PLAIN] * 5)
    lines = [b"* %d FETCH (UID %d FLAGS ())\r\n" % (n, n) for n in range(1, 6)]
    for question in ("FETCH 1:* (UID FLAGS)", "UID FETCH 1:* (FLAGS)", "FETCH 1:* (FLAGS UID)"):
        assert await session.ask(question) == b"".join(lines) + OK
    session.store.change(2, flags=FLAGGED)
    lines[1] = b"* 2 FETCH (UID 2 FLAGS (\\Flagged))\r\n"
    assert await session.ask("FETCH 1:* (UID FLAGS)") == b"".join(lines) + OK
    session.first_recent = 5
    lines[4] = b"* 5 FETCH (UID 5 FLAGS (\\Recent))\r\n"
    assert await session.ask("FETCH 1:* (UID FLAGS)") == b"".join(lines) + OK
    session.first_recent = 9
    lines[4] = b"* 5 FETCH (UID 5 FLAGS ())\r\n"
    assert await session.ask("FETCH 1:* (UID FLAGS)") == b"".join(lines) + OK


async def test_a_message_that_went_is_left_out() -> None:
    """Numbers stay as the client knows them; by number the answer ends with NO [EXPUNGEISSUED], by UID with OK."""
    session = await recorded(PLAIN, PLAIN, PLAIN)
    session.store.expunge_now(2)
    for items in ("(UID FLAGS)", "(UID RFC822.SIZE)", "(UID ENVELOPE)", "(UID BODY.PEEK[])", "(UID BODY[])"):
        answer = await session.ask(f"FETCH 1:* {items}")
        assert [line for line in (b"* 1 ", b"* 2 ", b"* 3 ") if line in answer] == [b"* 1 ", b"* 3 "], items
        assert b"\r\nA1 NO [EXPUNGEISSUED]" in answer, items
        answer = await session.ask(f"UID FETCH 1:* {items}")
        assert answer.endswith(OK), items
        assert b"* 2 " not in answer


async def test_a_message_that_goes_while_its_chunk_is_sent_is_left_out() -> None:
    """The expunge may come after the message was chosen and before its content is read."""
    session = await recorded(PLAIN, PLAIN)
    real = session.store.content

    async def content(message: object) -> bytes:
        if 2 in session.store.box.messages:
            session.store.expunge_now(2)
        return await real(message)

    session.store.content = content
    answer = await session.ask("FETCH 1:2 BODY.PEEK[]")
    assert answer.startswith(b"* 1 FETCH (BODY[] {")
    assert b"* 2 FETCH" not in answer
    assert b"NO [EXPUNGEISSUED]" in answer


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ("BODY[]", b"BODY[] {%d}\r\n%s" % (len(PLAIN), PLAIN)),
        ("BODY[HEADER]", b"BODY[HEADER] {55}\r\n" + PLAIN[:55]),
        ("BODY[TEXT]", b"BODY[TEXT] {15}\r\nfirst\r\nsecond\r\n"),
        ("BODY[1]", b"BODY[1] {15}\r\nfirst\r\nsecond\r\n"),
        ("BODY[2]", b"BODY[2] NIL"),
        ("BODY[1.HEADER]", b"BODY[1.HEADER] NIL"),
        ("BODY[1.MIME]", b"BODY[1.MIME] {55}\r\n" + PLAIN[:55]),
        ("BODY[]<5.3>", b"BODY[]<5> {3}\r\n An"),
        ("BODY[]<9999.3>", b"BODY[]<9999> {0}\r\n"),
        ("BODY[TEXT]<13.100>", b"BODY[TEXT]<13> {2}\r\n\r\n"),
        ("BODY[HEADER.FIELDS (subject x-no)]", b"BODY[HEADER.FIELDS (subject x-no)] {18}\r\nSubject: Hello\r\n\r\n"),
        ("BODY[HEADER.FIELDS.NOT (From Subject)]", b"BODY[HEADER.FIELDS.NOT (From Subject)] {10}\r\nX-A: 1\r\n\r\n"),
        ("BODY[HEADER.FIELDS (Subject)]<2.4>", b"BODY[HEADER.FIELDS (Subject)]<2> {4}\r\nbjec"),
        ("RFC822", b"RFC822 {%d}\r\n%s" % (len(PLAIN), PLAIN)),
        ("RFC822.HEADER", b"RFC822.HEADER {55}\r\n" + PLAIN[:55]),
        ("RFC822.TEXT", b"RFC822.TEXT {15}\r\nfirst\r\nsecond\r\n"),
        ("BINARY[1]", b'BINARY[1] {15}\r\nfirst\r\nsecond\r\n'),
        ("BINARY.SIZE[1]", b"BINARY.SIZE[1] 15"),
        ("BINARY.SIZE[]", b"BINARY.SIZE[] %d" % len(PLAIN)),
        ("PREVIEW", b'PREVIEW "first second"'),
        ("PREVIEW (LAZY)", b'PREVIEW "first second"'),
    ],
)  # fmt: skip
async def test_sections_of_a_plain_message(item: str, shown: bytes) -> None:
    """Each section name and what it holds."""
    session = await recorded(PLAIN, writable=False)
    assert await session.ask(f"FETCH 1 {item}") == b"* 1 FETCH (" + shown + b")\r\n" + OK


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ("BODY.PEEK[1]", b"BODY[1] {5}\r\nhello"),
        ("BODY.PEEK[1.MIME]", b"BODY[1.MIME] {28}\r\nContent-Type: text/plain\r\n\r\n"),
        ("BODY.PEEK[2]", b"BODY[2] {10}\r\nAAEC\r\n/w=="),
        ("BINARY.PEEK[2]", b"BINARY[2] ~{4}\r\n\0\x01\x02\xff"),
        ("BINARY.PEEK[2]<1.2>", b"BINARY[2]<1> {2}\r\n\x01\x02"),
        ("BINARY.SIZE[2]", b"BINARY.SIZE[2] 4"),
        ("BODY.PEEK[3.HEADER]", b"BODY[3.HEADER] {27}\r\nSubject: inner\r\nTo: c@d\r\n\r\n"),
        ("BODY.PEEK[3.TEXT]", b"BODY[3.TEXT] {10}\r\ninner text"),
        ("BODY.PEEK[3.1]", b"BODY[3.1] {10}\r\ninner text"),
        ("BODY.PEEK[3.HEADER.FIELDS (To)]", b"BODY[3.HEADER.FIELDS (To)] {11}\r\nTo: c@d\r\n\r\n"),
        ("BODY.PEEK[4]", b"BODY[4] {3}\r\n???"),
        ("BODY.PEEK[9]", b"BODY[9] NIL"),
        ("BINARY.PEEK[9]", b"BINARY[9] NIL"),
    ],
)
async def test_sections_of_a_multipart(item: str, shown: bytes) -> None:
    """Parts by number, decoded and not."""
    session = await recorded(MULTI)
    assert await session.ask(f"FETCH 1 {item}") == b"* 1 FETCH (" + shown + b")\r\n" + OK


async def test_an_unknown_encoding_is_said_so() -> None:
    """BINARY of a part that cannot be decoded: NO [UNKNOWN-CTE]; the other items are sent (RFC 3516 4.3)."""
    session = await recorded(MULTI)
    assert await session.ask("FETCH 1 (UID BINARY.PEEK[4])") == (
        b"* 1 FETCH (UID 1)\r\nA1 NO [UNKNOWN-CTE] A part's transfer encoding is not known\r\n"
    )
    assert (await session.ask("FETCH 1 BINARY.SIZE[4]")).startswith(b"A1 NO [UNKNOWN-CTE]")


async def test_structure_items_are_the_finished_bytes() -> None:
    """ENVELOPE, BODY and BODYSTRUCTURE as made when the message was stored."""
    session = await recorded(MULTI)
    facts = compute(MULTI)
    assert (
        await session.ask("FETCH 1 (ENVELOPE BODY BODYSTRUCTURE)")
        == (
            b"* 1 FETCH (ENVELOPE %s BODY %s BODYSTRUCTURE %s)\r\n"
            % (facts.envelope, facts.body, facts.body_structure)
        )
        + OK
    )


async def test_a_copys_own_lines_belong_to_its_header() -> None:
    """The prefix of a copy is in BODY[], its size and its header, and moves the offsets of parts."""
    session = await recorded()
    session.store.put(MULTI, prefix=b"Return-Path: <x@y>\r\n")
    session.reselect()
    answer = await session.ask(
        "FETCH 1 (RFC822.SIZE BODY.PEEK[1] BODY.PEEK[HEADER.FIELDS (Return-Path)] BODY.PEEK[])"
    )
    assert b"RFC822.SIZE %d BODY[1] {5}\r\nhello" % (len(MULTI) + 20) in answer
    assert b"{22}\r\nReturn-Path: <x@y>\r\n\r\n" in answer
    assert b"BODY[] {%d}\r\nReturn-Path: <x@y>\r\nFrom:" % (len(MULTI) + 20) in answer


async def test_reading_sets_seen_and_says_so() -> None:
    """Content without PEEK sets \\Seen, told in the same line, once; PEEK and EXAMINE leave it."""
    session = await recorded(PLAIN, PLAIN)
    await session.ask("FETCH 1 (BODY.PEEK[] RFC822.HEADER BINARY.PEEK[1])")
    assert not session.store.box.messages[1].flags
    answer = await session.ask("FETCH 1 BODY[TEXT]")
    assert answer.endswith(b"second\r\n FLAGS (\\Seen))\r\n" + OK)
    assert session.store.box.messages[1].flags == SEEN
    assert not session.view.pending(), "what was told is not reported again"
    assert b"FLAGS" not in await session.ask("FETCH 1 BODY[TEXT]")
    session.condstore = True
    answer = await session.ask("FETCH 2 (FLAGS BODY[TEXT])")
    assert answer.startswith(b"* 2 FETCH (FLAGS (\\Seen) BODY[TEXT] {15}")
    assert b" MODSEQ (%d))" % session.store.box.messages[2].modseq in answer


async def test_examine_never_sets_seen() -> None:
    """A read-only mailbox stays as it is."""
    session = await recorded(PLAIN, writable=False)
    assert b"FLAGS" not in await session.ask("FETCH 1 BODY[]")
    assert not session.store.box.messages[1].flags


async def test_changed_since_and_vanished() -> None:
    """Only what changed, with MODSEQ; UIDs that went since, for QRESYNC (RFC 7162 3.2.6)."""
    session = await recorded(*[PLAIN] * 4)
    since = session.store.box.row.highest_modseq
    session.store.change(2, flags=SEEN)
    session.store.expunge_now(3)
    session.reselect()
    changed = session.store.box.messages[2].modseq
    assert (
        await session.ask(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since})")
        == (b"* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (%d))\r\n" % changed) + OK
    )
    assert (await session.ask(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since} VANISHED)")).startswith(b"A1 BAD")
    session.qresync = True
    answer = await session.ask(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since} VANISHED)")
    assert answer.startswith(b"* VANISHED (EARLIER) 3\r\n* 2 FETCH")
    assert b"VANISHED" not in await session.ask(f"UID FETCH 1:2 (FLAGS) (CHANGEDSINCE {since} VANISHED)")
    assert await session.ask("FETCH 1:* (FLAGS) (CHANGEDSINCE 99999)") == OK


async def test_vanished_leaves_out_what_is_still_to_be_told() -> None:
    """An expunge this session was not told yet will come as its own notice."""
    session = await recorded(PLAIN, PLAIN)
    session.qresync = True
    session.store.expunge_now(2)
    assert b"VANISHED" not in await session.ask("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)")


async def test_large_content_is_sent_in_slices() -> None:
    """A body of megabytes is never one write, and arrives whole; a slice of it too."""
    session = await recorded()
    large = PLAIN + b"0123456789abcde\n" * (1 << 17)
    session.store.put(large)
    session.reselect()
    answer = await session.ask("FETCH 1 BODY.PEEK[]")
    assert answer == b"* 1 FETCH (BODY[] {%d}\r\n%s)\r\n" % (len(large), large) + OK
    assert session.largest_write <= SMALL
    assert session.drains >= len(large) // SMALL
    answer = await session.ask("FETCH 1 BODY.PEEK[TEXT]<100000.1000000>")
    assert (
        answer == b"* 1 FETCH (BODY[TEXT]<100000> {1000000}\r\n%s)\r\n" % large[55 + 100000 :][:1000000] + OK
    )


async def test_large_attachments_are_decoded_in_slices() -> None:
    """BINARY of a large base64 part: whole, in part, and its size."""
    content = bytes(range(256)) * 3000
    session = await recorded()
    session.store.put(
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(content).replace(b"\n", b"\r\n")
    )
    session.reselect()
    assert (
        await session.ask("FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])")
        == (
            b"* 1 FETCH (BINARY[1] ~{%d}\r\n%s BINARY.SIZE[1] %d)\r\n" % (len(content), content, len(content))
        )
        + OK
    )
    assert session.largest_write <= SMALL
    answer = await session.ask("FETCH 1 BINARY.PEEK[1]<300000.5000>")
    assert answer == b"* 1 FETCH (BINARY[1]<300000> ~{5000}\r\n%s)\r\n" % content[300000:305000] + OK


async def test_a_body_that_ends_early_ends_the_connection() -> None:
    """Once a literal's length was announced, a shorter answer would be read wrongly: the connection is closed."""
    session = await recorded()
    session.store.put(PLAIN + b"x" * (2 * SMALL))
    session.reselect()
    whole = session.store.box.content[1]
    session.store.box.content[1] = whole[:SMALL]
    with pytest.raises(ConnectionAbortedError):
        await session.ask("FETCH 1 BODY.PEEK[]")


async def test_nul_is_never_sent_in_a_plain_literal() -> None:
    """IMAP's CHAR8 has no NUL; the length stays."""
    session = await recorded(b"\r\na\0b", writable=False)
    assert await session.ask("FETCH 1 BODY[TEXT]") == b"* 1 FETCH (BODY[TEXT] {3}\r\na\x80b)\r\n" + OK
    assert await session.ask("FETCH 1 BINARY[1]") == b"* 1 FETCH (BINARY[1] ~{3}\r\na\0b)\r\n" + OK


async def test_many_messages_leave_in_many_writes() -> None:
    """A long answer gives the client time to read."""
    store = SearchedStore()
    await store.begin()
    store.fill(6000, PLAIN)
    session = RecordedSession(store)
    answer = await session.ask("UID FETCH 1:* (FLAGS)")
    assert len(re.findall(rb"\* \d+ FETCH", answer)) == 6000
    assert session.drains >= 2
    assert session.largest_write < 150_000


@pytest.mark.parametrize("junk", [b"", b"\r\n", b" *\r\n", b"=\r\nQUJD"])
def test_base64_in_pieces_is_base64_as_a_whole(junk: bytes) -> None:
    """Cutting the encoded text anywhere makes no difference, odd characters and inner padding included."""
    encoded = (base64.encodebytes(bytes(range(251)) * 1500) + junk) * 3
    pieces = list(decoded(encoded, 0, len(encoded), "base64"))
    assert len(pieces) > 1
    assert b"".join(pieces) == decode_transfer(encoded, "base64")


@pytest.mark.parametrize("line", [b"a=3D b \r\n", b"=C3=BC=\r\n", b"xy =20\t", b"a=b= cde"])
def test_quoted_printable_in_pieces_is_itself_as_a_whole(line: bytes) -> None:
    """The same for quoted-printable, with lines and without."""
    encoded = b"q" + line * (2 * PIECE // len(line) + 5)
    pieces = list(decoded(encoded, 0, len(encoded), "quoted-printable"))
    assert b"".join(pieces) == decode_transfer(encoded, "quoted-printable")


@pytest.mark.parametrize("line", [b"=", b" ", b"= "])
def test_garbage_without_lines_is_decoded_in_steps(line: bytes) -> None:
    """A megabyte of nothing but signs and blanks takes a few steps, not one for each octet."""
    encoded = line * (5 * PIECE)
    assert len(list(decoded(encoded, 0, len(encoded), "quoted-printable"))) <= 11
