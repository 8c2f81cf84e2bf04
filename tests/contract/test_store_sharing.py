"""Rights, read marks of single readers and notes in the store, on every engine."""

from __future__ import annotations

import pytest
from store_parts import ACCOUNT, Parts

from posthouse.store import acl, metadata, seen
from posthouse.store.contract import DELETED, SEEN, FlagChange, StoreRefusal

ANNA, BERT = 21, 22


async def public(parts: Parts, name: str = "News", *, own: bool = True) -> int:
    """A public folder."""
    made = await parts.store.create(acl.PUBLIC, name)
    if own:
        await parts.database.run(seen.set_own_seen, made.id, True, parts.feed)
    return made.id


async def flags_of(parts: Parts, mailbox: int, reader: int) -> dict[int, int]:
    """The flags as somebody sees them who opens the folder now, and from another process."""
    found = []
    for store in (parts.store, parts.another()):
        view = await store.examine(mailbox, reader)
        found.append({m.uid: m.flags for m in view.rows() if m is not None})
        unseen = sum(not flags & SEEN for flags in found[-1].values())
        assert view.mailbox.unseen == unseen
        view.close()
        (box,) = await store.some([mailbox])
        assert await store.unseen(box, reader) == unseen
    assert found[0] == found[1]
    return found[0]


async def test_marks_are_each_readers_own(parts: Parts) -> None:
    box = await public(parts)
    await parts.store.append(box, [parts.message("a", flags=SEEN), parts.message("b")], ANNA)
    assert await flags_of(parts, box, ANNA) == {1: SEEN, 2: 0}
    assert await flags_of(parts, box, BERT) == {1: 0, 2: 0}
    view = await parts.store.examine(box, BERT)
    before = view.modseq
    outcome = await parts.store.flags(box, [1, 2], FlagChange("add", SEEN | DELETED), None, BERT)
    assert {m.uid: m.flags for m in outcome.changed} == {1: SEEN | DELETED, 2: SEEN | DELETED}
    await view.refresh()
    told = view.sync(expunges=True).changed
    assert [(number, m.flags) for number, m in told] == [(1, SEEN | DELETED), (2, SEEN | DELETED)]
    assert all(m.modseq > before for _, m in told)
    view.close()
    assert await flags_of(parts, box, ANNA) == {1: SEEN | DELETED, 2: DELETED}
    await parts.store.flags(box, [1], FlagChange("remove", SEEN), None, ANNA)
    assert await flags_of(parts, box, ANNA) == {1: DELETED, 2: DELETED}
    assert await flags_of(parts, box, BERT) == {1: SEEN | DELETED, 2: SEEN | DELETED}


async def test_unchangedsince_counts_for_marks(parts: Parts) -> None:
    box = await public(parts)
    await parts.store.append(box, [parts.message("a")])
    first = await parts.store.flags(box, [1], FlagChange("add", SEEN), None, ANNA)
    again = await parts.store.flags(box, [1], FlagChange("add", SEEN), None, ANNA)
    assert again.modseq == first.modseq  # nothing changed
    late = await parts.store.flags(box, [1], FlagChange("remove", SEEN), first.modseq - 1, ANNA)
    assert late.modified == [1]
    assert await flags_of(parts, box, ANNA) == {1: SEEN}


async def test_copies_carry_the_marks_of_who_copies(parts: Parts) -> None:
    inbox, box = await parts.inbox(), await public(parts)
    await parts.store.append(inbox, [parts.message("a", flags=SEEN | DELETED), parts.message("b")])
    await parts.store.copy(inbox, [1, 2], box, ANNA, 63 & ~DELETED)
    assert await flags_of(parts, box, ANNA) == {1: SEEN, 2: 0}
    assert await flags_of(parts, box, BERT) == {1: 0, 2: 0}
    moved = await parts.store.move(box, [1, 2], inbox, ANNA)
    view = await parts.store.examine(inbox)
    assert [m.flags for m in view.messages(moved.target_uids)] == [SEEN, 0]
    view.close()
    while await parts.database.run(seen.sweep):
        pass
    assert await parts.database.read(seen.marks_in, ANNA, box) == {}


