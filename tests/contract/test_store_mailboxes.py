"""The store's contract on each engine: mailboxes and their names."""

from __future__ import annotations

import asyncio

import pytest
from store_parts import ACCOUNT, Parts

from posthouse.store.contract import StoreRefusal
from posthouse.store.upkeep import purge_all
from posthouse.store.verify import verify


async def names(parts: Parts) -> list[str]:
    return [box.name for box in await parts.store.mailboxes(ACCOUNT)]


async def refused(code: str, awaitable: object) -> None:
    with pytest.raises(StoreRefusal) as refusal:
        await awaitable  # type: ignore[misc]
    assert refusal.value.code == code


async def test_provision_makes_the_standard_set_once(parts: Parts) -> None:
    """A new account gets six subscribed mailboxes with special use; a second call changes nothing."""
    await parts.store.provision(ACCOUNT)
    boxes = await parts.store.mailboxes(ACCOUNT)
    assert {(box.name, box.special_use) for box in boxes} == {
        ("INBOX", ""),
        ("Drafts", "\\Drafts"),
        ("Sent", "\\Sent"),
        ("Junk", "\\Junk"),
        ("Trash", "\\Trash"),
        ("Archive", "\\Archive"),
    }
    assert all(box.subscribed for box in boxes)
    await parts.store.delete(ACCOUNT, "Junk")
    await parts.store.provision(ACCOUNT)
    assert "Junk" not in await names(parts)


async def test_inbox_in_any_case_is_inbox(parts: Parts) -> None:
    """inbox, Inbox and INBOX are one; other names keep their case."""
    inbox = await parts.inbox()
    found = await parts.store.find(ACCOUNT, "iNbOx")
    assert found is not None
    assert found.id == inbox
    assert await parts.store.find(ACCOUNT, "sent") is None
    await refused("ALREADYEXISTS", parts.store.create(ACCOUNT, "inbox"))


async def test_create_makes_parents(parts: Parts) -> None:
    """CREATE a/b/c makes a and a/b; a special use is known in any case."""
    made = await parts.store.create(ACCOUNT, "a/b/ü", "\\sent")
    assert (made.name, made.special_use) == ("a/b/ü", "\\Sent")
    assert {"a", "a/b", "a/b/ü"} <= set(await names(parts))
    await refused("ALREADYEXISTS", parts.store.create(ACCOUNT, "a/b"))


@pytest.mark.parametrize("name", ["", "/a", "a//b", "a/", "x*", "x%", "#news", "tab\tx", "blank "])
async def test_bad_names_are_refused(parts: Parts, name: str) -> None:
    """Names no client could list are refused with CANNOT."""
    await refused("CANNOT", parts.store.create(ACCOUNT, name))


async def test_special_use_is_checked(parts: Parts) -> None:
    """An unknown use, or one taken already, is USEATTR."""
    await parts.inbox()
    await refused("USEATTR", parts.store.create(ACCOUNT, "All", "\\All"))
    await refused("USEATTR", parts.store.create(ACCOUNT, "Sent2", "\\Sent"))


async def test_uidvalidity_is_never_used_again(parts: Parts) -> None:
    """Delete and create again: another UIDVALIDITY and another MAILBOXID, every time."""
    seen = set()
    for _ in range(4):
        box = await parts.store.create(ACCOUNT, "Again")
        seen.add((box.uidvalidity, box.object_id, box.id))
        await parts.store.delete(ACCOUNT, "Again")
    assert (
        len({each[0] for each in seen})
        == len({each[1] for each in seen})
        == len({each[2] for each in seen})
        == 4
    )


async def test_delete_refusals(parts: Parts) -> None:
    """INBOX cannot go, nor what has children, nor what is not there."""
    await parts.inbox()
    await parts.store.create(ACCOUNT, "a/b")
    await refused("CANNOT", parts.store.delete(ACCOUNT, "INBOX"))
    await refused("HASCHILDREN", parts.store.delete(ACCOUNT, "a"))
    await refused("NONEXISTENT", parts.store.delete(ACCOUNT, "zzz"))


async def test_delete_takes_messages_and_quota_along(parts: Parts) -> None:
    """What was in a deleted mailbox is gone; an open view hears of it."""
    box = await parts.store.create(ACCOUNT, "Gone")
    await parts.fill(box.id, 3)
    view = await parts.store.examine(box.id)
    await parts.store.delete(ACCOUNT, "Gone")
    assert (await parts.store.quota(ACCOUNT)).used == 0
    await refused("NONEXISTENT", view.refresh())
    await refused("NONEXISTENT", parts.store.examine(box.id))
    await refused("NONEXISTENT", parts.fill(box.id, 1))
    view.close()
    assert (await verify(parts.database, parts.bodies)).errors == []


