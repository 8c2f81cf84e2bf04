"""The beginning of a session: greeting, EHLO, STARTTLS and EHLO again, HELO only where EHLO is refused."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace

from posthouse.deliver.remote.connection import Gone, Line
from posthouse.deliver.remote.connection_tls import (
    ClientContexts,
    TlsTrouble,
    check,
    described,
    server_name,
    trouble_of,
)
from posthouse.deliver.remote.contract import Call, ConnectFailed, Level
from posthouse.deliver.results import Said
from posthouse.settings import remote as settings
from posthouse.settings.contract import CurrentSettings
from posthouse.wire.smtp.client_extensions import NOTHING, Extensions, read_extensions
from posthouse.wire.smtp.client_reply import Reply


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that has said hello. ``tls`` is the version, ``secured`` all that is to be said of it.
    ``verified``: the certificate is good although nobody asked for that."""

    line: Line
    extensions: Extensions
    tls: str = ""
    secured: str = ""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens connections. ``name`` is what we call ourselves; ``lines`` are all connections that are not closed yet."""

    settings: CurrentSettings
    contexts: ClientContexts
    name: Callable[[], str]
    lines: set[Line]

    async def open(self, call: Call, level: Level) -> Opened:
        """Connect, say hello, secure the way as ``level`` wants it. Raises ConnectFailed, or TlsTrouble where it is TLS
        that does not work."""
        line = await self._connect(call)
        try:
            return await self._hello(call, line, level)
        except (ConnectFailed, TlsTrouble):
            line.leave()
            raise
        except BaseException:
            line.abort()
            raise

    # ------------------------------------------------------------------ steps

    async def _connect(self, call: Call) -> Line:
        loop = asyncio.get_running_loop()
        way, address = call.way, call.address
        seconds = self.settings.now[settings.CONNECT_TIME]
        try:
            async with asyncio.timeout(seconds):
                if is_path(address):
                    _, line = await loop.create_unix_connection(Line, address)
                else:
                    source = (way.source, 0) if way.source else None
                    _, line = await loop.create_connection(Line, address, call.host.port, local_addr=source)
        except TimeoutError:
            raise failed(call, Said(0, "4.4.1", "no answer to connecting"), "CONNECT") from None
        except (
            OSError,
            ValueError,
            AttributeError,
        ) as error:  # no Unix sockets on this system: AttributeError
            number = getattr(error, "errno", None)
            # asyncio's own words leave out why; gaierror's numbers are negative and no errno.
            why = os.strerror(number) if number and number > 0 else str(error) or type(error).__name__
            raise failed(call, Said(0, "4.4.1", f"cannot connect: {why}"), "CONNECT") from None
        self.lines.add(line)
        line.closed.add_done_callback(lambda _: self.lines.discard(line))
        return line

    async def _hello(self, call: Call, line: Line, level: Level) -> Opened:
        opened = Opened(line, NOTHING)
        if call.policy.implicit:
            opened = await self._secure(call, opened, level)
        try:
            greeting = await line.reply(self.settings.now[settings.GREETING_TIME])
        except Gone as gone:
            raise failed(call, no_answer(gone), "GREETING") from None
        if greeting.code != 220:
            raise failed(call, said_of(greeting), "GREETING", slow=greeting.code < 500)
        opened = replace(opened, extensions=await self._introduce(call, line))
        if call.policy.implicit or level == "none":
            return opened
        if "STARTTLS" not in opened.extensions:
            if level == "may":
                return opened
            raise TlsTrouble("starttls-not-supported", "it does not offer STARTTLS")
        if not await self._starttls(call, line, level):
            return opened
        opened = await self._secure(call, opened, level)
        return replace(opened, extensions=await self._introduce(call, line))

    async def _introduce(self, call: Call, line: Line) -> Extensions:
        """EHLO (or LHLO); where that is refused for good, HELO."""
        lmtp = call.way.protocol == "lmtp"
        verb = "LHLO" if lmtp else "EHLO"
        reply = await self._said(call, line, verb)
        if reply.good:
            return read_extensions(reply.bare)
        if reply.code >= 500 and not lmtp:
            verb = "HELO"
            reply = await self._said(call, line, verb)
            if reply.good:
                return NOTHING
        slow = reply.code < 500
        raise failed(call, said_of(reply), verb, slow=slow)

    async def _said(self, call: Call, line: Line, verb: str) -> Reply:
        name = self.settings.now[settings.NAME] or self.name()
        try:
            line.ask(f"{verb} {name}\r\n".encode("ascii", "replace"))
            return await line.reply(self.settings.now[settings.HELLO_TIME])
        except Gone as gone:
            raise failed(call, no_answer(gone, line), verb) from None

    async def _starttls(self, call: Call, line: Line, level: Level) -> bool:
        """Ask for TLS; False where it is refused and need not be. Raises TlsTrouble."""
        try:
            line.ask(b"STARTTLS\r\n")
            reply = await line.reply(self.settings.now[settings.TLS_TIME])
        except Gone as gone:
            raise failed(call, no_answer(gone, line), "STARTTLS") from None
        if reply.code == 220:
            return True
        if level == "may" and reply.code != 421:
            return False
        if reply.code == 421:
            raise failed(call, said_of(reply), "STARTTLS", slow=True)
        raise TlsTrouble("starttls-not-supported", f"it refused STARTTLS: {reply.code} {reply.text}".strip())

    async def _secure(self, call: Call, opened: Opened, level: Level) -> Opened:
        """Shake hands and look at the certificate. Raises TlsTrouble."""
        try:
            context = self.contexts.context(level, call.way.certificate)
        except OSError as error:
            said = Said(0, "4.3.5", f"our own TLS files cannot be used: {error.strerror or error}")
            raise failed(call, said, "STARTTLS") from None
        try:
            layer = await opened.line.start_tls(
                context, server_name(_asked_for(call, level)), self.settings.now[settings.TLS_TIME]
            )
        except (OSError, ssl.CertificateError, Gone) as error:
            raise trouble_of(error) from None
        checked = check(call, level, layer)
        by_chance = level in ("may", "encrypt") and self.contexts.good_anyhow(layer, call.host.name)
        return replace(
            opened, tls=layer.version() or "TLS", secured=described(layer, checked), verified=by_chance
        )


# ------------------------------------------------------------------ in words


def _asked_for(call: Call, level: Level) -> str:
    """The name that is asked for by SNI: with DANE the one its records stand under (RFC 7672 8.1)."""
    return call.policy.names[0] if level == "dane" and call.policy.names else call.host.name


def is_path(address: str) -> bool:
    """Whether this is a Unix socket."""
    return address.startswith("/")


def is_near(address: str) -> bool:
    """Whether nobody else can listen on the way there."""
    if is_path(address):
        return True
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def failed(call: Call, said: Said, stage: str, *, slow: bool = False) -> ConnectFailed:
    """The exception for what was said at this stage."""
    return ConnectFailed(by(call, replace(said, stage=stage), ours=not said.code), slow=slow)


def by(call: Call, said: Said, *, ours: bool) -> Said:
    """Said by the host; or by us about it, then its name stands in the words."""
    if ours:
        return replace(said, text=f"{call.host.name}[{call.address}]: {said.text}")
    return replace(said, remote=call.host.name, address=call.address)


def said_of(reply: Reply) -> Said:
    """A remote's reply; the enhanced status code made from the code where it gave none. A reply of 2xx or 3xx where it
    makes no sense is nothing final."""
    if reply.code < 400:
        return Said(reply.code, "4.5.0", f"(an answer that makes no sense here) {reply.text}")
    return Said(reply.code, reply.status or f"{reply.code // 100}.0.0", reply.text)


def no_answer(gone: Gone, line: Line | None = None) -> Said:
    """In place of a reply that did not come; a farewell that came before is a better one."""
    if line is not None and line.farewell is not None:
        return said_of(line.farewell)
    return Said(0, "4.4.2", str(gone))
