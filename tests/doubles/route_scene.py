"""Routes to test against: a directory of people, some routes, and the parts that decide by them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from hashing import CountingHasher
from mailboxes import MemoryAppender
from people import people

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.directory import routes
from posthouse.directory.contract import Account
from posthouse.directory.passwords import Passwords
from posthouse.directory.routes import Route
from posthouse.directory.routes_live import RouteBook
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.route.contract import Way
from posthouse.route.reception import ReceptionDesk
from posthouse.route.resolve import Returns, Router
from posthouse.route.ways import RouteWays
from posthouse.settings.contract import CurrentSettings, Setting, Settings

STRANGER = Origin("t-stranger", "ESMTP", "there.test", "192.0.2.1", 4711)
NOW = 1_700_000_000.0


def sender_of(text: str) -> Address | None:
    """An address, or None for ``<>``."""
    return None if text in ("", "<>") else parse_address(text)


@dataclass
class RouteScene:
    """See the module. ``now`` is the clock of the ways."""

    database: Database
    feed: LocalFeed
    settings: CurrentSettings
    directory: DirectoryService
    book: RouteBook
    people: dict[str, Account]
    returns: Returns | None = None
    now: float = NOW
    appender: MemoryAppender = field(default_factory=MemoryAppender)

    def __post_init__(self) -> None:
        self.ways = RouteWays(self.book, self.directory, self.settings, lambda: self.now)
        self.router = Router(self.directory, self.returns)
        self.router.split = self.ways
        self.desk = ReceptionDesk(self.router, self.database, self.appender, self.ways, self.settings)

    @property
    def member(self) -> Origin:
        """Alice, signed in."""
        alice = self.people["alice"]
        return Origin("t-m", "ESMTPSA", "home.test", "192.0.2.2", 1, account_id=alice.id, login=alice.address)

    async def route(self, *, addresses: tuple[str, ...] = (), **fields: Any) -> int:
        """Add a route; its id."""
        ident = await self.database.run(routes.add, Route(**fields), self.feed)
        if addresses:
            await self.database.run(routes.add_addresses, ident, addresses, self.feed)
        return ident

    async def way(self, recipient: str, sender: str = "alice@ours.test", account: str = "") -> Way | Refusal:
        """The way for one recipient."""
        account_id = self.people[account].id if account else None
        return await self.ways.way(parse_address(recipient), sender_of(sender), account_id)

    async def leads(self, recipient: str, sender: str = "alice@ours.test", account: str = "") -> str:
        """Its destination, or the enhanced code of its refusal."""
        found = await self.way(recipient, sender, account)
        return found.enhanced if isinstance(found, Refusal) else found.destination

    async def rcpt(self, recipient: str, origin: Origin = STRANGER, sender: str = "x@far.test") -> str:
        """Ask for one recipient; "" or code and enhanced code of the refusal."""
        try:
            await self.desk.recipient(parse_address(recipient), origin, 0, sender_of(sender))
        except Refusal as refusal:
            return f"{refusal.code} {refusal.enhanced}"
        finally:
            self.desk.release(origin)
        return ""

    def set(self, setting: Setting[Any], value: Any) -> None:
        """Change a setting."""
        self.settings.now = self.settings.now.over({setting.name: value})


@asynccontextmanager
async def route_scene(database: Database, returns: Returns | None = None) -> AsyncIterator[RouteScene]:
    """People at ours.test, and no route yet."""
    made = await people(database)
    feed, settings = LocalFeed(), CurrentSettings(Settings())
    directory = DirectoryService(database, feed, settings, Passwords(1, CountingHasher()))
    book = RouteBook(database, feed)
    yield RouteScene(database, feed, settings, directory, book, made, returns)
    book.close()
    directory.close()
