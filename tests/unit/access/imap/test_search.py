"""SEARCH, SORT and THREAD over a mailbox in memory: every key, both forms of answer, what ``$`` remembers."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from imap_session import RecordedSession, SearchedStore, recorded

from posthouse.access.imap import search_scan
from posthouse.access.imap.search_cache import SearchCache
from posthouse.access.imap.search_summary import summarize
from posthouse.settings.contract import Settings
from posthouse.settings.search import SEARCH_CACHE, SEARCH_SECONDS
from posthouse.store.contract import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from posthouse.store.facts import compute

OK = b"A1 OK SEARCH completed\r\n"


@pytest.fixture(autouse=True)
def _forget() -> None:
    """Each test decodes anew."""
    search_scan.summaries.clear()
    search_scan.texts.clear()


def day(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp())


ONE = (
    b"Return-Path: <q@x>\r\nDate: Mon, 1 Jan 2024 23:30:00 -0500\r\n"
    b"From: =?utf-8?q?J=C3=BCrgen?= <juergen@example.org>\r\nTo: Ann <ann@example.org>, bob@example.net\r\n"
    b"Cc: carol@example.com\r\nSubject: =?iso-8859-1?q?Gr=FC=DFe?= from afar\r\nMessage-ID: <one@x>\r\n"
    b"X-Spam: no\r\n\r\nThe quick brown fox\r\n"
)
TWO = (
    b"Date: Tue, 2 Jan 2024 10:00:00 +0000\r\nFrom: zed@example.org\r\nTo: ann@example.org\r\n"
    b"Subject: Re: =?utf-8?b?R3LDvMOfZQ==?= from afar\r\nMessage-ID: <two@x>\r\nIn-Reply-To: <one@x>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="B"\r\n\r\nfox in the preamble\r\n'
    b"--B\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Caf=C3=A9 and so=\r\nft breaks\r\n"
    b"--B\r\nContent-Type: text/plain; charset=iso-2022-jp\r\nContent-Transfer-Encoding: base64\r\nX-Part: yes\r\n\r\n"
    + b"GyRCRnxLXDhsGyhC\r\n--B--\r\n"
)
THREE = b"From: nobody\r\nSubject: other\r\n\r\n" + b"long text " * 200


async def mailbox() -> RecordedSession:
    """1: seen, flagged, keyword, from 10-Jan; 2: unseen, answered, 20-Jan in a far zone; 3: deleted draft,
    large.
    """
    store = SearchedStore()
    await store.begin()
    store.put(
        ONE,
        flags=SEEN | FLAGGED,
        keywords=("$Work",),
        internal_date=day("2024-01-10 12:00"),
        save_date=day("2024-02-01 01:00"),
    )
    store.put(
        TWO,
        flags=ANSWERED,
        internal_date=day("2024-01-20 22:00"),
        zone=180,
        prefix=b"X-Copy: special\r\n",
        save_date=day("2024-02-02 01:00"),
    )
    store.put(
        THREE,
        flags=DELETED | DRAFT,
        keywords=("b",),
        internal_date=int(time.time()) - 50,
        save_date=day("2024-02-03 01:00"),
    )
    return RecordedSession(store)


CASES = [
    ("ALL", "1 2 3"),
    ("SEEN", "1"),
    ("UNSEEN", "2 3"),
    ("ANSWERED", "2"),
    ("UNANSWERED", "1 3"),
    ("DELETED", "3"),
    ("UNDELETED", "1 2"),
    ("DRAFT", "3"),
    ("UNDRAFT", "1 2"),
    ("FLAGGED", "1"),
    ("UNFLAGGED", "2 3"),
    ("KEYWORD $WORK", "1"),
    ("UNKEYWORD $work", "2 3"),
    ("KEYWORD none", ""),
    ("UNKEYWORD none", "1 2 3"),
    ("RECENT", "3"),
    ("OLD", "1 2"),
    ("NEW", "3"),
    ("BEFORE 10-Jan-2024", ""),
    ("BEFORE 11-Jan-2024", "1"),
    ("ON 10-Jan-2024", "1"),
    ("ON 20-Jan-2024", ""),
    ("ON 21-Jan-2024", "2"),
    ("SINCE 11-Jan-2024", "2 3"),
    ("SENTON 1-Jan-2024", "1"),
    ("SENTBEFORE 2-Jan-2024", "1"),
    ("SENTSINCE 2-Jan-2024", "2"),
    ("SAVEDBEFORE 2-Feb-2024", "1"),
    ("SAVEDON 2-Feb-2024", "2"),
    ("SAVEDSINCE 2-Feb-2024", "2 3"),
    ("SAVEDATESUPPORTED", "1 2 3"),
    ("YOUNGER 3600", "3"),
    ("OLDER 3600", "1 2"),
    ("LARGER 1500", "3"),
    ("SMALLER 1500", "1 2"),
    (f"LARGER {len(ONE)} NOT DRAFT", "2"),
    ("1:2", "1 2"),
    ("2:*", "2 3"),
    ("UID 2,9", "2"),
    ("NOT 2", "1 3"),
    ("OR 1 3", "1 3"),
    ("OR (SEEN FLAGGED) DELETED", "1 3"),
    ("NOT (OR SEEN DELETED)", "2"),
    ("UNSEEN UNDELETED", "2"),
    ('FROM "J\u00dcRGEN"', "1"),
    ("FROM juergen@example", "1"),
    ("FROM example.org", "1 2"),
    ("TO ann@example.org", "1 2"),
    ('TO "Ann <ann"', "1"),
    ("TO bob", "1"),
    ("CC carol", "1"),
    ("BCC x", ""),
    ('SUBJECT "gr\u00fc\u00dfe FROM"', "1 2"),
    ("SUBJECT re:", "2"),
    ("HEADER X-SPAM n", "1"),
    ('HEADER X-SPAM ""', "1"),
    ("HEADER X-COPY special", "2"),
    ("HEADER MESSAGE-ID two@X", "2"),
    ('HEADER IN-REPLY-TO ""', "2"),
    ('HEADER CC ""', "1"),
    ("HEADER SUBJECT other", "3"),
    ("HEADER DATE -0500", "1"),
    ("BODY fox", "1"),
    ("BODY subject", ""),
    ("BODY CAF\u00c9", "2"),
    ('BODY "soft breaks"', "2"),
    ("BODY \u65e5\u672c", "2"),
    ("TEXT juergen", "1"),
    ("TEXT x-part", "2"),
    ("TEXT special", "2"),
    ("TEXT fox", "1"),
    ("TEXT nowhere", ""),
    ('TEXT ""', "1 2 3"),
    ("BODY fox SEEN FROM j", "1"),
    ("NOT BODY fox", "2 3"),
    ("OR BODY fox DELETED", "1 3"),
]


@pytest.mark.parametrize(("keys", "found"), CASES)
async def test_each_key(keys: str, found: str) -> None:
    """What each search key finds, twice: decoding anew and from what was kept."""
    session = await mailbox()
    session.first_recent = 3
    for _ in range(2):
        answer = await session.ask(f"SEARCH CHARSET UTF-8 {keys}")
        assert answer == b"* SEARCH" + (b" " + found.encode() if found else b"") + b"\r\n" + OK


async def test_a_key_for_a_message_id() -> None:
    """EMAILID and THREADID compare whole."""
    session = await mailbox()
    second = session.store.box.messages[2]
    assert await session.ask(f"SEARCH EMAILID {second.email_id}") == b"* SEARCH 2\r\n" + OK
    assert await session.ask(f"SEARCH THREADID {second.thread_id}") == b"* SEARCH 2\r\n" + OK
    assert await session.ask(f"SEARCH EMAILID {second.email_id[:-1]}") == b"* SEARCH\r\n" + OK


async def test_modseq_is_told_and_switches_condstore_on() -> None:
    """RFC 7162 3.1.5: the highest MODSEQ of what was found."""
    session = await mailbox()
    top = session.store.box.messages[2].modseq
    assert await session.ask("SEARCH MODSEQ 1 UNDELETED") == b"* SEARCH 1 2 (MODSEQ %d)\r\n" % top + OK
    assert session.condstore
    assert await session.ask(f"SEARCH MODSEQ {top + 9}") == b"* SEARCH\r\n" + OK
    assert (
        await session.ask("SEARCH RETURN (MIN) MODSEQ 1")
        == (b'* ESEARCH (TAG "A1") MIN 1 MODSEQ %d\r\n' % session.store.box.messages[1].modseq) + OK
    )


@pytest.mark.parametrize(
    ("options", "keys", "shown"),
    [
        ("()", "UNSEEN", b" ALL 2:3"),
        ("(MIN MAX COUNT ALL)", "UNSEEN", b" MIN 2 MAX 3 ALL 2:3 COUNT 2"),
        ("(COUNT)", "BCC x", b" COUNT 0"),
        ("(MIN MAX ALL)", "BCC x", b""),
        ("(ALL)", "OR 1 3", b" ALL 1,3"),
    ],
)
async def test_extended_answers(options: str, keys: str, shown: bytes) -> None:
    """RFC 4731: each option's part, none but COUNT when nothing was found."""
    session = await mailbox()
    assert (
        await session.ask(f"SEARCH RETURN {options} {keys}") == b'* ESEARCH (TAG "A1")' + shown + b"\r\n" + OK
    )
    assert await session.ask(f"UID SEARCH RETURN {options} {keys}") == (
        b'* ESEARCH (TAG "A1") UID' + shown + b"\r\n" + OK
    )


