"""A whole store on a database, for contract tests."""

from __future__ import annotations

from pathlib import Path

from posthouse.bodies.files import FileBodies
from posthouse.bodies.plain import PlainDurability
from posthouse.bodies.side import SideRecord
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.settings.contract import CurrentSettings
from posthouse.store.contract import Appended, NewMessage
from posthouse.store.facts import compute
from posthouse.store.service import MailStore

ACCOUNT = 1


class Parts:
    """Everything a store needs, and short ways to fill it. ``limit`` is every account's quota."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.bodies = FileBodies(folder)
        self.durability = PlainDurability(database, self.bodies, threads=4)
        self.feed = LocalFeed()
        self.settings = CurrentSettings()
        self.side = SideRecord(folder)
        self.limit = 0
        self.store = self.another()

    def another(self) -> MailStore:
        """A second store on the same data with a feed of its own, as a second worker process has: it hears
        nothing."""
        return MailStore(
            self.database,
            self.bodies,
            self.durability,
            self.feed if not hasattr(self, "store") else LocalFeed(),
            self.settings,
            quota_limit=self._limit,
            side=self.side,
        )

    async def _limit(self, account_id: int) -> int:
        return self.limit

    async def inbox(self) -> int:
        """The account's INBOX, provisioned."""
        await self.store.provision(ACCOUNT)
        found = await self.store.find(ACCOUNT, "INBOX")
        assert found is not None
        return found.id

    def message(self, text: str = "hello", **options: object) -> NewMessage:
        """A message with this text."""
        spool = self.bodies.spool()
        spool.write(
            f"From: a@example.org\r\nSubject: {text}\r\nMessage-ID: <{text}@x>\r\n\r\n{text}\r\n".encode()
        )
        body = spool.finish()
        return NewMessage(body, facts=compute(body.buffer()), **options)  # type: ignore[arg-type]

    async def fill(self, mailbox_id: int, count: int, **options: object) -> list[Appended]:
        """Append messages "m0", "m1", …"""
        return await self.store.append(mailbox_id, [self.message(f"m{n}", **options) for n in range(count)])

    async def close(self) -> None:
        await self.store.close()
        await self.durability.close()
        self.side.close()
        self.bodies.close()
