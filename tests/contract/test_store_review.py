"""The store's contract on each engine: what a second reading of the store found."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
from pathlib import Path

import pytest
from store_parts import ACCOUNT, Parts

from posthouse.bodies.removal import ORPHAN_AGE, Removal
from posthouse.database.contract import Transaction
from posthouse.store.contract import MAX_KEYWORDS, FlagChange, StoreRefusal
from posthouse.store.records import SELECT_KEYWORDS
from posthouse.store.upkeep import forget_in, referred_in


def keyword_names(tx: Transaction, mailbox_id: int) -> set[str]:
    return {row[1] for row in tx.execute(SELECT_KEYWORDS, {"mailbox_id": mailbox_id})}


async def use_up(parts: Parts, inbox: int, used: int) -> None:
    """Enter as many keywords as a mailbox may have; the first ``used`` of them stay on message 1."""
    words = tuple(f"k{number}" for number in range(MAX_KEYWORDS))
    await parts.store.flags(inbox, [1], FlagChange("set", keywords=words))
    await parts.store.flags(inbox, [1], FlagChange("set", keywords=words[:used]))


async def test_room_for_a_keyword_is_not_made_by_losing_another_asked_for(parts: Parts) -> None:
    """At the limit, STORE with a known but unused keyword beside a new one sets both."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 2)
    await use_up(parts, inbox, 3)
    outcome = await parts.store.flags(inbox, [2], FlagChange("add", keywords=("k60", "new")))
    assert outcome.changed[0].keywords == ("k60", "new")
    assert {"k0", "k60", "new"} <= await parts.database.read(keyword_names, inbox)


@pytest.mark.parametrize("way", ["append", "copy"])
async def test_messages_of_one_unit_count_together_against_the_limit(parts: Parts, way: str) -> None:
    """With room for one more keyword, two messages that bring two are refused together: the second does not
    push the first one's out."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 1)
    await use_up(parts, inbox, MAX_KEYWORDS - 1)
    new = [parts.message("a", keywords=("new1",)), parts.message("b", keywords=("new2",))]
    source = (await parts.store.create(ACCOUNT, "source")).id
    await parts.store.append(source, new)
    both = parts.store.append(inbox, new) if way == "append" else parts.store.copy(source, [1, 2], inbox)
    with pytest.raises(StoreRefusal, match="LIMIT"):
        await both
    assert "k62" in await parts.database.read(keyword_names, inbox)
    await parts.store.copy(source, [1], inbox)
    assert "new1" in await parts.database.read(keyword_names, inbox)


async def test_of_two_special_uses_at_once_one_is_refused(parts: Parts) -> None:
    """Two mailboxes for the same use at the same moment: one of them is USEATTR."""
    outcomes = await asyncio.gather(
        *(parts.store.create(ACCOUNT, f"sent{number}", "\\Sent") for number in range(6)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, StoreRefusal) and one.code == "USEATTR" for one in outcomes) == 5


async def test_the_sweep_of_orphans_and_a_new_message_exclude_each_other(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A left-over file is found old; before it is unlinked, the same content arrives again and is accepted.
    Whatever the order, the accepted message has its body."""
    inbox = await parts.inbox()
    message = parts.message("again")
    parts.bodies.keep(message.body)
    path = Path(parts.bodies.path(message.body.digest))
    long_ago = path.stat().st_mtime - 2 * ORPHAN_AGE
    os.utime(path, (long_ago, long_ago))
    removal = Removal(parts.database, parts.bodies, [referred_in], [forget_in], parts.settings)
    loop = asyncio.get_running_loop()
    unlink = parts.bodies.unlink
    arrivals: list[concurrent.futures.Future[object]] = []

    def arrives_now(digest: str) -> None:
        if not arrivals:
            arriving = asyncio.run_coroutine_threadsafe(
                parts.store.append(inbox, [parts.message("again")]), loop
            )
            arrivals.append(asyncio.wrap_future(arriving, loop=loop))
            try:
                arriving.result(1.0)
            except TimeoutError:
                pass  # it waits for the sweep, as it must
        unlink(digest)

    monkeypatch.setattr(parts.bodies, "unlink", arrives_now)
    await removal.once()
    assert arrivals
    await asyncio.wrap_future(arrivals[0])
    assert path.exists()
    view = await parts.store.examine(inbox)
    assert b"again" in await parts.store.content(view.rows()[0])  # type: ignore[arg-type]
    view.close()


@pytest.mark.parametrize("name", ["a\0b", "x" * 2000, "\ud800"])
async def test_names_no_mailbox_can_have_name_nothing(parts: Parts, name: str) -> None:
    """Modified UTF-7 can spell characters that some databases do not take: such a name is simply not
    there."""
    await parts.inbox()
    assert await parts.store.find(ACCOUNT, name) is None
    await parts.store.subscribe(ACCOUNT, name, False)
    for doing in (
        parts.store.delete(ACCOUNT, name),
        parts.store.rename(ACCOUNT, name, "other"),
    ):
        with pytest.raises(StoreRefusal, match="NONEXISTENT"):
            await doing
    assert await parts.database.read(parts.store.appender.mailbox_in, ACCOUNT, name) is None
