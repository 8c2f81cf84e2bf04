"""A POP3 server for conversations: anna@example.org (password secret) and bert@example.org (hidden).

``given:`` lines: ``setting NAME VALUE``; ``message SUBJECT`` (a small message for anna); ``raw TEXT`` (a
message of exactly these bytes, with the escapes ``\\r \\n``); ``large LINES`` (a message of that many
numbered lines). ``do:`` lines: ``expunge UID`` (another session removes anna's message), ``deliver SUBJECT``,
``break store``, ``mend store``, ``shutdown``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from typing import Any

import trustme
from memory_directory import MemoryDirectory
from memory_store import MemoryStore

from posthouse.access.pop3 import Pop3Session
from posthouse.database.contract import DatabaseUnavailable
from posthouse.net.door import Door
from posthouse.settings import all as _all  # noqa: F401 - declares every setting
from posthouse.settings.contract import CurrentSettings, Settings, declared

PASSWORDS = {"anna@example.org": "secret", "bert@example.org": "hidden"}


class _Contexts:
    def __init__(self, authority: trustme.CA) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("mail.example.org").configure_cert(self._context)

    def server(self) -> ssl.SSLContext:
        return self._context


class BreakableStore(MemoryStore):
    """A store whose database goes away on demand."""

    broken = False

    async def expunge_any(self, mailbox_id: int, uids: Any) -> list[int]:
        if self.broken:
            raise DatabaseUnavailable("disk full")
        return await super().expunge_any(mailbox_id, uids)

    async def content(self, message: Any) -> bytes:
        if self.broken:
            raise DatabaseUnavailable("disk gone")
        return await super().content(message)


class Pop3Harness:
    """One server; its store is empty but for what was given."""

    def __init__(self, given: list[str], needs_tls: bool) -> None:
        self.values: dict[str, object] = {}
        self.store = BreakableStore()
        self.directory = MemoryDirectory(dict(PASSWORDS))
        self.doors: list[Door] = []
        self._authority = trustme.CA() if needs_tls else None
        self._contexts = _Contexts(self._authority) if self._authority else None
        self._given = given
        self._anna = self.directory.accounts["anna@example.org"].id

    async def start(self) -> None:
        """Carry out the ``given:`` lines."""
        for account in self.directory.accounts.values():
            await self.store.provision(account.id)
        for line in self._given:
            word, _, rest = line.partition(" ")
            if word == "setting":
                name, _, value = rest.partition(" ")
                self.values[name] = declared()[name].type(value)
            elif word == "message":
                self._deliver(self._message(rest))
            elif word == "raw":
                self._deliver(rest.replace("\\r", "\r").replace("\\n", "\n").encode())
            elif word == "large":
                numbers = range(int(rest))
                lines = b"".join(b"%07d .......................................\r\n" % n for n in numbers)
                self._deliver(b"Subject: large\r\n\r\n" + lines)
            else:
                raise ValueError(f"unknown given: {line}")
        self._settings = CurrentSettings(Settings(self.values))

    def _deliver(self, content: bytes) -> None:
        self.store.deliver(self._anna, "INBOX", content)

    def _message(self, subject: str) -> bytes:
        return f"From: bert@example.org\r\nSubject: {subject}\r\n\r\nAbout {subject}.\r\n".encode()

    def session(self, options: dict[str, str]) -> asyncio.Protocol:
        """A new session; ``starttls=no`` withholds it."""
        session = Pop3Session(self.store, self.directory, self._settings)
        session.door = Door(
            "pop3",
            tls=self._contexts,
            implicit=options.get("tls") == "implicit",
            starttls=options.get("starttls", "yes") == "yes",
            trusted_proxies=[ipaddress.ip_network("127.0.0.0/8")] if "proxied" in options else (),
        )
        self.doors.append(session.door)
        return session

    async def do(self, text: str) -> None:
        """Carry out a ``do:`` line."""
        word, _, rest = text.partition(" ")
        mailbox = await self.store.find(self._anna, "INBOX")
        assert mailbox is not None
        if word == "deliver":
            self._deliver(self._message(rest))
        elif word == "expunge":
            await self.store.expunge_any(mailbox.id, [int(rest)])
        elif word in ("break", "mend"):
            self.store.broken = word == "break"
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
