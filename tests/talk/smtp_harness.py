"""An SMTP server for conversations: anna@example.org (password secret), bert@example.org, postmaster.

``given:`` lines: ``setting NAME VALUE``; ``refuse ADDRESS CODE ENHANCED TEXT`` (at acceptance, LMTP only); ``full`` (no
free disk space); ``etrn NODE COUNT`` (so many wait for it). ``do:`` lines: ``shutdown``; ``check stored COUNT``;
``check last REGEX`` (in the last message kept); ``check clean`` (no spool, body or reservation is left). ``connect:``
options: ``kind=submission`` or ``kind=lmtp``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import re
import ssl

import trustme
from receive_parts import Reception

from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.net.door import Door
from posthouse.receive.parts import Kind
from posthouse.receive.session import Session
from posthouse.settings import smtp  # noqa: F401 - declares the settings that talks name
from posthouse.settings.contract import declared


class _Contexts:
    def __init__(self, authority: trustme.CA) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("mail.example.org").configure_cert(self._context)

    def server(self) -> ssl.SSLContext:
        return self._context


class _Etrn:
    """Mail that waits, by node."""

    def __init__(self, waiting: dict[str, int]) -> None:
        self._waiting = waiting

    async def request(self, node: str, origin: Origin) -> int:
        if node not in self._waiting:
            raise Refusal(459, "4.7.1", f"Node {node} not allowed")
        count, self._waiting[node] = self._waiting[node], 0
        return count


class SmtpHarness:
    """One server in memory."""

    def __init__(self, given: list[str], needs_tls: bool) -> None:
        values = {}
        words = [line.split(" ") for line in given]
        for line in words:
            if line[0] == "setting":
                setting = declared()[line[1]]
                values[setting] = setting.type(line[2])
        self.server = Reception(values)
        for line in words:
            if line[0] == "refuse":
                refusal = Refusal(int(line[2]), line[3], " ".join(line[4:]))
                self.server.acceptance.refusals[line[1]] = refusal
            elif line[0] == "full":
                self.server.acceptance.full = True
            elif line[0] == "etrn":
                self.server.parts = dataclasses.replace(
                    self.server.parts, etrn=_Etrn({line[1]: int(line[2])})
                )
            elif line[0] != "setting":
                raise ValueError(f"unknown given: {line}")
        self.sessions: list[Session] = []
        self._authority = trustme.CA() if needs_tls else None
        self._contexts = _Contexts(self._authority) if self._authority else None

    def session(self, options: dict[str, str]) -> asyncio.Protocol:
        """A new session of the kind the options name."""
        session = self.server.session(Kind(options.get("kind", "smtp")))
        session.door = Door(
            "smtp",
            tls=self._contexts,
            implicit=options.get("tls") == "implicit",
            starttls=True,
            trusted_proxies=[ipaddress.ip_network("127.0.0.0/8")] if "proxied" in options else (),
        )
        self.sessions.append(session)
        return session

    async def do(self, text: str) -> None:
        """Carry out a ``do:`` line."""
        word, _, rest = text.partition(" ")
        what, _, value = rest.partition(" ")
        server = self.server
        if word == "shutdown":
            for session in self.sessions:
                session.shut_down()
        elif word != "check":
            raise ValueError(f"unknown do: {text}")
        elif what == "stored":
            assert len(server.acceptance.messages) == int(value)
        elif what == "last":
            last = server.acceptance.messages[-1][1]
            assert re.search(value.encode(), last), last
        elif what == "clean":
            # A client that hung up may not have been noticed yet.
            for _ in range(100):
                left = (
                    server.acceptance.open_spools,
                    server.acceptance.open_bodies,
                    server.reception.reserved,
                )
                if left == (0, 0, {}):
                    return
                await asyncio.sleep(0.01)
            raise AssertionError(f"left behind: {left}")
        else:
            raise ValueError(f"unknown check: {text}")

    def client_tls(self) -> ssl.SSLContext:
        """What clients trust."""
        assert self._authority is not None
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context
