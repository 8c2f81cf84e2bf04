"""The store's contract on each engine: messages, flags, copies, expunges, quota."""

from __future__ import annotations

import asyncio

import pytest
from store_parts import ACCOUNT, Parts

from posthouse.store.contract import (
    ANSWERED,
    DELETED,
    FLAGGED,
    MAX_KEYWORDS,
    SEEN,
    FlagChange,
    NewMessage,
    StoreRefusal,
)
from posthouse.store.verify import verify


async def counters(parts: Parts, name: str) -> tuple[int, int, int, int]:
    box = await parts.store.find(ACCOUNT, name)
    assert box is not None
    return box.messages, box.unseen, box.deleted, box.uidnext


async def clean(parts: Parts) -> None:
    report = await verify(parts.database, parts.bodies)
    assert report.errors == []


async def test_append_gives_uids_in_order_and_content_back(parts: Parts) -> None:
    """UIDs count up from 1, content is prefix and body, byte for byte."""
    inbox = await parts.inbox()
    prefix = b"Return-Path: <a@example.org>\r\n"
    done = await parts.store.append(
        inbox,
        [
            parts.message("one", prefix=prefix, flags=SEEN, internal_date=1000, zone=60),
            parts.message("two", keywords=("$Forwarded",)),
        ],
    )
    assert [each.uid for each in done] == [1, 2]
    view = await parts.store.examine(inbox)
    one, two = view.messages([1, 2])
    assert await parts.store.content(one) == prefix + b"".join(
        [b"From: a@example.org\r\nSubject: one\r\n", b"Message-ID: <one@x>\r\n\r\none\r\n"]
    )
    assert (one.flags, one.internal_date, one.zone, one.prefix_size) == (SEEN, 1000, 60, len(prefix))
    assert one.size == len(await parts.store.content(one))
    assert two.keywords == ("$Forwarded",)
    assert await parts.store.slice(one, len(prefix) - 3, 9) == b">\r\nFrom: "
    assert (await parts.store.facts([two, one]))[1].message_id == "<one@x>"
    assert await counters(parts, "INBOX") == (2, 1, 0, 3)
    view.close()
    await clean(parts)


async def test_append_is_all_or_none(parts: Parts) -> None:
    """A refusal for the last of several messages leaves none behind."""
    inbox = await parts.inbox()
    words = tuple(f"k{n}" for n in range(MAX_KEYWORDS + 1))
    with pytest.raises(StoreRefusal) as refusal:
        await parts.store.append(inbox, [parts.message("good"), parts.message("bad", keywords=words)])
    assert refusal.value.code == "LIMIT"
    assert await counters(parts, "INBOX") == (0, 0, 0, 1)
    await clean(parts)


async def test_the_same_body_is_kept_once(parts: Parts) -> None:
    """Two copies of one body share file, EMAILID and facts; another prefix is another EMAILID."""
    inbox = await parts.inbox()
    await parts.store.append(
        inbox, [parts.message("x"), parts.message("x"), parts.message("x", prefix=b"A: b\r\n")]
    )
    view = await parts.store.examine(inbox)
    first, second, third = view.messages([1, 2, 3])
    assert first.body == second.body == third.body
    assert first.email_id == second.email_id != third.email_id
    assert first.thread_id == third.thread_id
    assert len(list(parts.bodies.kept())) == 1
    view.close()


async def test_flags_modes(parts: Parts) -> None:
    """set, add and remove do what they say; what does not change keeps its modseq."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 3)
    store = parts.store
    done = await store.flags(inbox, [1, 2], FlagChange("add", SEEN | FLAGGED, ("Work",)))
    assert [(m.uid, m.flags, m.keywords) for m in done.changed] == [
        (1, SEEN | FLAGGED, ("Work",)),
        (2, SEEN | FLAGGED, ("Work",)),
    ]
    again = await store.flags(inbox, [1], FlagChange("add", SEEN, ("WORK",)))
    assert again.changed[0].modseq == done.changed[0].modseq
    assert again.modseq == done.modseq
    removed = await store.flags(inbox, [1], FlagChange("remove", SEEN, ("work", "unknown")))
    assert (removed.changed[0].flags, removed.changed[0].keywords) == (FLAGGED, ())
    assert removed.changed[0].modseq > done.changed[0].modseq
    fixed = await store.flags(inbox, [1, 2, 3, 9], FlagChange("set", ANSWERED))
    assert [(m.flags, m.keywords) for m in fixed.changed] == [(ANSWERED, ())] * 3
    assert fixed.gone == [9]
    assert await counters(parts, "INBOX") == (3, 3, 0, 4)
    await clean(parts)


async def test_unchangedsince_is_decided_in_the_unit(parts: Parts) -> None:
    """Of many conditional STOREs at once exactly one succeeds (RFC 7162 3.1.3)."""
    inbox = await parts.inbox()
    [done] = await parts.fill(inbox, 1)
    change = FlagChange("add", FLAGGED, ("mine",))
    results = await asyncio.gather(
        *(parts.store.flags(inbox, [1], FlagChange("add", 0, (f"k{n}",)), done.modseq) for n in range(8))
    )
    assert sorted(len(result.changed) for result in results) == [0] * 7 + [1]
    assert sorted(len(result.modified) for result in results) == [0] + [1] * 7
    assert (await parts.store.flags(inbox, [1], change, 0)).modified == [1]


async def test_keywords_are_limited_and_unused_ones_make_room(parts: Parts) -> None:
    """The limit counts keywords in use; those no message has any more are forgotten."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 1)
    full = tuple(f"k{n}" for n in range(MAX_KEYWORDS))
    await parts.store.flags(inbox, [1], FlagChange("set", 0, full))
    with pytest.raises(StoreRefusal) as refusal:
        await parts.store.flags(inbox, [1], FlagChange("add", 0, ("more",)))
    assert refusal.value.code == "LIMIT"
    await parts.store.flags(inbox, [1], FlagChange("remove", 0, full[:10]))
    done = await parts.store.flags(inbox, [1], FlagChange("add", 0, ("more",)))
    assert "more" in done.changed[0].keywords