async def test_rev2_always_answers_extended() -> None:
    """RFC 9051 6.4.4: after ENABLE IMAP4rev2 there is no untagged SEARCH."""
    session = await mailbox()
    session.state.rev2 = session.state.utf8 = True
    assert await session.ask("SEARCH UNSEEN") == b'* ESEARCH (TAG "A1") ALL 2:3\r\n' + OK


async def test_uids_and_numbers_differ() -> None:
    """The UID form answers in UIDs, the other in sequence numbers; what went is not found."""
    session = await mailbox()
    session.store.expunge_now(1)
    assert await session.ask("SEARCH ALL") == b"* SEARCH 2 3\r\n" + OK
    session.reselect()
    assert await session.ask("SEARCH ALL") == b"* SEARCH 1 2\r\n" + OK
    assert await session.ask("UID SEARCH ALL") == b"* SEARCH 2 3\r\n" + OK
    assert (await session.ask("SEARCH SEEN 5")).startswith(b"A1 BAD")


async def test_large_results_are_numbered_right() -> None:
    """Hundreds of messages with gaps: numbers are places in the mailbox."""
    store = SearchedStore()
    await store.begin()
    store.fill(700, THREE)
    store.expunge_now(*range(1, 700, 3))
    session = RecordedSession(store)
    count = len(store.box.messages)
    listed = " ".join(str(number) for number in range(1, count + 1)).encode()
    assert await session.ask("SEARCH ALL") == b"* SEARCH " + listed + b"\r\n" + OK
    assert (await session.ask("SORT (REVERSE ARRIVAL) UTF-8 ALL")).startswith(b"* SORT " + listed + b"\r\n")


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ("(SAVE)", [2, 3]),
        ("(SAVE MIN)", [2]),
        ("(SAVE MAX)", [3]),
        ("(SAVE MIN MAX)", [2, 3]),
        ("(SAVE MIN ALL)", [2, 3]),
        ("(SAVE COUNT)", [2, 3]),
    ],
)
async def test_what_save_keeps(options: str, kept: list[int]) -> None:
    """RFC 5182 2.1, table 1."""
    session = await mailbox()
    answer = await session.ask(f"SEARCH RETURN {options} UNSEEN")
    assert session.saved == kept
    assert (answer == OK) == (options == "(SAVE)")
    found = " ".join(map(str, kept)).encode()
    assert await session.ask("UID SEARCH $") == b"* SEARCH " + found + b"\r\n" + OK
    assert (
        await session.ask("SEARCH UID $ NOT 3") == b"* SEARCH" + (b" 2" if 2 in kept else b"") + b"\r\n" + OK
    )


