"""A client of LDAP servers (RFC 4511): simple bind and paged search, over LDAPS or StartTLS.

The grammar is sansldap's; here are the connection, its deadlines and its bounds. What the server sends is framed and
measured before it is parsed. Referrals are not followed: they would carry passwords to hosts that nobody named.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sansldap import (
    BindResponse,
    ExtendedResponse,
    LDAPClient,
    LDAPFilter,
    LDAPMessage,
    PagedResultControl,
    SearchResultDone,
    SearchResultEntry,
    SearchScope,
)

MAX_MESSAGE = 4 << 20
"""Largest message of a server, in bytes: an entry with tens of thousands of values."""
MAX_TOTAL = 512 << 20
"""Most bytes of one search."""
PAGE = 500
"""Entries asked for at once (RFC 2696)."""

START_TLS = "1.3.6.1.4.1.1466.20037"

SUCCESS, SIZE_LIMIT, NO_SUCH_OBJECT, INVALID_DN, INVALID_CREDENTIALS = 0, 4, 32, 34, 49


class LdapUnavailable(Exception):
    """The server could not be asked, or spoke nonsense. The text is for people and holds no password."""


@dataclass(frozen=True, slots=True)
class LdapUrl:
    """Where a server is. ``tls``: from the first byte (``ldaps``)."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a bind: the code of RFC 4511 4.1.9, and the server's words."""

    code: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that was found; names of attributes in lower case, without options."""

    dn: str
    attributes: dict[str, list[bytes]] = field(repr=False)

    def texts(self, name: str) -> list[str]:
        """The values of an attribute that are text."""
        found = []
        for value in self.attributes.get(name.lower(), ()):
            try:
                found.append(value.decode())
            except UnicodeDecodeError:
                continue
        return found

    def text(self, name: str) -> str:
        """The first such value, "" without any."""
        return next(iter(self.texts(name)), "") if name else ""


def parse_url(text: str) -> LdapUrl:
    """``ldaps://host[:port]`` or ``ldap://host[:port]``. Raises ValueError."""
    parts = urlsplit(text.strip())
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname:
        raise ValueError("write it like ldaps://dc1.example.org or ldap://ldap.example.org:389")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise ValueError("a server is named by host and port only")
    tls = parts.scheme == "ldaps"
    return LdapUrl(parts.hostname, parts.port or (636 if tls else 389), tls)


def escape_filter(value: str) -> str:
    """A value for a filter (RFC 4515 3): nothing in it has a meaning of its own. All but letters, digits and a few
    harmless characters becomes ``\\xx``."""
    return "".join(
        chr(byte) if (chr(byte).isalnum() and byte < 128) or byte in b"@._-" else f"\\{byte:02x}"
        for byte in value.encode()
    )


def escape_dn(value: str) -> str:
    """A value for a distinguished name (RFC 4514 2.4)."""
    return "".join(
        chr(byte) if (chr(byte).isalnum() and byte < 128) or byte in b"@._-" else f"\\{byte:02x}"
        for byte in value.encode()
    )