async def test_copy_keeps_flags_dates_and_content(parts: Parts) -> None:
    """COPY pairs UIDs in order, leaves out what is gone, and keeps flags and internal date."""
    inbox = await parts.inbox()
    target = await parts.store.create(ACCOUNT, "Copies")
    await parts.store.append(
        inbox, [parts.message("a", prefix=b"P: q\r\n", flags=SEEN, internal_date=77, keywords=("Kept",))]
    )
    await parts.fill(inbox, 2)
    await parts.store.expunge_any(inbox, [2])
    done = await parts.store.copy(inbox, [1, 2, 3], target.id)
    assert (done.source_uids, done.target_uids, done.uidvalidity) == ((1, 3), (1, 2), target.uidvalidity)
    view = await parts.store.examine(target.id)
    copy = view.get(1)
    assert copy is not None
    assert (copy.flags, copy.internal_date, copy.keywords) == (SEEN, 77, ("Kept",))
    assert (await parts.store.content(copy)).startswith(b"P: q\r\nFrom:")
    view.close()
    await clean(parts)


async def test_copy_past_the_quota_leaves_nothing(parts: Parts) -> None:
    """A large COPY that fails half way takes back what it had copied."""
    inbox = await parts.inbox()
    target = await parts.store.create(ACCOUNT, "Copies")
    await parts.fill(inbox, 3)
    many = list(range(1, 4))
    used = (await parts.store.quota(ACCOUNT)).used
    parts.limit = used + used // 2
    with pytest.raises(StoreRefusal) as refusal:
        await parts.store.copy(inbox, many, target.id)
    assert refusal.value.code == "OVERQUOTA"
    assert (await counters(parts, "Copies"))[0] == 0
    assert (await parts.store.quota(ACCOUNT)).used == used


