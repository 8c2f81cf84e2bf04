"""Deleted messages and folders on each engine: they come back as they were, are limited, and keep their bodies."""

from __future__ import annotations

import pytest
from store_parts import ACCOUNT, Parts

from posthouse.bodies.removal import Removal
from posthouse.settings.keeping import UNDELETE_DAYS, UNDELETE_SIZE
from posthouse.store import deleted, upkeep
from posthouse.store.contract import DELETED, FLAGGED, SEEN, FlagChange, StoreRefusal
from posthouse.store.verify import verify


async def kept(parts: Parts, account: int = ACCOUNT) -> list[deleted.DeletedMessage]:
    return await parts.database.scan(deleted.list_in, account, None, 1000)


async def clean(parts: Parts) -> None:
    report = await verify(parts.database, parts.bodies)
    assert report.errors == []


async def test_an_expunged_message_comes_back_as_it_was(parts: Parts) -> None:
    """New UID; flags but \\Deleted, keywords, internal date, prefix and content are what they were."""
    inbox = await parts.inbox()
    prefix = b"Return-Path: <a@example.org>\r\n"
    message = parts.message(
        "x", prefix=prefix, flags=SEEN | FLAGGED, keywords=("work",), internal_date=1234, zone=60
    )
    await parts.store.append(inbox, [message])
    view = await parts.store.examine(inbox)
    before = await parts.store.content(view.messages([1])[0])
    view.close()
    await parts.store.flags(inbox, [1], FlagChange("add", DELETED))
    assert await parts.store.expunge(inbox) == [1]
    (found,) = await kept(parts)
    assert (found.mailbox, found.gone) == ("INBOX", False)
    done = await parts.store.deleted.restore(ACCOUNT, [found.id])
    assert (done.messages, done.mailboxes) == (1, {"INBOX": 1})
    view = await parts.store.examine(inbox)
    (back,) = view.messages([2])
    assert (back.flags, back.keywords, back.internal_date, back.zone) == (SEEN | FLAGGED, ("work",), 1234, 60)
    assert await parts.store.content(back) == before
    view.close()
    assert await kept(parts) == []
    assert (await parts.store.deleted.restore(ACCOUNT, [found.id])).messages == 0  # not a second time
    await clean(parts)


async def test_move_and_undone_copies_are_no_deletion(parts: Parts) -> None:
    """What MOVE takes away is elsewhere: nothing is kept of it."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 3)
    trash = await parts.store.find(ACCOUNT, "Trash")
    assert trash is not None
    await parts.store.move(inbox, [1, 2], trash.id)
    assert await kept(parts) == []
    await parts.store.expunge_any(inbox, [3])  # POP3's DELE is one
    assert len(await kept(parts)) == 1


async def test_a_deleted_folder_comes_back_with_its_messages(parts: Parts) -> None:
    """Made again under a new UIDVALIDITY, with what was in it; what was expunged before does not come along, and finds
    its way into it by itself."""
    await parts.inbox()
    box = await parts.store.create(ACCOUNT, "Projects/Ölmühle")
    await parts.fill(box.id, 5)
    await parts.store.expunge_any(box.id, [5])
    await parts.store.delete(ACCOUNT, "Projects/Ölmühle")
    (folder,) = await parts.database.scan(deleted.mailboxes_in, ACCOUNT)
    assert (folder.name, folder.messages) == ("Projects/Ölmühle", 4)
    assert len(await kept(parts)) == 5
    done = await parts.store.deleted.restore_mailbox(ACCOUNT, folder.id)
    assert done.mailboxes == {"Projects/Ölmühle": 4}
    again = await parts.store.find(ACCOUNT, "Projects/Ölmühle")
    assert again is not None
    assert again.messages == 4
    assert again.uidvalidity > box.uidvalidity
    assert await parts.database.scan(deleted.mailboxes_in, ACCOUNT) == []
    (early,) = await kept(parts)
    await parts.store.deleted.restore(ACCOUNT, [early.id])
    again = await parts.store.find(ACCOUNT, "Projects/Ölmühle")
    assert again is not None
    assert again.messages == 5
    with pytest.raises(StoreRefusal):
        await parts.store.deleted.restore_mailbox(ACCOUNT, folder.id)
    await clean(parts)


async def test_messages_whose_folder_nobody_knows_go_to_restored(parts: Parts) -> None:
    """The folder was deleted while nothing was kept."""
    await parts.inbox()
    box = await parts.store.create(ACCOUNT, "Gone")
    await parts.fill(box.id, 1)
    await parts.store.expunge_any(box.id, [1])
    parts.settings.now = parts.settings.now.over({UNDELETE_DAYS.name: 0})
    await parts.store.delete(ACCOUNT, "Gone")
    (found,) = await kept(parts)
    assert (found.mailbox, found.gone) == ("", True)
    assert (await parts.store.deleted.restore(ACCOUNT, [found.id])).mailboxes == {"Restored": 1}


async def test_nobody_restores_what_is_another_accounts(parts: Parts) -> None:
    """Ids of others are passed over; their folders are not there."""
    inbox = await parts.inbox()
    box = await parts.store.create(ACCOUNT, "Mine")
    await parts.fill(inbox, 1)
    await parts.store.expunge_any(inbox, [1])
    await parts.store.delete(ACCOUNT, "Mine")
    (found,) = await kept(parts)
    await parts.store.provision(2)
    assert (await parts.store.deleted.restore(2, [found.id])).messages == 0
    assert await parts.store.deleted.forget(2, [found.id]) == 0
    with pytest.raises(StoreRefusal):
        await parts.store.deleted.restore_mailbox(2, box.id)
    assert len(await kept(parts)) == 1


async def test_a_quota_holds_for_what_comes_back(parts: Parts) -> None:
    """Deleted mail does not count; restoring it does."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 2)
    size = (await parts.store.quota(ACCOUNT)).used
    await parts.store.expunge_any(inbox, [1, 2])
    assert (await parts.store.quota(ACCOUNT)).used == 0
    parts.limit = size - 1
    with pytest.raises(StoreRefusal) as refusal:
        await parts.store.deleted.restore(ACCOUNT, [each.id for each in await kept(parts)])
    assert refusal.value.code == "OVERQUOTA"
    assert len(await kept(parts)) == 2


