"""An IMAP server for conversations: anna@example.org (password secret) and bert@example.org (hidden).

``given:`` lines: ``setting NAME VALUE``; ``quota BYTES`` (for everyone); ``message MAILBOX SUBJECT`` (in
anna's mailbox, which is made if need be). ``do:`` lines: ``deliver MAILBOX SUBJECT`` (to anna), ``shutdown``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl

import trustme
from counted_spools import CountedSpool
from memory_directory import MemoryDirectory
from memory_store import MemoryStore

from posthouse.access.imap.service import ImapService
from posthouse.net.door import Door
from posthouse.settings.contract import CurrentSettings, Settings, declared

PASSWORDS = {"anna@example.org": "secret", "bert@example.org": "hidden"}


class _Contexts:
    def __init__(self, authority: trustme.CA) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("mail.example.org").configure_cert(self._context)

    def server(self) -> ssl.SSLContext:
        return self._context


class ImapHarness:
    """One server; its store is empty but for what was given."""

    def __init__(self, given: list[str], needs_tls: bool) -> None:
        self.values: dict[str, object] = {"imap.notice_delay": 0.0}
        self.store = MemoryStore()
        self.directory = MemoryDirectory(dict(PASSWORDS))
        self.door: Door | None = None
        self.doors: list[Door] = []
        self._numbers = 0
        self._authority = trustme.CA() if needs_tls else None
        self._contexts = _Contexts(self._authority) if self._authority else None
        self._given = given

    async def start(self) -> None:
        """Carry out the ``given:`` lines."""
        anna = self.directory.accounts["anna@example.org"].id
        for account in self.directory.accounts.values():
            await self.store.provision(account.id)
        for line in self._given:
            word, _, rest = line.partition(" ")
            if word == "setting":
                name, _, value = rest.partition(" ")
                self.values[name] = declared()[name].type(value)
            elif word == "quota":
                self.store.limit = int(rest)
            elif word == "message":
                mailbox, _, subject = rest.partition(" ")
                if await self.store.find(anna, mailbox) is None:
                    await self.store.create(anna, mailbox)
                self.store.deliver(anna, mailbox, self._message(subject))
            else:
                raise ValueError(f"unknown given: {line}")
        self.service = ImapService(
            store=self.store,
            directory=self.directory,
            spool=CountedSpool,
            settings=CurrentSettings(Settings(self.values)),
            hostname="mail.example.org",
        )

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
            mailbox, _, subject = rest.partition(" ")
            anna = self.directory.accounts["anna@example.org"].id
            self.store.deliver(anna, mailbox, self._message(subject))
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