async def test_a_large_copy_that_fails_half_way_is_taken_back(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All or none holds over several units too."""
    inbox = await parts.inbox()
    target = await parts.store.create(ACCOUNT, "Copies")
    await parts.fill(inbox, 6)
    monkeypatch.setattr("posthouse.store.service.CHUNK", 2)
    used = (await parts.store.quota(ACCOUNT)).used
    parts.limit = used + used * 4 // 6
    with pytest.raises(StoreRefusal) as refusal:
        await parts.store.copy(inbox, [1, 2, 3, 4, 5, 6], target.id)
    assert refusal.value.code == "OVERQUOTA"
    assert (await counters(parts, "Copies"))[:2] == (0, 0)
    parts.limit = 0
    done = await parts.store.copy(inbox, [1, 2, 3, 4, 5, 6], target.id)
    assert done.source_uids == (1, 2, 3, 4, 5, 6)
    assert len(done.target_uids) == 6
    await clean(parts)


async def test_copy_to_nowhere_is_trycreate(parts: Parts) -> None:
    """A missing target is TRYCREATE, a missing source NONEXISTENT."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 1)
    with pytest.raises(StoreRefusal) as refusal:
        await parts.store.copy(inbox, [1], 999_999)
    assert refusal.value.code == "TRYCREATE"
    with pytest.raises(StoreRefusal) as refusal:
        await parts.store.copy(999_999, [1], inbox)
    assert refusal.value.code == "NONEXISTENT"


async def test_move_is_copy_and_expunge_at_once(parts: Parts) -> None:
    """MOVE works at the quota's edge, leaves tombstones, and works within one mailbox."""
    inbox = await parts.inbox()
    trash = await parts.store.find(ACCOUNT, "Trash")
    assert trash is not None
    await parts.fill(inbox, 3)
    parts.limit = (await parts.store.quota(ACCOUNT)).used
    since = 1
    done = await parts.store.move(inbox, [1, 3], trash.id)
    assert (done.source_uids, done.target_uids) == ((1, 3), (1, 2))
    assert await parts.store.vanished(inbox, since) == [1, 3]
    assert await counters(parts, "INBOX") == (1, 1, 0, 4)
    assert await counters(parts, "Trash") == (2, 2, 0, 3)
    within = await parts.store.move(inbox, [2], inbox)
    assert (within.source_uids, within.target_uids) == ((2,), (4,))
    await clean(parts)


async def test_crossing_moves_do_not_deadlock(parts: Parts) -> None:
    """Moves in both directions between two mailboxes all succeed."""
    inbox = await parts.inbox()
    trash = await parts.store.find(ACCOUNT, "Trash")
    assert trash is not None
    await parts.fill(inbox, 8)
    await parts.fill(trash.id, 8)
    await asyncio.gather(
        *(parts.store.move(inbox, [n], trash.id) for n in range(1, 9)),
        *(parts.store.move(trash.id, [n], inbox) for n in range(1, 9)),
    )
    assert (await counters(parts, "INBOX"))[0] == (await counters(parts, "Trash"))[0] == 8
    await clean(parts)


async def test_expunge_takes_only_deleted(parts: Parts) -> None:
    """EXPUNGE and UID EXPUNGE take what carries \\Deleted; POP3's takes all it names."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 6)
    await parts.store.flags(inbox, [1, 3, 5], FlagChange("add", DELETED))
    assert (await counters(parts, "INBOX"))[2] == 3
    assert await parts.store.expunge(inbox, [3, 4]) == [3]
    assert await parts.store.expunge(inbox) == [1, 5]
    assert await parts.store.expunge(inbox) == []
    assert await parts.store.expunge_any(inbox, [6, 6, 99]) == [6]
    assert await parts.store.vanished(inbox, 0) == [1, 3, 5, 6]
    assert await counters(parts, "INBOX") == (2, 2, 0, 7)
    await clean(parts)


async def test_pruned_tombstones_still_give_every_missing_uid(parts: Parts) -> None:
    """Once tombstones are pruned, every UID that is missing is told."""
    from posthouse.store.upkeep import prune_tombstones

    inbox = await parts.inbox()
    await parts.fill(inbox, 10)
    view = await parts.store.examine(inbox)
    for uid in range(1, 7):
        await parts.store.expunge_any(inbox, [uid])
    assert await prune_tombstones(parts.database, 2) == 1
    assert await parts.store.vanished(inbox, 1) == [1, 2, 3, 4, 5, 6]
    modseq = (await parts.store.expunge_any(inbox, [9])) and (await parts.store.find(ACCOUNT, "INBOX"))
    assert modseq is not None
    assert await parts.store.vanished(inbox, modseq.highest_modseq - 1) == [9]
    await view.refresh()
    assert [uid for _, uid in view.sync(expunges=True).expunged] == [9, 6, 5, 4, 3, 2, 1]
    assert list(view.uids) == [7, 8, 10]
    view.close()


async def test_quota_is_refused_and_counted(parts: Parts) -> None:
    """APPEND past the limit is OVERQUOTA; use is the sum over mailboxes and falls with expunges."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 2)
    quota = await parts.store.quota(ACCOUNT)
    assert (quota.messages, quota.limit) == (2, 0)
    parts.limit = quota.used + 10
    with pytest.raises(StoreRefusal) as refusal:
        await parts.fill(inbox, 1)
    assert refusal.value.code == "OVERQUOTA"
    await parts.store.expunge_any(inbox, [1])
    await parts.fill(inbox, 1)
    assert (await parts.store.quota(ACCOUNT)).messages == 2


async def test_concurrent_appends_get_distinct_uids(parts: Parts) -> None:
    """Many appends at once: no UID twice, none skipped, counters right."""
    inbox = await parts.inbox()
    done = await asyncio.gather(*(parts.fill(inbox, 2) for _ in range(10)))
    assert sorted(each.uid for group in done for each in group) == list(range(1, 21))
    assert await counters(parts, "INBOX") == (20, 20, 0, 21)
    await clean(parts)


async def test_facts_are_found_again_when_lost(parts: Parts) -> None:
    """Facts that are not in the table are computed from the body and kept."""
    from sqlalchemy import delete

    from posthouse.store.records import facts

    inbox = await parts.inbox()
    await parts.fill(inbox, 2)
    await parts.database.run(lambda tx: tx.execute(delete(facts)))
    view = await parts.store.examine(inbox)
    found = await parts.another().facts(view.messages([1, 2]))
    assert [each.message_id for each in found] == ["<m0@x>", "<m1@x>"]
    view.close()


async def test_append_without_facts_and_large(parts: Parts) -> None:
    """A body that went through a temporary file is appended and read in slices."""
    inbox = await parts.inbox()
    spool = parts.bodies.spool()
    spool.write(b"Subject: big\r\n\r\n")
    for _ in range(40):
        spool.write(b"0123456789abcdef" * 1024)
    body = spool.finish()
    await parts.store.append(inbox, [NewMessage(body)])
    body.discard()
    view = await parts.store.examine(inbox)
    message = view.messages([1])[0]
    assert await parts.store.slice(message, 16 + 16 * 1024 - 2, 4) == b"ef01"
    assert (await parts.store.facts([message]))[0].header_size == 16
    assert len(await parts.store.content(message)) == message.size == 16 + 40 * 16 * 1024
    view.close()
    await clean(parts)