async def test_bodies_stay_as_long_as_they_may_come_back(parts: Parts) -> None:
    """The removal of bodies sees a deleted message; once it is too old, the body goes."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 1)
    await parts.store.expunge_any(inbox, [1])
    (found,) = await kept(parts)
    removal = Removal(parts.database, parts.bodies, [upkeep.referred_in], [upkeep.forget_in], parts.settings)
    assert (await removal.once()).condemned == 0
    await deleted.expire(parts.database, found.deleted_at + 1)
    assert await kept(parts) == []
    assert (await removal.once()).condemned == 1


async def test_the_oldest_go_where_it_is_too_much(parts: Parts) -> None:
    """The limit by size is for each account; the newest stay."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 4)
    for uid in (1, 2, 3, 4):
        await parts.store.expunge_any(inbox, [uid])
    sizes = [each.message.size for each in await kept(parts)]
    parts.settings.now = parts.settings.now.over({UNDELETE_SIZE.name: sizes[0] + sizes[1]})
    await parts.store.deleted.upkeep()
    assert sorted(each.message.uid for each in await kept(parts)) == [3, 4]
    parts.settings.now = parts.settings.now.over({UNDELETE_SIZE.name: 0})
    await parts.store.deleted.upkeep()
    assert await kept(parts) == []


async def test_an_account_that_is_removed_leaves_nothing(parts: Parts) -> None:
    """Neither messages nor folders are kept of it, whatever was deleted before."""
    inbox = await parts.inbox()
    box = await parts.store.create(ACCOUNT, "F")
    await parts.fill(box.id, 2)
    await parts.fill(inbox, 2)
    await parts.store.expunge_any(inbox, [1])
    await parts.store.delete(ACCOUNT, "F")
    await parts.store.remove_account(ACCOUNT)
    assert await kept(parts) == []
    assert await parts.database.scan(deleted.mailboxes_in, ACCOUNT) == []
    held = await parts.database.scan(deleted.held_in, ACCOUNT)
    assert (held.messages, held.size) == (0, 0)


async def test_many_are_listed_page_by_page(parts: Parts) -> None:
    """Each once, the newest deletion first."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 25)
    await parts.store.expunge_any(inbox, list(range(1, 26)))
    seen: list[int] = []
    place: tuple[int, int] | None = None
    while page := await parts.database.scan(deleted.list_in, ACCOUNT, place, 10):
        seen += [each.message.uid for each in page]
        place = (page[-1].deleted_at, page[-1].id)
    assert seen == list(range(25, 0, -1))
