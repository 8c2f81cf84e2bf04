"""Carries archive rules out: copies or moves what is old enough, in units of a bounded size."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
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
        moving, done = rule.action == "move", 0
        after = 0 if moving else await self._database.read(archives.progress, mailbox.id)
        while done < MOST:
            found = await self._database.read(aged_in, mailbox.id, after, before, MESSAGES)
            if not found:
                break
            for folder, uids in _by_folder(rule, found).items():
                target = await self._target(owner, folder)
                if target.id == mailbox.id:
                    continue
                act = self._store.move if moving else self._store.copy
                done += len((await act(mailbox.id, uids, target.id)).target_uids)
            after = found[-1][0]
            if not moving:
                await self._database.run(archives.set_progress, owner.id, mailbox.id, after)
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


def _by_folder(rule: ArchiveRule, found: Iterable[tuple[int, int]]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for uid, arrived in found:
        groups.setdefault(rule.folder_of(arrived), []).append(uid)
    return groups