async def test_a_failed_search_empties_the_saved_result() -> None:
    """RFC 5182 2.1: NO leaves ``$`` empty; BAD leaves it as it was."""
    session = await mailbox()
    session.saved = [1]
    await session.ask("SEARCH RETURN (SAVE) 9")
    assert session.saved == [1]
    session.settings.now = Settings({SEARCH_SECONDS.name: -1})
    answer = await session.ask("SEARCH RETURN (SAVE) BODY fox")
    assert answer.startswith(b"A1 NO [LIMIT]")
    assert session.saved == []


async def test_cheap_keys_spare_the_content() -> None:
    """Texts are read only of messages that the other keys leave over, wherever the key stands."""
    session = await mailbox()
    for keys in ("BODY fox FLAGGED", "FLAGGED BODY fox", "NOT UNFLAGGED BODY fox", "OR UNFLAGGED BODY fox"):
        search_scan.texts.clear()
        session.store.reads = 0
        await session.ask(f"SEARCH {keys}")
        assert session.store.reads == 1, keys
    session.store.reads = 0
    await session.ask("SEARCH SEEN SINCE 1-Jan-2024 LARGER 1")
    assert session.store.reads == 0


async def test_decoded_texts_are_kept_within_the_budget() -> None:
    """A second search reads nothing; with no budget it reads again."""
    session = await mailbox()
    session.store.reads = 0
    await session.ask("SEARCH BODY fox")
    await session.ask("SEARCH BODY caf\u00e9")
    assert session.store.reads == 3
    session.store.reads = 0
    await session.ask("SEARCH BODY other")
    assert session.store.reads == 0
    search_scan.texts.clear()
    session.settings.now = Settings({SEARCH_CACHE.name: 0})
    for _ in range(2):
        session.store.reads = 0
        await session.ask("SEARCH BODY fox")
        assert session.store.reads == 3
    assert search_scan.texts.size == 0