async def test_interrupted_deletion_is_finished_later(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash between the two halves of a DELETE the mailbox is gone, and its rows go with the next
    upkeep."""
    box = await parts.store.create(ACCOUNT, "Half")
    await parts.fill(box.id, 3)

    async def crash(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("posthouse.store.upkeep.purge", crash)
        with pytest.raises(RuntimeError):
            await parts.store.delete(ACCOUNT, "Half")
    assert await parts.store.find(ACCOUNT, "Half") is None
    assert (await parts.store.create(ACCOUNT, "Half")).messages == 0
    assert await purge_all(parts.database) == 1
    assert (await verify(parts.database, parts.bodies)).errors == []


async def test_rename_takes_children_along(parts: Parts) -> None:
    """Children move; UIDVALIDITY, ids and messages stay; missing parents are made."""
    box = await parts.store.create(ACCOUNT, "old/child")
    await parts.fill(box.id, 2)
    await parts.store.create(ACCOUNT, "older")
    await parts.store.rename(ACCOUNT, "old", "x/new")
    assert await names(parts) == ["older", "x", "x/new", "x/new/child"]
    child = await parts.store.find(ACCOUNT, "x/new/child")
    assert child is not None
    assert (child.id, child.uidvalidity, child.object_id, child.messages) == (
        box.id,
        box.uidvalidity,
        box.object_id,
        2,
    )


async def test_rename_refusals(parts: Parts) -> None:
    """Onto an existing name, below itself, from nowhere, to a bad name."""
    await parts.store.create(ACCOUNT, "a/b")
    await parts.store.create(ACCOUNT, "c")
    await refused("ALREADYEXISTS", parts.store.rename(ACCOUNT, "a", "c"))
    await refused("CANNOT", parts.store.rename(ACCOUNT, "a", "a/x"))
    await refused("NONEXISTENT", parts.store.rename(ACCOUNT, "zzz", "y"))
    await refused("CANNOT", parts.store.rename(ACCOUNT, "a", "b*"))
    assert await names(parts) == ["a", "a/b", "c"]


async def test_rename_inbox_moves_its_messages(parts: Parts) -> None:
    """RENAME INBOX: the messages go, INBOX stays, empty, with its children (RFC 9051 6.3.6)."""
    inbox = await parts.inbox()
    await parts.store.create(ACCOUNT, "INBOX/sub")
    await parts.fill(inbox, 3)
    await parts.store.rename(ACCOUNT, "inbox", "Saved")
    saved = await parts.store.find(ACCOUNT, "Saved")
    box = await parts.store.find(ACCOUNT, "INBOX")
    assert saved is not None
    assert box is not None
    assert (box.id, box.messages, saved.messages) == (inbox, 0, 3)
    assert "INBOX/sub" in await names(parts)


async def test_subscriptions_outlive_mailboxes(parts: Parts) -> None:
    """A subscription is a name: it stays when the mailbox goes, and may come before it."""
    await parts.store.create(ACCOUNT, "s")
    for _ in range(2):
        await parts.store.subscribe(ACCOUNT, "s", True)
        await parts.store.subscribe(ACCOUNT, "later", True)
    await parts.store.delete(ACCOUNT, "s")
    assert await parts.store.subscriptions(ACCOUNT) == ["later", "s"]
    await parts.store.subscribe(ACCOUNT, "s", False)
    assert await parts.store.subscriptions(ACCOUNT) == ["later"]


async def test_mailbox_limit(parts: Parts) -> None:
    """Past the setting, CREATE is refused with LIMIT; parents count."""
    from posthouse.settings.contract import Settings

    parts.settings.now = Settings({"store.max_mailboxes": 3})
    await parts.store.create(ACCOUNT, "a/b")
    await refused("LIMIT", parts.store.create(ACCOUNT, "c/d"))
    await parts.store.create(ACCOUNT, "c")
    await refused("LIMIT", parts.store.create(ACCOUNT, "e"))


async def test_concurrent_creation_of_one_name(parts: Parts) -> None:
    """Many INBOXes at once are one INBOX."""
    appender = parts.store.appender
    ids = await asyncio.gather(*(parts.database.run(appender.inbox_in, 7) for _ in range(6)))
    assert len(set(ids)) == 1


async def test_remove_account_leaves_nothing(parts: Parts) -> None:
    """A removed account's mailboxes, subscriptions and use are gone; others' stay."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 2)
    await parts.store.provision(2)
    view = await parts.store.examine(inbox)
    await parts.store.remove_account(ACCOUNT)
    await parts.store.remove_account(ACCOUNT)
    assert await names(parts) == []
    assert await parts.store.subscriptions(ACCOUNT) == []
    assert set(await parts.database.read(parts.store.usage_of_in, [ACCOUNT, 2])) == {2}
    await refused("NONEXISTENT", view.refresh())
    view.close()
    assert len(await parts.store.mailboxes(2)) == 6