def client_context(ca_file: str = "") -> ssl.SSLContext:
    """TLS that verifies certificate and host name, against ``ca_file`` (PEM) or the system's authorities. Raises
    OSError (of which ssl.SSLError is a kind)."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Wire(asyncio.Protocol):
    """Bytes from the server until somebody takes them; reading pauses while too many wait."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.ended = ""
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > MAX_MESSAGE and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = self.ended or "the server closed the connection"
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = self.ended or (str(exc) if exc else "the server closed the connection")
        self._wake()

    async def take(self, count: int) -> bytes:
        """Wait for so many bytes and take them. Raises LdapUnavailable when the connection ended before."""
        while len(self.buffer) < count:
            if self.ended:
                raise LdapUnavailable(self.ended)
            if self._transport is not None and not self._transport.is_reading():
                self._transport.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class LdapConnection:
    """One connection. Use it from one task, and ``close`` it. Everything may raise LdapUnavailable; what takes longer
    than ``seconds`` for one answer does."""

    def __init__(self, wire: _Wire, transport: asyncio.Transport, seconds: float) -> None:
        self._wire = wire
        self._transport = transport
        self._seconds = seconds
        self._session = LDAPClient()

    @classmethod
    async def open(
        cls, url: LdapUrl, context: ssl.SSLContext | None, *, seconds: float = 5.0
    ) -> LdapConnection:
        """Connect. With a context the connection is under TLS before anything else is said (StartTLS, RFC 4511 4.14,
        where the URL is ``ldap``); without one it is in clear text."""
        loop = asyncio.get_running_loop()
        direct = context if url.tls else None
        if url.tls and context is None:
            raise LdapUnavailable("ldaps needs TLS")
        try:
            async with asyncio.timeout(seconds):
                transport, wire = await loop.create_connection(
                    _Wire, url.host, url.port, ssl=direct, server_hostname=url.host if direct else None
                )
        except (OSError, TimeoutError, ssl.CertificateError) as problem:
            raise LdapUnavailable(f"{url.host}:{url.port}: {_words(problem)}") from None
        connection = cls(wire, transport, seconds)
        if context is not None and not url.tls:
            try:
                await connection._start_tls(context, url.host)
            except BaseException:
                transport.abort()
                raise
        return connection

    async def bind(self, dn: str, password: str) -> Result:
        """A simple bind. An empty password is no proof of anything (RFC 4513 5.1.2) and is never sent: ValueError."""
        if not password or not dn:
            raise ValueError("a bind without name or password proves nothing")
        self._session.bind_simple(dn, password)
        answer = await self._answer()
        if not isinstance(answer, BindResponse):
            raise LdapUnavailable("the server answered a bind with something else")
        return Result(int(answer.result.result_code), answer.result.diagnostics_message[:300])

    async def search(
        self, base: str, filter_text: str, attributes: Sequence[str], *, subtree: bool = True, most: int
    ) -> list[Entry]:
        """All entries that fit. More than ``most`` are an error (LdapUnavailable): a part would pass for the whole. A
        base that is not there holds none. Raises ValueError for what is no filter."""
        wanted = LDAPFilter.from_string(filter_text)
        found: list[Entry] = []
        cookie, total = b"", 0
        while True:
            self._session.search_request(
                base,
                SearchScope.SUBTREE if subtree else SearchScope.BASE,
                filter=wanted,
                attributes=list(attributes),
                controls=[PagedResultControl(critical=False, size=min(PAGE, most + 1), cookie=cookie)],
            )
            while not isinstance(answer := await self._answer(), SearchResultDone):
                total += self._last
                if total > MAX_TOTAL:
                    raise LdapUnavailable("the server sends too much")
                if isinstance(answer, SearchResultEntry):
                    found.append(_entry(answer))
                if len(found) > most:
                    raise LdapUnavailable(f"more than {most} entries fit")
            code = int(answer.result.result_code)
            if code == NO_SUCH_OBJECT:
                return []
            if code != SUCCESS:
                words = answer.result.diagnostics_message[:200] or answer.result.result_code.name
                raise LdapUnavailable(f"the search was declined ({code}: {words})")
            cookie = next(
                (each.cookie for each in answer.controls if isinstance(each, PagedResultControl)), b""
            )
            if not cookie:
                return found

    def close(self) -> None:
        """Say goodbye and close."""
        try:
            self._session.unbind()
            self._transport.write(self._session.data_to_send())
        except Exception:  # it is going anyhow
            pass
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    async def _start_tls(self, context: ssl.SSLContext, host: str) -> None:
        self._session.extended_request(START_TLS)
        answer = await self._answer()
        if not isinstance(answer, ExtendedResponse) or int(answer.result.result_code) != SUCCESS:
            raise LdapUnavailable(f"{host} offers no StartTLS")
        if self._wire.buffer:
            raise LdapUnavailable(f"{host} spoke before TLS began")
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(
                self._transport,
                self._wire,
                context,
                server_hostname=host,
                ssl_handshake_timeout=self._seconds,
            )
        except (OSError, TimeoutError, ssl.CertificateError) as problem:
            raise LdapUnavailable(f"{host}: {_words(problem)}") from None
        if transport is None:
            raise LdapUnavailable(f"{host}: the connection ended")
        self._transport = transport
        self._wire.connection_made(transport)

    async def _answer(self) -> LDAPMessage:
        """Send what waits, and the next message of the server."""
        self._transport.write(self._session.data_to_send())
        try:
            async with asyncio.timeout(self._seconds):
                frame = await self._frame()
        except TimeoutError:
            raise LdapUnavailable("the server did not answer in time") from None
        self._last = len(frame)
        try:
            messages = self._session.receive(frame)
        except Exception as problem:  # the library meets bytes that nobody meant, and says so in many ways
            raise LdapUnavailable(f"the server broke the protocol ({type(problem).__name__})") from None
        if len(messages) != 1:
            raise LdapUnavailable("the server broke the protocol")
        return messages[0]

    async def _frame(self) -> bytes:
        """One LDAPMessage as it came: a SEQUENCE of definite length (RFC 4511 5.1)."""
        head = await self._wire.take(2)
        if head[0] != 0x30:
            raise LdapUnavailable("the server does not speak LDAP")
        size = head[1]
        if size & 0x80:
            octets = size & 0x7F
            if not 1 <= octets <= 4:
                raise LdapUnavailable("the server broke the protocol")
            more = await self._wire.take(octets)
            head += more
            size = int.from_bytes(more, "big")
        if size > MAX_MESSAGE:
            raise LdapUnavailable(f"the server sent a message of {size} bytes")
        return head + await self._wire.take(size)

    _last = 0
    """Size of the message that came last."""


def _entry(found: SearchResultEntry) -> Entry:
    attributes: dict[str, list[bytes]] = {}
    for each in found.attributes:
        attributes.setdefault(each.name.partition(";")[0].lower(), []).extend(each.values)
    return Entry(found.object_name, attributes)


def _words(problem: BaseException) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"the certificate is not good: {problem.verify_message}"
    return str(problem)[:200] or type(problem).__name__
