"""An IMAP session under any bytes in any chunking: legal answers or a clean close, never a fault of ours."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise

from counted_spools import CountedBody, CountedSpool
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_directory import MemoryDirectory
from memory_store import MemoryStore
from memory_wire import Client

from posthouse.access.imap.service import ImapService
from posthouse.settings.contract import CurrentSettings, Settings

VERBS = (
    b"NOOP CAPABILITY LOGOUT STARTTLS AUTHENTICATE LOGIN ENABLE SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE "
    b"UNSUBSCRIBE LIST LSUB NAMESPACE STATUS APPEND IDLE DONE CLOSE UNSELECT EXPUNGE UID FETCH STORE COPY MOVE "
    b"CHECK ID COMPRESS GETQUOTA GETQUOTAROOT SETQUOTA SEARCH SORT THREAD"
).split(b" ")
PHRASES = (
    b"anna secret|INBOX|Sent|Trash/x|1|1:*|2|*|$|1,3:2|4294967295|FLAGS|+FLAGS|-FLAGS.SILENT|(\\Seen)|(\\Deleted kw)|"
    b"\\Recent|ALL|FAST|(UID FLAGS)|BODY[]|BODY.PEEK[1.HEADER]|BINARY[1]<0.9>|ENVELOPE|(BODYSTRUCTURE MODSEQ)|"
    b"(MESSAGES UNSEEN RECENT HIGHESTMODSEQ)|RETURN (MIN MAX ALL COUNT SAVE)|RETURN (SUBSCRIBED STATUS (SIZE))|"
    b"(CONDSTORE)|QRESYNC|UTF8=ACCEPT|IMAP4rev2|(QRESYNC (1002 1 1:9 (1 1)))|(UNCHANGEDSINCE 3)|PLAIN|DEFLATE|"
    b'(SUBSCRIBED RECURSIVEMATCH)|{3+}|{3}|~{2+}|{0+}|{99999999999}|"a\\"b"|""|%|&|&-|&AOQ-|(|)|NIL|abc|UTF-8|'
    b"REFERENCES|ORDEREDSUBJECT|(SUBJECT REVERSE DATE)|SUBJECT x|OR|NOT|MODSEQ 1|SINCE 1-Jan-2020|(USE (\\Sent))|"
    b"EXPUNGE|FETCH 1 FLAGS|STORE 1 +FLAGS (\\Deleted)|COPY 1 Sent|MOVE 1 Sent|SEARCH ALL|(CHANGEDSINCE 1 VANISHED)"
).split(b"|")

LINE = st.one_of(
    st.builds(
        lambda verb, phrases: b" ".join((b"t", verb, *phrases)) + b"\r\n",
        st.sampled_from(VERBS),
        st.lists(st.sampled_from(PHRASES), max_size=4),
    ),
    st.binary(max_size=40),
    st.sampled_from([b"abc\r\n", b"DONE\r\n", b"*\r\n", b"\r\n", b"\0", b"AGFubmEAc2VjcmV0\r\n"]),
)

SIGNED_IN = (
    b"i LOGIN anna secret\r\ni SELECT INBOX\r\ni APPEND INBOX {18+}\r\n"
    b"Subject: x\r\n\r\nabc\r\n\r\ni STORE 1 FLAGS (kw)\r\n"
)

TAGGED = rb"[^\s()*%\"\\{\x00-\x1f\x7f]+ (OK|NO|BAD) .+"
ANSWER = re.compile(rb"(%s|\* .+|\+ .*)\r\n" % TAGGED, re.DOTALL)
LITERAL = re.compile(rb"~?\{([0-9]+)\}\r\n$")


def lines_of(said: bytes) -> list[bytes]:
    """The answers, each with its literals."""
    found: list[bytes] = []
    at = begin = 0
    while at < len(said):
        end = said.index(b"\r\n", at) + 2
        literal = LITERAL.search(said[at:end])
        at = end + (int(literal[1]) if literal else 0)
        if not literal:
            found.append(said[begin:at])
            begin = at
    assert begin == len(said)
    return found


async def talk(pieces: list[bytes], start: bytes) -> None:
    store = MemoryStore()
    await store.provision(1)
    service = ImapService(
        store=store,
        directory=MemoryDirectory({"anna": "secret"}),
        spool=CountedSpool,
        settings=CurrentSettings(Settings({"imap.notice_delay": 0.0, "imap.append_limit": 1024})),
    )
    client = Client(service.session())
    said = client.said() + await client.ask(start)
    for piece in pieces:
        said += await client.ask(piece)
        assert client.session._reader.buffered < 70_000
    for _ in range(20):
        await asyncio.sleep(0)
    said += client.said()
    if not client.session.compressed:
        for line in lines_of(said):
            assert ANSWER.fullmatch(line), line
        assert b"[SERVERBUG]" not in said
    await client.vanish()
    for _ in range(20):
        await asyncio.sleep(0)
    assert CountedSpool.unended == CountedBody.unended == 0
    assert service._sessions == {}


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [stream[low:high] for low, high in pairwise(marks)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LINE, max_size=12), st.lists(st.integers(0, 1 << 16), max_size=6), st.booleans())
def test_any_bytes_in_any_chunking(lines: list[bytes], places: list[int], stranger: bool) -> None:
    """Whatever is said, before and after sign-in and however it is cut: well-formed answers, no fault of ours, bounded
    buffers, and nothing left behind when the client is gone."""
    CountedSpool.unended = CountedBody.unended = 0
    asyncio.run(talk(cut(b"".join(lines), places), b"" if stranger else SIGNED_IN))
