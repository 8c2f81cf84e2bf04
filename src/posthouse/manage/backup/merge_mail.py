"""The mail of a merge: mailboxes, messages, flags and subscriptions that are missing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from posthouse.bodies.contract import BodyMissing
from posthouse.database.contract import Row, Transaction
from posthouse.manage.backup.contents import Cells
from posthouse.manage.backup.exact import keep_bodies
from posthouse.manage.backup.manifest import BodyEntry
from posthouse.manage.backup.merge_job import MergeJob
from posthouse.manage.backup.merge_people import Here
from posthouse.manage.backup.merge_who import Who
from posthouse.manage.errors import ManageError
from posthouse.observe import steps
from posthouse.store import acl
from posthouse.store.acl import PUBLIC
from posthouse.store.contract import FlagChange, StoreRefusal
from posthouse.store.facts import compute
from posthouse.store.naming import create_in, refuse_bad
from posthouse.store.putback import Kept, put_back_in
from posthouse.store.records import (
    SELECT_MAILBOX_NAMED,
    SELECT_RANGE,
    message_id,
    subscriptions,
)
from posthouse.store.rows import StoredMessage, mailbox_from
from posthouse.store.sharing_records import SET_OWN_SEEN, folder_notes
from posthouse.wire.imap.names import INBOX

UNIT = 25
"""Messages put back by one unit."""
_PAGE = 5000


class MergeMail:
    """Adds the mail of one merge."""

    def __init__(self, job: MergeJob, who: Who) -> None:
        self._job = job
        self._who = who
        self._rights: dict[int, list[Cells]] = {}
        self._notes: dict[int, list[Cells]] = {}

    async def run(self, here: Here) -> None:
        """Add it, for the accounts that ``MergePeople.run`` found. Raises ManageError."""
        scope = self._job.scope
        owners = dict(here.accounts)
        if not (scope.domain or scope.account):
            owners[PUBLIC] = ("public folders", PUBLIC)
        for row in await self._job.load("folder_acl"):
            self._rights.setdefault(row["mailbox_id"], []).append(row)
        for row in await self._job.load("folder_notes"):
            self._notes.setdefault(row["mailbox_id"], []).append(row)
        found = False
        # (a folder before those below it)
        for row in sorted(
            await self._job.load("mailboxes"), key=lambda row: (row["account_id"], row["name"])
        ):
            if row["account_id"] not in owners or not scope.wants_mailbox(row["name"]):
                continue
            found = True
            await self._mailbox(*owners[row["account_id"]], row)
        if self._job.scope.folder and not found:
            raise ManageError(
                "missing",
                f"The backup has no folder {self._job.scope.folder!r} of {self._job.scope.account}.",
                "Folders are named as in the mail program, with / between the levels.",
            )
        for row in [] if self._job.scope.folder else await self._job.load("subscriptions"):
            _, account = here.accounts.get(row["account_id"], ("", None))
            if account is not None and not self._job.dry:
                values = {"account_id": account, "name": row["name"]}
                await self._job.call.context.database.run(_subscribe, values)

    async def _mailbox(self, address: str, account: int | None, row: Cells) -> None:
        name = row["name"]
        place = f"{address}/{name}"
        number = await self._mailbox_here(account, name)
        if not number:
            self._job.changes.mailboxes += 1
            self._job.changes.say(f"make mailbox {place}")
            if account is not None and not self._job.dry:
                number = await self._make(account, place, row)
            else:
                await self._tell_rights(place, row)
        first, last = message_id(row["id"], 0), message_id(row["id"] + 1, 0) - 1
        wanted = await self._job.in_thread(lambda: self._messages(first, last))
        if self._job.scope.uid and not wanted:
            raise ManageError(
                "missing",
                f"The backup has no message {self._job.scope.uid} in {place}.",
                "Check folder and UID.",
            )
        present = await self._present(number) if number else []
        if self._job.flags and number:
            await self._put_flags(place, number, wanted, present)
        missing = _missing(wanted, present)
        lost = [each for each in missing if each["body"] in self._job.contents.lost]
        missing = [each for each in missing if each["body"] not in self._job.contents.lost]
        if lost:
            self._job.changes.lost += len(lost)
            self._job.changes.say(
                f"leave out {len(lost)} of {place}: they were damaged already when the backup was made"
            )
        if not missing:
            return
        self._job.changes.say(f"add {len(missing)} message{'s' * (len(missing) > 1)} to {place}")
        if self._job.dry:
            self._job.changes.messages += len(missing)
            return
        for start in range(0, len(missing), UNIT):
            await self._add(number, missing[start : start + UNIT])
            self._job.work.tell(f"Messages of {place}", start, len(missing))

    def _messages(self, first: int, last: int) -> list[Cells]:
        """A mailbox's messages in the backup, in the order of their UIDs."""
        found = list(self._job.contents.rows("messages", first, last))
        return [row for row in found if self._job.scope.uid in (0, row["id"] & 0xFFFFFFFF)]

    async def _mailbox_here(self, account: int | None, name: str) -> int:
        def look(tx: Transaction) -> int:
            rows = tx.execute(SELECT_MAILBOX_NAMED, {"account_id": account, "name": name})
            return mailbox_from(rows[0]).id if rows else 0

        return 0 if account is None else await self._job.call.context.database.scan(look)

    async def _make(self, account: int, place: str, row: Cells) -> int:
        """A mailbox of a UIDVALIDITY never used, so that old UIDs in it cannot mean other messages; with the rights
        and notes it had."""
        context, now, name = self._job.call.context, int(time.time()), row["name"]

        def op(tx: Transaction) -> tuple[int, list[str]]:
            there = tx.execute(SELECT_MAILBOX_NAMED, {"account_id": account, "name": name})
            if there:
                return mailbox_from(there[0]).id, []
            made = create_in(tx, account, name, row["special_use"], context.feed, context.side, now=now).id
            acl.forget_mailbox(tx, made)  # it took those of the one above, which may be others by now
            entries, lines = self._rights_in(tx, place, row)
            for identifier, rights in entries:
                acl.set_entry(tx, made, identifier, rights, context.feed)
            tx.execute(SET_OWN_SEEN, {"of_id": made, "to_own_seen": int(bool(row.get("own_seen", 0)))})
            notes = self._notes.get(row["id"], [])
            readers = self._who.accounts_in(tx, {each["account_id"] for each in notes})
            readers[PUBLIC] = PUBLIC  # notes for everybody
            for each in notes:
                if (reader := readers.get(each["account_id"])) is not None:
                    one = {"mailbox_id": made, "account_id": reader, "entry": each["entry"]}
                    tx.insert_ignore(folder_notes, {**one, "value": each["value"]})
            return made, lines

        try:
            if name != INBOX:
                refuse_bad(name)
            number, lines = await context.database.run(op)
        except StoreRefusal as refusal:
            raise ManageError("failed", f"Mailbox {name!r}: {refusal.text}.", "Verify the backup.") from None
        for line in lines:
            self._job.changes.say(line)
        return number

    async def _tell_rights(self, place: str, row: Cells) -> None:
        """What :meth:`_make` would say."""
        _, lines = await self._job.call.context.database.scan(self._rights_in, place, row)
        for line in lines:
            self._job.changes.say(line)

    def _rights_in(self, tx: Transaction, place: str, row: Cells) -> tuple[list[tuple[str, str]], list[str]]:
        """(identifier, rights) of a mailbox of the backup as they are here, and lines about those of nobody here."""
        entries, lines = [], []
        for each in self._rights.get(row["id"], []):
            identifier = self._who.identifier_in(tx, each["identifier"])
            if identifier:
                entries.append((identifier, each["rights"]))
            else:
                who = self._who.shown(each["identifier"])
                lines.append(f"leave out the rights of {who} on {place}: nobody here is the same")
        return entries, lines

    async def _present(self, mailbox: int) -> list[StoredMessage]:
        found: list[StoredMessage] = []
        after, last = message_id(mailbox, 0), message_id(mailbox + 1, 0) - 1

        def look(tx: Transaction, after: int) -> list[Row]:
            return tx.execute(SELECT_RANGE, {"after": after, "last": last, "count": _PAGE})

        while rows := await self._job.call.context.database.scan(look, after):
            found += [StoredMessage(row) for row in rows]
            after = rows[-1][0]
        return found

    async def _put_flags(
        self, place: str, mailbox: int, wanted: list[Cells], present: list[StoredMessage]
    ) -> None:
        """Messages that are there under the same UID with the same content get the flags they had."""
        now = {message.uid: message for message in present}
        groups: dict[tuple[int, tuple[str, ...]], list[int]] = {}
        for row in wanted:
            message = now.get(row["id"] & 0xFFFFFFFF)
            if message is None or message.email_id != "e" + row["email"].hex():
                continue
            keywords = tuple(row["keywords"].split())
            same = {word.lower() for word in keywords} == {word.lower() for word in message.keywords}
            if message.flags != row["flags"] or not same:
                groups.setdefault((row["flags"], keywords), []).append(message.uid)
        count = sum(map(len, groups.values()))
        if not count:
            return
        self._job.changes.flags += count
        self._job.changes.say(f"put back the flags of {count} message{'s' * (count > 1)} in {place}")
        if not self._job.dry:
            for (flags, keywords), uids in groups.items():
                await self._job.call.context.store.flags(mailbox, uids, FlagChange("set", flags, keywords))

    async def _add(self, mailbox: int, rows: list[Cells]) -> None:
        context = self._job.call.context
        entries = {row["body"]: BodyEntry(row["body"], row["size"] - row["prefix_size"], 0) for row in rows}
        await keep_bodies(self._job.call, self._job.contents, list(entries.values()), self._job.in_thread)
        asked = len(rows)
        rows = [row for row in rows if row["body"] not in self._job.contents.lost]
        if len(rows) < asked:
            self._job.changes.lost += asked - len(rows)
            self._job.changes.say(
                f"leave out {asked - len(rows)} messages: their files in the backup are damaged"
            )
        if not rows:
            return
        ready: list[Kept] = await self._job.in_thread(lambda: [self._kept(row) for row in rows])
        try:
            await context.database.run(
                put_back_in, context.bodies, context.feed, context.side, mailbox, ready
            )
        except BodyMissing:
            raise ManageError(
                "failed", "A message just put back is not there.", "Check the disk of the data folder."
            ) from None
        except StoreRefusal as refusal:
            raise ManageError(
                "refused", f"The mail store declines: {refusal.text}.", "See the reason."
            ) from None
        self._job.changes.messages += len(rows)
        steps.step("restore.rows")

    def _kept(self, row: Cells) -> Kept:
        digest = row["body"].hex()
        return Kept(
            uid=row["id"] & 0xFFFFFFFF,
            flags=row["flags"],
            keywords=tuple(row["keywords"].split()),
            zone=row["zone"],
            internal_date=row["internal_date"],
            save_date=row["save_date"],
            thread=row["thread"],
            email=row["email"],
            prefix=row["prefix"],
            digest=digest,
            size=row["size"] - row["prefix_size"],
            facts=compute(self._job.call.context.bodies.read(digest)),
        )


def _subscribe(tx: Transaction, values: dict[str, Any]) -> None:
    tx.insert_ignore(subscriptions, values)


def _missing(wanted: Iterable[Cells], present: Iterable[StoredMessage]) -> list[Cells]:
    """The messages of which the mailbox holds fewer copies than the backup."""
    there: Counter[tuple[str, int]] = Counter((each.email_id, each.internal_date) for each in present)
    missing = []
    for row in wanted:
        key = ("e" + row["email"].hex(), row["internal_date"])
        if there[key]:
            there[key] -= 1
        else:
            missing.append(row)
    return missing
