"""An IMAP server for conversations: anna@example.org (password secret) and bert@example.org (hidden).

``given:`` lines: ``setting NAME VALUE``; ``quota BYTES`` and ``largest BYTES`` (for everyone); ``message MAILBOX
SUBJECT`` (in anna's mailbox, which is made if need be); ``share RIGHTS IDENTIFIER NAME`` (a public folder) and
``share own-seen NAME``. ``do:`` lines: ``share`` as before; ``deliver MAILBOX SUBJECT`` (to anna), ``shutdown``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from pathlib import Path

import trustme
from memory_directory import MemoryDirectory
from sqlalchemy import insert

from posthouse.access.imap.acl import identifier_key
from posthouse.access.imap.service import ImapService
from posthouse.access.imap.sharing import Sharing
from posthouse.bodies.files import FileBodies
from posthouse.bodies.plain import PlainDurability
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Transaction
from posthouse.database.open import open_database
from posthouse.directory.records import INSERT_DOMAIN, accounts
from posthouse.net.door import Door
from posthouse.settings.contract import CurrentSettings, Settings, declared
from posthouse.store import acl
from posthouse.store.contract import NewMessage
from posthouse.store.seen import set_own_seen
from posthouse.store.service import MailStore

PASSWORDS = {"anna@example.org": "secret", "bert@example.org": "hidden"}


class _Contexts:
    def __init__(self, authority: trustme.CA) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("mail.example.org").configure_cert(self._context)

    def server(self) -> ssl.SSLContext:
        return self._context


class ImapHarness:
    """One server over a real store in ``folder``; the store is empty but for what was given."""

    def __init__(self, given: list[str], needs_tls: bool, folder: Path, database_url: str) -> None:
        self.values: dict[str, object] = {"imap.notice_delay": 0.02}
        self.directory = MemoryDirectory(dict(PASSWORDS))
        self.limit = 0
        self.largest = 0
        self.doors: list[Door] = []
        self._numbers = 0
        self._authority = trustme.CA() if needs_tls else None
        self._contexts = _Contexts(self._authority) if self._authority else None
        self._given = given
        self._folder = folder
        self._database_url = database_url
        self._anna = self.directory.accounts["anna@example.org"].id

    async def start(self) -> None:
        """Open the store and carry out the ``given:`` lines."""
        settings = CurrentSettings()
        self.database = await open_database(self._database_url, threads=2, upgrade=False)
        self.feed = LocalFeed()
        self.bodies = FileBodies(self._folder)
        self.durability = PlainDurability(self.database, self.bodies)
        self.store = MailStore(
            self.database, self.bodies, self.durability, self.feed, settings, quota_limit=self._quota_limit
        )
        await self.database.run(self._accounts)
        for account in self.directory.accounts.values():
            await self.store.provision(account.id)
        for line in self._given:
            await self._prepare(line)
        settings.now = Settings(self.values)
        self.sharing = Sharing(self.database, self.feed, settings)
        self.service = ImapService(
            store=self.store,
            directory=self.directory,
            spool=self.bodies.spool,
            settings=settings,
            hostname="mail.example.org",
            sharing=self.sharing,
            largest=self._largest,
        )

    async def close(self) -> None:
        """Close everything; no half-received message may be left."""
        await self.sharing.close()
        await self.store.close()
        await self.durability.close()
        left = list(self.bodies.temporary.iterdir())
        self.bodies.close()
        await self.database.close()
        assert not left

    def _accounts(self, tx: Transaction) -> None:
        """The rows rights refer to, with the ids the directory has in memory."""
        domain = tx.insert(INSERT_DOMAIN, {"name": "example.org", "created_at": 0.0})
        texts = ("password_hash", "scram_salt", "scram_stored_key", "scram_server_key")
        row = {"domain_id": domain, "quota": 0, "active": 1, "created_at": 0.0, "scram_iterations": 0}
        for address, account in self.directory.accounts.items():
            values = {"id": account.id, "address": address, **row, **dict.fromkeys(texts, "")}
            tx.execute(insert(accounts).values(values))

    async def _share(self, text: str) -> None:
        """``RIGHTS IDENTIFIER NAME``: on a public folder, made where it is missing; ``own-seen NAME``."""
        word, identifier, *rest = text.split(" ", 2)
        name = rest[0] if rest else identifier
        box = await self.store.find(acl.PUBLIC, name) or await self.store.create(acl.PUBLIC, name)

        def op(tx: Transaction) -> None:
            if word == "own-seen":
                set_own_seen(tx, box.id, True, self.feed)
                return
            key = identifier_key(tx, identifier)
            assert key is not None
            acl.set_entry(tx, box.id, key, "" if word == "none" else word, self.feed)

        await self.database.run(op)

    async def _quota_limit(self, account_id: int) -> int:
        return self.limit

    async def _largest(self, account_id: int) -> int:
        return self.largest

    async def _prepare(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "setting":
            name, _, value = rest.partition(" ")
            self.values[name] = declared()[name].type(value)
        elif word == "quota":
            self.limit = int(rest)
        elif word == "largest":
            self.largest = int(rest)
        elif word == "share":
            await self._share(rest)
        elif word == "message":
            await self._deliver(rest)
        else:
            raise ValueError(f"unknown given: {line}")

    async def _deliver(self, text: str) -> None:
        name, _, subject = text.partition(" ")
        mailbox = await self.store.find(self._anna, name) or await self.store.create(self._anna, name)
        spool = self.bodies.spool()
        spool.write(self._message(subject))
        body = spool.finish()
        await self.store.append(mailbox.id, [NewMessage(body)])
        body.discard()

    def _message(self, subject: str) -> bytes:
        self._numbers += 1
        lines = (
            "From: Bert <bert@example.org>",
            "To: anna@example.org",
            f"Subject: {subject}",
            "Date: Mon, 7 Feb 1994 21:52:25 -0800",
            f"Message-ID: <{self._numbers}@example.org>",
            "",
            f"This is about {subject}.",
            "",
        )
        return "\r\n".join(lines).encode()

    def session(self, options: dict[str, str]) -> asyncio.Protocol:
        """A new session; ``starttls=no`` withholds it."""
        door = Door(
            "imap",
            tls=self._contexts,
            implicit=options.get("tls") == "implicit",
            starttls=options.get("starttls", "yes") == "yes",
            trusted_proxies=[ipaddress.ip_network("127.0.0.0/8")] if "proxied" in options else (),
        )
        self.doors.append(door)
        return self.service.session(door)

    async def do(self, text: str) -> None:
        """Carry out a ``do:`` line."""
        word, _, rest = text.partition(" ")
        if word == "deliver":
            await self._deliver(rest)
        elif word == "share":
            await self._share(rest)
        elif word == "shutdown":
            for door in self.doors:
                for session in list(door.sessions):
                    session.shut_down()
        else:
            raise ValueError(f"unknown do: {text}")

    def client_tls(self) -> ssl.SSLContext:
        """What clients trust."""
        assert self._authority is not None
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context
