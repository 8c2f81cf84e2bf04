"""The store's contract on each engine: views, and what sessions are told."""

from __future__ import annotations

import asyncio
import random

import pytest
from store_parts import Parts

from posthouse.store.contract import FLAGGED, SEEN, FlagChange, View


class Client:
    """What a client believes, kept only by what a view tells it."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.uids = list(view.uids)
        self.flags = {uid: message.flags for uid in self.uids if (message := view.get(uid))}

    def sync(self, *, expunges: bool = True) -> None:
        told = self.view.sync(expunges=expunges)
        for number, uid in told.expunged:
            assert self.uids[number - 1] == uid
            del self.uids[number - 1]
            self.flags.pop(uid, None)
        if told.exists is not None:
            for number in range(len(self.uids), told.exists):
                uid = self.view.uids[number]
                self.uids.append(uid)
                message = self.view.get(uid)
                if message is not None:
                    self.flags[uid] = message.flags
        for number, message in told.changed:
            assert self.uids[number - 1] == message.uid
            self.flags[message.uid] = message.flags
        assert self.uids == list(self.view.uids)


async def test_a_view_is_still_until_synced(parts: Parts) -> None:
    """Sequence numbers move only in sync; get tells the newest state at once."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 3)
    view = await parts.store.examine(inbox)
    await parts.store.expunge_any(inbox, [2])
    await parts.fill(inbox, 1)
    await parts.store.flags(inbox, [3], FlagChange("add", FLAGGED))
    await view.refresh()
    assert view.pending()
    assert list(view.uids) == [1, 2, 3]
    assert view.get(2) is None
    assert view.sequence(3) == 3
    assert [message and message.uid for message in view.rows()] == [1, None, 3]
    before = view.modseq
    told = view.sync(expunges=False)
    assert (told.expunged, told.exists) == ([], 4)
    assert [(number, message.flags) for number, message in told.changed] == [(3, FLAGGED)]
    assert list(view.uids) == [1, 2, 3, 4]
    assert view.modseq == before, "an untold expunge holds the modseq back"
    assert view.pending()
    told = view.sync(expunges=True)
    assert (told.expunged, told.exists, told.changed) == ([(2, 2)], None, [])
    assert view.modseq == view.mailbox.highest_modseq
    assert not view.pending()
    assert [message.uid for message in view.rows() if message] == [1, 3, 4]
    view.close()
    view.close()


async def test_expunges_are_told_in_a_sendable_order(parts: Parts) -> None:
    """Each number is right at the moment it is sent."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 10)
    view = await parts.store.examine(inbox)
    client = Client(view)
    await parts.store.expunge_any(inbox, [1, 4, 5, 10])
    await parts.fill(inbox, 2)
    await parts.store.expunge_any(inbox, [11])
    await view.refresh()
    client.sync()
    assert client.uids == [2, 3, 6, 7, 8, 9, 12]
    view.close()


async def test_mute_keeps_back_what_was_told(parts: Parts) -> None:
    """A state that was muted is not told; a newer one is. It works before and after the state is loaded."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 2)
    view = await parts.store.examine(inbox)
    done = await parts.store.flags(inbox, [1], FlagChange("add", SEEN))
    view.mute(done.changed)
    assert view.sync(expunges=True).changed == []
    await view.refresh()
    assert view.sync(expunges=True).changed == []
    done = await parts.store.flags(inbox, [1], FlagChange("remove", SEEN))
    view.mute(done.changed)
    await parts.store.flags(inbox, [1], FlagChange("add", FLAGGED))
    await view.refresh()
    assert [message.flags for _, message in view.sync(expunges=True).changed] == [FLAGGED]
    view.close()


