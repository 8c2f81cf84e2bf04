"""Adding what is missing: domains, accounts, mailboxes, messages, aliases, settings that are not there (any more).

Nothing is deleted and nothing that is there is changed, but for flags where that is asked for. A message is there if
its mailbox holds as many copies of the same content with the same internal date as the backup has; so a merge that
was cut off, or is run twice, adds nothing twice. The queue is not merged: its mail was delivered since.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, insert

from posthouse.bodies.contract import BodyMissing
from posthouse.database.contract import Row, Transaction
from posthouse.directory import records as people
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name, own_address, target_address
from posthouse.directory.stored import put_setting, setting_values
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.manage.audit import note
from posthouse.manage.backup.access import Work
from posthouse.manage.backup.contents import Cells, Contents
from posthouse.manage.backup.exact import InThread, keep_bodies
from posthouse.manage.backup.manifest import BodyEntry
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call
from posthouse.observe import steps
from posthouse.settings.contract import declared
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
from posthouse.wire.imap.names import INBOX, SEPARATOR

UNIT = 25
"""Messages put back by one unit."""
MOST_LINES = 10_000
_PAGE = 5000

_INSERT_ACCOUNT = insert(people.accounts).values(
    {column.name: bindparam(column.name) for column in people.accounts.c if column.name != "id"}
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What of the backup: one domain, one account, a folder of it with those below, one message of that folder;
    everything where all are empty."""

    domain: str = ""
    account: str = ""
    folder: str = ""
    uid: int = 0

    def wants_account(self, address: str) -> bool:
        """Whether the account is in it."""
        if self.account:
            return address == self.account
        return not self.domain or address.rpartition("@")[2] == self.domain

    def wants_mailbox(self, name: str) -> bool:
        """Whether the mailbox is in it."""
        if not self.folder or name == self.folder:
            return True
        return not self.uid and name.startswith(self.folder + SEPARATOR)


@dataclass(slots=True)
class Changes:
    """What was done, or would be: the first lines, and counts of all."""

    lines: list[str] = field(default_factory=list)
    line_count: int = 0
    domains: int = 0
    accounts: int = 0
    aliases: int = 0
    mailboxes: int = 0
    messages: int = 0
    flags: int = 0
    settings: int = 0
    lost: int = 0

    def say(self, line: str) -> None:
        """Add a line."""
        self.line_count += 1
        if len(self.lines) < MOST_LINES:
            self.lines.append(line)