async def test_generations_of_the_cache() -> None:
    """Used entries live on, unused ones go after two generations; the size is right all the time."""
    cache: SearchCache[search_scan.Texts] = SearchCache()
    for name in ("a", "b"):
        cache.put(name, search_scan.Texts("x" * 100), 10_000)
    full = cache.size
    assert full >= 200
    cache.put("big", search_scan.Texts("x" * 20_000), 10_000)
    assert cache.get(["big"]) == [None]
    assert cache.size == full
    cache.age()
    assert all(cache.get(["a"]))
    cache.age()
    assert [bool(value) for value in cache.get(["a", "b"])] == [True, False]
    assert cache.size == full / 2
    cache.age()
    cache.age()
    assert cache.size == 0
    cache.clear()


async def test_other_sessions_go_on_during_a_scan() -> None:
    """While texts are searched the event loop is not held: a ticker keeps ticking."""
    store = SearchedStore()
    await store.begin()
    for number in range(200):
        store.put(THREE + b"%d" % number)
    session = RecordedSession(store)
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest = max(longest, now - before)
            before = now

    ticker = asyncio.ensure_future(tick())
    assert await session.ask("UID SEARCH BODY nowhere") == b"* SEARCH\r\n" + OK
    ticker.cancel()
    assert longest < 0.3, "generous: the machine may be busy"


async def test_sort_criteria() -> None:
    """Each criterion, forwards and reversed, and ties by number."""
    session = await mailbox()
    expected = {
        "ARRIVAL": "1 2 3",
        "REVERSE ARRIVAL": "3 2 1",
        "DATE": "1 2 3",
        "SIZE": "1 2 3",
        "REVERSE SIZE": "3 2 1",
        "SUBJECT": "1 2 3",
        "SUBJECT REVERSE DATE": "2 1 3",
        "FROM": "1 3 2",
        "TO": "3 1 2",
        "CC": "2 3 1",
        "REVERSE CC": "1 2 3",
        "DISPLAYFROM": "1 3 2",
        "DISPLAYTO": "3 1 2",
    }
    for criteria, order in expected.items():
        answer = await session.ask(f"SORT ({criteria}) UTF-8 ALL")
        assert answer == f"* SORT {order}\r\nA1 OK SORT completed\r\n".encode(), criteria
    assert await session.ask("SORT (SIZE) UTF-8 BCC x") == b"* SORT\r\nA1 OK SORT completed\r\n"


async def test_sort_with_return_keeps_its_order() -> None:
    """RFC 5267 3: ALL in sorted order, MIN and MAX are the first and the last of it."""
    session = await mailbox()
    assert await session.ask("UID SORT RETURN (MIN MAX ALL COUNT SAVE) (REVERSE SIZE) UTF-8 ALL") == (
        b'* ESEARCH (TAG "A1") UID MIN 3 MAX 1 ALL 3,2,1 COUNT 3\r\nA1 OK SORT completed\r\n'
    )
    assert session.saved == [1, 2, 3]


async def test_thread() -> None:
    """Both algorithms, by number and by UID."""
    session = await mailbox()
    done = b"A1 OK THREAD completed\r\n"
    assert await session.ask("THREAD REFERENCES UTF-8 ALL") == b"* THREAD (1 2)(3)\r\n" + done
    assert await session.ask("UID THREAD ORDEREDSUBJECT UTF-8 ALL") == b"* THREAD (1 2)(3)\r\n" + done
    assert await session.ask("THREAD REFERENCES UTF-8 BCC x") == b"* THREAD\r\n" + done
    session.store.expunge_now(1)
    session.reselect()
    assert await session.ask("UID THREAD REFERENCES UTF-8 ALL") == b"* THREAD (2)(3)\r\n" + done


async def test_an_empty_mailbox_finds_nothing() -> None:
    """No message, no error."""
    session = await recorded()
    assert await session.ask("SEARCH TEXT x OR SEEN 1:*") == b"* SEARCH\r\n" + OK
    assert await session.ask("SORT (DATE) UTF-8 ALL") == b"* SORT\r\nA1 OK SORT completed\r\n"


@pytest.mark.parametrize(
    ("header", "column", "text"),
    [
        (b'From: "A \\"q\\" B" <a@b>', "sender", 'A "Q" B <A@B>'),
        (b"From: friends: a@b, c@d;", "sender", "FRIENDS:, A@B, C@D"),
        (b"To: \xc3\xa9 <a@b>", "to", "E\u0301 <A@B>"),
        (b"Subject: (x) {3}", "subject", "(X) {3}"),
        (b"Subject: " + b"\xff" * 3, "subject", None),
        (b"X: y", "subject", None),
        (b"Message-ID: <a@b>", "message_id", "<A@B>"),
    ],
)
def test_summaries_read_their_own_envelopes(header: bytes, column: str, text: str | None) -> None:
    """Quoted strings, literals, groups, absent fields."""
    summary = summarize(compute(header + b"\r\n\r\nbody"))
    if header.startswith(b"Subject: \xff"):
        assert summary.subject
    else:
        assert getattr(summary, column) == text
