"""Carries archive rules out: copies or moves what is old enough, in units of a bounded size."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from time import time

from posthouse.database.contract import Database
from posthouse.directory import archives
from posthouse.directory.archives import ArchiveRule, Owner
from posthouse.observe.log import logger
from posthouse.store.aged import aged_in
from posthouse.store.contract import Mailbox, Store, StoreRefusal

log = logger("deliver.archive")

ACCOUNTS = 200
MESSAGES = 100
"""Messages of one unit."""

MOST = 5_000
"""Messages of one folder in one round: a large mailbox is archived over several, and keeps nobody waiting."""

_DAY = 86_400.0
_INBOX, _SENT = "INBOX", "\\Sent"


class Archiving:
    """``once`` goes through all accounts. Only what carries a rule costs more than a look at its row."""

    def __init__(self, database: Database, store: Store, clock: Callable[[], float] = time) -> None:
        self._database = database
        self._store = store
        self._clock = clock

    async def once(self) -> int:
        """One round; returns how many messages were copied or moved. Raises DatabaseUnavailable."""
        done = after = 0
        if not await self._database.read(archives.anybody):
            return 0
        while owners := await self._database.read(archives.owners, after, ACCOUNTS):
            for owner in owners:
                after = owner.id
                rule = await self._database.read(archives.rule_for, owner)
                if rule is not None:
                    done += await self._account(owner, rule)
            await asyncio.sleep(0)
        return done

    async def _account(self, owner: Owner, rule: ArchiveRule) -> int:
        done = 0
        try:
            for mailbox in _sources(await self._store.mailboxes(owner.id), rule):
                done += await self._folder(owner, rule, mailbox)
        except StoreRefusal as refusal:
            log.warning("archive.refused", account=owner.address, reason=str(refusal))
        if done:
            log.info("archive.done", account=owner.address, action=rule.action, messages=done)
        return done

    async def _folder(self, owner: Owner, rule: ArchiveRule, mailbox: Mailbox) -> int:
        before = self._clock() - rule.days * _DAY
        if rule.action == "move":
            return await self._move(owner, rule, mailbox, before)
        return await self._copy(owner, rule, mailbox, before)

    async def _move(self, owner: Owner, rule: ArchiveRule, mailbox: Mailbox, before: float) -> int:
        done = after = 0
        while done < MOST and (
            found := await self._database.read(aged_in, mailbox.id, after, before, MESSAGES)
        ):
            for folder, uids in _by_folder(rule, found).items():
                target = await self._target(owner, folder)
                if target.id != mailbox.id:
                    done += len((await self._store.move(mailbox.id, uids, target.id)).target_uids)
            after = found[-1][0]
        return done

    async def _copy(self, owner: Owner, rule: ArchiveRule, mailbox: Mailbox, before: float) -> int:
        """Copies in order of their UIDs; how far that came is written in the unit of each copy, so that nothing is
        copied a second time, whatever comes between. A younger message holds up those behind it (they were put there
        later, with an earlier date), or it would be passed over for ever."""
        done = 0
        after = await self._database.read(archives.progress, mailbox.id)
        aged = partial(aged_in, in_order=True)
        while done < MOST and (found := await self._database.read(aged, mailbox.id, after, before, MESSAGES)):
            for folder, uids in _runs(rule, found):
                after, target = uids[-1], await self._target(owner, folder)
                mark = partial(archives.set_progress, account_id=owner.id, mailbox_id=mailbox.id, uid=after)
                if target.id == mailbox.id:
                    await self._database.run(mark)
                else:
                    done += len((await self._store.copy(mailbox.id, uids, target.id, also=mark)).target_uids)
        return done

    async def _target(self, owner: Owner, folder: str) -> Mailbox:
        found = await self._store.find(owner.id, folder)
        return found if found is not None else await self._store.create(owner.id, folder)


def _sources(mailboxes: Iterable[Mailbox], rule: ArchiveRule) -> list[Mailbox]:
    """The folders whose mail the rule is about."""
    return [
        each
        for each in mailboxes
        if (each.name == _INBOX and rule.mail != "sent")
        or (each.special_use == _SENT and rule.mail != "received")
    ]


def _runs(rule: ArchiveRule, found: Iterable[tuple[int, int]]) -> Iterator[tuple[str, list[int]]]:
    """UIDs in order, those together that go to one folder one after the other."""
    for folder, run in groupby(found, key=lambda each: rule.folder_of(each[1])):
        yield folder, [uid for uid, _ in run]


def _by_folder(rule: ArchiveRule, found: Iterable[tuple[int, int]]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for uid, arrived in found:
        groups.setdefault(rule.folder_of(arrived), []).append(uid)
    return groups