async def test_recent_is_claimed_once(parts: Parts) -> None:
    """Of two sessions only the first that selects read-write sees a message as \\Recent; EXAMINE claims
    nothing."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 2)
    (await parts.store.examine(inbox)).close()
    one, first = await parts.store.select(inbox)
    two, second = await parts.store.select(inbox)
    assert (first, second) == (1, 3)
    await parts.fill(inbox, 1)
    three, third = await parts.store.select(inbox)
    assert third == 3
    assert three.mailbox.uidnext == 4
    for view in (one, two, three):
        view.close()


async def test_a_notice_wakes_a_waiting_session(parts: Parts) -> None:
    """IDLE: on_change is called without anybody asking."""
    inbox = await parts.inbox()
    view = await parts.store.examine(inbox)
    woken = asyncio.Event()
    view.on_change(woken.set)
    await parts.fill(inbox, 1)
    await asyncio.wait_for(woken.wait(), 5)
    assert view.sync(expunges=True).exists == 1
    view.on_change(None)
    view.close()


async def test_another_worker_sees_the_change_without_a_notice(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost notice costs delay, never correctness: the next check finds the change."""
    monkeypatch.setattr("posthouse.store.state.CHECK_SECONDS", 0.0)
    inbox = await parts.inbox()
    other = parts.another()
    view = await other.examine(inbox)
    await parts.fill(inbox, 2)
    await parts.store.flags(inbox, [1], FlagChange("add", SEEN))
    await view.refresh()
    assert view.sync(expunges=True).exists == 2
    message = view.get(1)
    assert message is not None
    assert message.flags == SEEN
    view.close()
    await other.close()


async def test_keywords_of_a_view(parts: Parts) -> None:
    """The keywords in use are listed, sorted, as the same object while nothing changes."""
    inbox = await parts.inbox()
    await parts.store.append(inbox, [parts.message("a", keywords=("b", "A"))])
    view = await parts.store.examine(inbox)
    assert list(view.keywords) == ["A", "b"]
    assert view.keywords is view.keywords
    view.close()


async def test_many_sessions_and_changes_converge(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that store, move, append and expunge at random: every client's belief is the truth in the end,
    and no number is ever wrong on the way. One of the stores hears no notices, and the logs are short."""
    monkeypatch.setattr("posthouse.store.state.CHECK_SECONDS", 0.0)
    monkeypatch.setattr("posthouse.store.state.LOG_ENTRIES", 3)
    monkeypatch.setattr("posthouse.store.state.INLINE_ROWS", 6)
    dice = random.Random(7)
    inbox = await parts.inbox()
    await parts.fill(inbox, 12)
    other = parts.another()
    clients = [Client(await store.examine(inbox)) for store in (parts.store, other) for _ in range(3)]

    async def session(client: Client, store: object) -> None:
        for _ in range(12):
            uids = list(client.view.uids)
            some = dice.sample(uids, min(len(uids), 3))
            match dice.randrange(5):
                case 0:
                    await store.append(inbox, [parts.message(f"x{dice.random()}")])  # type: ignore[attr-defined]
                case 1:
                    await store.expunge_any(inbox, some[:2])  # type: ignore[attr-defined]
                case 2:
                    await store.move(inbox, some[:1], inbox)  # type: ignore[attr-defined]
                case _:
                    flags = dice.randrange(32)
                    await store.flags(inbox, some, FlagChange("set", flags))  # type: ignore[attr-defined]
            await client.view.refresh()
            client.sync(expunges=dice.random() < 0.5)

    await asyncio.gather(
        *(session(client, parts.store if n < 3 else other) for n, client in enumerate(clients))
    )
    fresh = Client(await parts.another().examine(inbox))
    for client in clients:
        await client.view.refresh()
        client.sync()
        assert client.uids == fresh.uids
        assert client.flags == fresh.flags
        client.view.close()
    await other.close()


async def test_a_mailbox_larger_than_one_look(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading in several transactions gives the same list, and an idle mailbox opens from memory."""
    monkeypatch.setattr("posthouse.store.state.INLINE_ROWS", 5)
    monkeypatch.setattr("posthouse.store.state.SCAN_ROWS", 7)
    inbox = await parts.inbox()
    await parts.fill(inbox, 30)
    view = await parts.store.examine(inbox)
    assert list(view.uids) == list(range(1, 31))
    first = view.get(3)
    view.close()
    again = await parts.store.examine(inbox)
    assert again.get(3) is first
    again.close()