class Merge:
    """One merge. ``dry``: only say what would be done."""

    def __init__(
        self,
        call: Call,
        contents: Contents,
        scope: Scope,
        work: Work,
        in_thread: InThread,
        *,
        flags: bool,
        dry: bool,
    ) -> None:
        self._call = call
        self._context = call.context
        self._contents = contents
        self._scope = scope
        self._work = work
        self._in_thread = in_thread
        self._flags = flags
        self._dry = dry
        self.changes = Changes()

    async def run(self) -> Changes:
        """Do it all. Raises ManageError, also when the backup has nothing of that name."""
        await self._people()
        if not (self._scope.domain or self._scope.account):
            await self._settings()
        if not self._dry:
            await self._context.database.run(self._note)
        return self.changes

    def _note(self, tx: Transaction) -> None:
        scope = self._scope
        done = self.changes
        what = scope.account or scope.domain or "everything"
        if scope.folder:
            what += f"/{scope.folder}" + (f"/{scope.uid}" if scope.uid else "")
        note(
            tx,
            self._call.actor,
            "backup.restore",
            self._contents.manifest.id,
            after={
                "mode": "merge",
                "of": what,
                "accounts": done.accounts,
                "mailboxes": done.mailboxes,
                "messages": done.messages,
                "flags": done.flags,
                "settings": done.settings,
            },
        )

    async def _load(self, table: str) -> list[Cells]:
        found: list[Cells] = await self._in_thread(lambda: list(self._contents.rows(table)))
        return found

    # people

    async def _people(self) -> None:
        domains = await self._load("domains")
        accounts = [row for row in await self._load("accounts") if self._scope.wants_account(row["address"])]
        wanted = {row["address"].rpartition("@")[2] for row in accounts}
        if not self._scope.account:
            wanted |= {row["name"] for row in domains if self._scope.domain in ("", row["name"])}
        if not wanted and (self._scope.account or self._scope.domain):
            raise ManageError(
                "missing",
                f"The backup has no {self._scope.account or self._scope.domain}.",
                "`posthouse backup show` lists what it has.",
            )
        for name in sorted(wanted):
            await self._domain(name)
        here = {}
        for row in accounts:
            here[row["id"]] = (row["address"], await self._account(row))
        if not self._scope.account:
            for row in await self._load("aliases"):
                if row["address"].rpartition("@")[2] in wanted:
                    await self._alias(row)
        await self._mail(here)

    async def _domain(self, name: str) -> None:
        name = domain_name(name)

        def op(tx: Transaction) -> bool:
            if tx.execute(people.SELECT_DOMAIN, {"name": name}):
                return False
            if not self._dry:
                tx.insert(people.INSERT_DOMAIN, {"name": name, "created_at": time.time()})
                bump(tx, DIRECTORY, self._context.feed)
            return True

        if await self._context.database.run(op):
            self.changes.domains += 1
            self.changes.say(f"make domain {name}")

    async def _account(self, row: Cells) -> int:
        """The account's id here; 0 for one that would be made."""
        key = own_address(row["address"]).key

        def op(tx: Transaction) -> tuple[int, str]:
            found = tx.execute(people.SELECT_ACCOUNT, {"address": key})
            if found:
                return int(found[0][0]), ""
            if tx.execute(people.SELECT_ALIAS, {"address": key}):
                return 0, f"leave out account {key}: there is an alias of that name"
            if self._dry:
                return 0, f"make account {key}"
            domain = tx.lock(people.SELECT_DOMAIN, {"name": key.rpartition("@")[2]})
            values = {name: value for name, value in row.items() if name != "id"}
            made = tx.insert(_INSERT_ACCOUNT, {**values, "address": key, "domain_id": domain[0][0]})
            bump(tx, DIRECTORY, self._context.feed)
            return made, f"make account {key}"

        account, line = await self._context.database.run(op)
        if line:
            self.changes.say(line)
            if line.startswith("leave"):
                return -1
            self.changes.accounts += 1
        return account

    async def _alias(self, row: Cells) -> None:
        source, target = own_address(row["address"]).key, str(target_address(row["target"]))

        def op(tx: Transaction) -> bool:
            if tx.execute(people.SELECT_ALIAS, {"address": source}) or tx.execute(
                people.SELECT_ACCOUNT, {"address": source}
            ):
                return False
            if not self._dry:
                domain = tx.lock(people.SELECT_DOMAIN, {"name": source.rpartition("@")[2]})
                values = {"domain_id": domain[0][0], "address": source, "target": target}
                tx.insert(people.INSERT_ALIAS, {**values, "created_at": row["created_at"]})
                bump(tx, DIRECTORY, self._context.feed)
            return True

        if await self._context.database.run(op):
            self.changes.aliases += 1
            self.changes.say(f"make alias {source} to {target}")

    # mail

    async def _mail(self, here: dict[int, tuple[str, int]]) -> None:
        found = False
        for row in await self._load("mailboxes"):
            address, account = here.get(row["account_id"], ("", -1))
            if account < 0 or not self._scope.wants_mailbox(row["name"]):
                continue
            found = True
            await self._mailbox(address, account, row)
        if self._scope.folder and not found:
            raise ManageError(
                "missing",
                f"The backup has no folder {self._scope.folder!r} of {self._scope.account}.",
                "Folders are named as in the mail program, with / between the levels.",
            )
        for row in [] if self._scope.folder else await self._load("subscriptions"):
            _, account = here.get(row["account_id"], ("", -1))
            if account > 0 and not self._dry:
                values = {"account_id": account, "name": row["name"]}
                await self._context.database.run(_subscribe, values)

    async def _mailbox(self, address: str, account: int, row: Cells) -> None:
        name = row["name"]
        place = f"{address}/{name}"
        number = await self._mailbox_here(account, name)
        if not number:
            self.changes.mailboxes += 1
            self.changes.say(f"make mailbox {place}")
            if not self._dry:
                number = await self._make(account, name, row["special_use"])
        first, last = message_id(row["id"], 0), message_id(row["id"] + 1, 0) - 1
        wanted = await self._in_thread(lambda: self._messages(first, last))
        if self._scope.uid and not wanted:
            raise ManageError(
                "missing", f"The backup has no message {self._scope.uid} in {place}.", "Check folder and UID."
            )
        present = await self._present(number) if number else []
        if self._flags and number:
            await self._put_flags(place, number, wanted, present)
        missing = _missing(wanted, present)
        lost = [each for each in missing if each["body"] in self._contents.lost]
        missing = [each for each in missing if each["body"] not in self._contents.lost]
        if lost:
            self.changes.lost += len(lost)
            self.changes.say(
                f"leave out {len(lost)} of {place}: they were damaged already when the backup was made"
            )
        if not missing:
            return
        self.changes.say(f"add {len(missing)} message{'s' * (len(missing) > 1)} to {place}")
        if self._dry:
            self.changes.messages += len(missing)
            return
        for start in range(0, len(missing), UNIT):
            await self._add(number, missing[start : start + UNIT])
            self._work.tell(f"Messages of {place}", start, len(missing))

    def _messages(self, first: int, last: int) -> list[Cells]:
        """A mailbox's messages in the backup, in the order of their UIDs."""
        found = list(self._contents.rows("messages", first, last))
        return [row for row in found if self._scope.uid in (0, row["id"] & 0xFFFFFFFF)]

    async def _mailbox_here(self, account: int, name: str) -> int:
        def look(tx: Transaction) -> int:
            rows = tx.execute(SELECT_MAILBOX_NAMED, {"account_id": account, "name": name})
            return mailbox_from(rows[0]).id if rows else 0

        return await self._context.database.scan(look) if account else 0

    async def _make(self, account: int, name: str, use: str) -> int:
        """A mailbox of a UIDVALIDITY never used, so that old UIDs in it cannot mean other messages."""
        feed, now = self._context.feed, int(time.time())
        try:
            if name != INBOX:
                refuse_bad(name)
            mailbox = await self._context.database.run(create_in, account, name, use, feed, None, now=now)
        except StoreRefusal as refusal:
            raise ManageError("failed", f"Mailbox {name!r}: {refusal.text}.", "Verify the backup.") from None
        return mailbox.id

    async def _present(self, mailbox: int) -> list[StoredMessage]:
        found: list[StoredMessage] = []
        after, last = message_id(mailbox, 0), message_id(mailbox + 1, 0) - 1

        def look(tx: Transaction, after: int) -> list[Row]:
            return tx.execute(SELECT_RANGE, {"after": after, "last": last, "count": _PAGE})

        while rows := await self._context.database.scan(look, after):
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
        self.changes.flags += count
        self.changes.say(f"put back the flags of {count} message{'s' * (count > 1)} in {place}")
        if not self._dry:
            for (flags, keywords), uids in groups.items():
                await self._context.store.flags(mailbox, uids, FlagChange("set", flags, keywords))

    async def _add(self, mailbox: int, rows: list[Cells]) -> None:
        context = self._context
        entries = {row["body"]: BodyEntry(row["body"], row["size"] - row["prefix_size"], 0) for row in rows}
        await keep_bodies(self._call, self._contents, list(entries.values()), self._in_thread)
        asked = len(rows)
        rows = [row for row in rows if row["body"] not in self._contents.lost]
        if len(rows) < asked:
            self.changes.lost += asked - len(rows)
            self.changes.say(f"leave out {asked - len(rows)} messages: their files in the backup are damaged")
        if not rows:
            return
        ready: list[Kept] = await self._in_thread(lambda: [self._kept(row) for row in rows])
        try:
            await context.database.run(put_back_in, context.bodies, context.feed, None, mailbox, ready)
        except BodyMissing:
            raise ManageError(
                "failed", "A message just put back is not there.", "Check the disk of the data folder."
            ) from None
        except StoreRefusal as refusal:
            raise ManageError(
                "refused", f"The mail store declines: {refusal.text}.", "See the reason."
            ) from None
        self.changes.messages += len(rows)
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
            facts=compute(self._context.bodies.read(digest)),
        )

    # settings

    async def _settings(self) -> None:
        here = await self._context.database.scan(setting_values)
        for row in await self._load("settings_values"):
            name = row["name"]
            if name in here or name not in declared() or name.startswith("backup."):
                continue
            shown = "" if declared()[name].secret else f" to {row['value']}"
            self.changes.settings += 1
            self.changes.say(f"set {name}{shown}")
            if not self._dry:
                value = _json(row["value"])
                try:
                    await self._context.database.run(_put, name, value, self._context.feed)
                except DirectoryError as error:
                    self.changes.settings -= 1
                    self.changes.say(f"leave out {name}: {error.text}")


def _subscribe(tx: Transaction, values: dict[str, Any]) -> None:
    tx.insert_ignore(subscriptions, values)


def _json(text: str) -> Any:
    import msgspec

    return msgspec.json.decode(text)


def _put(tx: Transaction, name: str, value: Any, feed: Any) -> None:
    put_setting(tx, name, value, feed=feed)


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