async def test_switching_keeps_what_all_have_read(parts: Parts) -> None:
    box = await public(parts, own=False)
    await parts.store.append(box, [parts.message("a", flags=SEEN), parts.message("b")])
    await parts.database.run(seen.set_own_seen, box, True, parts.feed)
    assert await flags_of(parts, box, ANNA) == {1: SEEN, 2: 0}
    await parts.store.flags(box, [1, 2], FlagChange("set", 0), None, ANNA)
    await parts.store.flags(box, [2], FlagChange("set", SEEN), None, BERT)
    assert await flags_of(parts, box, ANNA) == {1: 0, 2: 0}
    await parts.database.run(seen.set_own_seen, box, False, parts.feed)
    assert await parts.database.read(seen.marks_in, BERT, box) == {}
    view = await parts.store.examine(box)
    assert [m.flags for m in view.rows() if m is not None] == [SEEN, 0]
    view.close()


async def test_below_a_folder_rights_are_copied(parts: Parts) -> None:
    top = await public(parts)
    await parts.database.run(acl.set_entry, top, acl.of_account(ANNA), "lrk", parts.feed)
    below = await parts.store.create(acl.PUBLIC, "News/2026/May")
    for name in ("News/2026", "News/2026/May"):
        found = await parts.store.find(acl.PUBLIC, name)
        assert found is not None
        assert found.own_seen
        assert await parts.database.read(acl.entries_in, found.id) == [("u21", "lrk")]
    await parts.database.run(acl.set_entry, top, acl.of_account(ANNA), "", parts.feed)
    grants = await parts.database.read(acl.grants_in, ["u21", "anyone"], ANNA)
    assert set(grants) == {below.id, below.id - 1}
    await parts.store.delete(acl.PUBLIC, "News/2026/May")
    assert set(await parts.database.read(acl.grants_in, ["u21"], ANNA)) == {below.id - 1}


async def test_a_removed_account_leaves_nothing(parts: Parts) -> None:
    top, inbox = await public(parts), await parts.inbox()
    run, feed = parts.database.run, parts.feed
    for box in (top, inbox):
        await run(acl.set_entry, box, acl.of_account(ANNA), "lr", feed)
        await run(acl.set_entry, box, "-" + acl.of_account(ANNA), "w", feed)
        await run(acl.set_entry, box, acl.ANYONE, "l", feed)
    await parts.store.append(top, [parts.message("a", flags=SEEN)], ANNA)
    await run(metadata.put_in, top, ANNA, {"/comment": b"mine"})
    await run(metadata.put_in, top, metadata.SHARED, {"/comment": b"ours"})
    version = await parts.database.read(acl.version)
    await parts.store.remove_account(ANNA)
    assert await parts.database.read(acl.version) > version
    assert await parts.database.read(acl.entries_in, top) == [("anyone", "l")]
    assert await parts.database.read(acl.entries_in, inbox) == [("anyone", "l")]
    assert await parts.database.read(seen.marks_in, ANNA, top) == {}
    assert await parts.database.read(metadata.notes_in, top, ANNA) == {}
    assert await parts.database.read(metadata.notes_in, top, metadata.SHARED) == {"/comment": b"ours"}
    await parts.store.remove_account(ACCOUNT)
    assert await parts.database.read(acl.grants_in, ["anyone"], BERT) == {
        top: acl.Grant(top, acl.PUBLIC, "News", "l")
    }


async def test_notes_have_an_end(parts: Parts) -> None:
    inbox = await parts.inbox()
    many: dict[str, bytes | None] = {f"/n{number}": b"" for number in range(metadata.MAX_ENTRIES)}
    await parts.database.run(metadata.put_in, inbox, ANNA, many)
    with pytest.raises(StoreRefusal, match="TOOMANY"):
        await parts.database.run(metadata.put_in, inbox, ANNA, {"/more": b"x"})
    await parts.database.run(metadata.put_in, inbox, ANNA, {"/more": b"x\0y", "/n0": None})
    notes = await parts.database.read(metadata.notes_in, inbox, ANNA)
    assert notes["/more"] == b"x\0y"
    assert "/n0" not in notes
