"""A POP3 session (RFC 1939)."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable

from posthouse.access.pop3 import retrieval
from posthouse.access.pop3.authentication import PROTOCOL, Exchange, Malformed
from posthouse.access.pop3.maildrop import Maildrop
from posthouse.bodies.contract import BodyMissing
from posthouse.database.contract import DatabaseUnavailable
from posthouse.directory.contract import Directory, SignIn
from posthouse.net.connection import Connection
from posthouse.observe.log import logger
from posthouse.settings import pop3 as settings_pop3
from posthouse.settings.contract import CurrentSettings
from posthouse.store.contract import Message, Store, StoreRefusal
from posthouse.wire.pop3.commands import Bad, Command, State, parse
from posthouse.wire.pop3.lines import MAX_COMMAND, LineReader, TooLong
from posthouse.wire.pop3.replies import err, multi_line, ok
from posthouse.wire.sasl.offer import Offer

log = logger("access.pop3")

_TEMPORARY = "SYS/TEMP"
_TROUBLE = err("Temporary trouble on our side, please try again later", _TEMPORARY)
_NO_MESSAGE = err("No such message")


class Pop3Session(Connection):
    """One client, from greeting to QUIT."""

    __slots__ = (
        "_address",
        "_answering",
        "_directory",
        "_drop",
        "_errors",
        "_exchange",
        "_failures",
        "_lines",
        "_login",
        "_settings",
        "_state",
        "_store",
    )

    def __init__(self, store: Store, directory: Directory, settings: CurrentSettings) -> None:
        super().__init__()
        self._store = store
        self._directory = directory
        self._settings = settings
        self._lines = LineReader()
        self._state = State.AUTHORIZATION
        self._login: str | None = None
        self._address = ""
        self._exchange: Exchange | None = None
        self._drop: Maildrop | None = None
        self._failures = 0
        self._errors = 0
        self._answering = False

    # ------------------------------------------------------------------ the connection

    def opened(self) -> None:
        self.set_deadline(self._settings.now[settings_pop3.LOGIN_TIMEOUT])
        self.write(ok("Posthouse ready"))

    def received(self, data: bytes) -> None:
        self._lines.feed(data)
        if self._drop is not None:
            self._rest()
        if not self.busy:
            self.resume()

    def resume(self) -> None:
        while not self.busy and not self.closing:
            try:
                line = self._lines.next(self._exchange.longest if self._exchange is not None else MAX_COMMAND)
            except TooLong:
                self.write(err("Line too long"))
                self.close()
                return
            if line is None:
                return
            if self._exchange is not None:
                if self.talk is not None:
                    self.talk.hidden(line)
                self._respond(line)
            else:
                if self.talk is not None:
                    self.talk.heard(line)
                self._command(line)

    def deadline(self) -> None:
        if self.busy and not self.choked and self._drop is not None:
            self._rest()  # we are the slow ones
        elif self.busy:
            self.abort()
        else:
            # RFC 1939 3: nothing is removed, and nothing is said.
            self.close()

    def going_down(self) -> None:
        self.write(err(self.farewell or "The server is going down", _TEMPORARY))
        self.close()

    def failed(self, error: Exception) -> None:
        if isinstance(error, (DatabaseUnavailable, StoreRefusal, BodyMissing)):
            log.warning("pop3.trouble", peer=self.peer.address, reason=str(error))
        else:
            log.error("pop3.failed", peer=self.peer.address, exc_info=error)
        self._exchange = None
        if self._answering:
            self.abort()  # in the middle of a message nothing else can be said
        else:
            self.write(_TROUBLE)

    def tls_started(self) -> None:
        self.set_deadline(self._settings.now[settings_pop3.LOGIN_TIMEOUT])

    def finished(self) -> None:
        self._drop = None
        self._exchange = None

    @property
    def account_address(self) -> str:
        """The account signed in as."""
        return self._address

    def _rest(self) -> None:
        self.set_deadline(self._settings.now[settings_pop3.IDLE_TIMEOUT])

    # ------------------------------------------------------------------ commands

    def _command(self, line: bytes) -> None:
        command = parse(line, self._state)
        if isinstance(command, Bad):
            self._bad(command.text)
            return
        self.word = command.verb
        if self._drop is None:
            self._before_sign_in(command)
        else:
            self._on_the_drop(command, self._drop)

    def _bad(self, text: str) -> None:
        self._errors += 1
        self.write(err(text))
        if self._errors >= self._settings.now[settings_pop3.MAX_ERRORS]:
            self.write(err("Too many errors"))
            self.close()

    def _before_sign_in(self, command: Command) -> None:
        match command.verb:
            case "CAPA":
                self.write(multi_line("Capabilities follow", self._capabilities()))
            case "QUIT":
                self._goodbye()
            case "USER" if self._may_sign_in():
                self._login = command.text[0]
                self.write(ok())
            case "PASS" if self._may_sign_in():
                self._pass(command.text[0])
            case "AUTH":
                self._auth(command.text)
            case "STLS":
                self._stls()
            case "UTF8":
                # Messages leave as they were stored in either mode; the command changes nothing (RFC 6856
                # 2.1).
                self.write(ok())

    def _on_the_drop(self, command: Command, drop: Maildrop) -> None:
        match command.verb:
            case "STAT":
                count, size = drop.totals()
                self.write(ok(f"{count} {size}"))
            case "LIST" | "UIDL":
                self._listing(command, drop)
            case "RETR" | "TOP" | "DELE":
                self._message(command, drop)
            case "RSET":
                drop.reset()
                self.write(ok())
            case "NOOP":
                self.write(ok())
            case "CAPA":
                self.write(multi_line("Capabilities follow", self._capabilities()))
            case "QUIT":
                self.perform(self._update(drop))

    def _listing(self, command: Command, drop: Maildrop) -> None:
        if not command.numbers:
            lines = drop.sizes() if command.verb == "LIST" else drop.unique_ids()
            self.write(multi_line("Listing follows", lines))
            return
        number = command.numbers[0]
        message = drop.get(number)
        if message is None:
            self.write(_NO_MESSAGE)
        elif command.verb == "LIST":
            self.write(ok(f"{number} {message.size}"))
        else:
            self.write(ok(f"{number} {drop.unique_id(message)}"))

    def _message(self, command: Command, drop: Maildrop) -> None:
        message = drop.get(command.numbers[0])
        if message is None:
            self.write(_NO_MESSAGE)
        elif command.verb == "DELE":
            drop.delete(command.numbers[0])
            self.write(ok("Deleted at QUIT"))
        elif command.verb == "TOP":
            lines = command.numbers[1]
            answer = retrieval.top(self._store, message, lines, self._write_answer, self._drain_answer)
            self.perform(self._send(message, answer))
        else:
            answer = retrieval.retrieve(self._store, message, self._write_answer, self._drain_answer)
            self.perform(self._send(message, answer))

    async def _send(self, message: Message, answer: Awaitable[None]) -> None:
        try:
            await answer
        except (BodyMissing, StoreRefusal) as problem:
            if self._answering:
                raise
            self._gone(message, problem)
        self._answering = False

    def _gone(self, message: Message, problem: Exception) -> None:
        log.info("pop3.message_gone", peer=self.peer.address, uid=message.uid, reason=str(problem))
        self.write(err("This message is no longer there"))

    def _write_answer(self, data: bytes) -> None:
        self._answering = True
        self.write(data)
        if self.talk is not None:
            self.talk.follows()

    async def _drain_answer(self) -> None:
        await self.drain()
        self._rest()

    async def _update(self, drop: Maildrop) -> None:
        try:
            count = await drop.update(self._store)
        except (DatabaseUnavailable, StoreRefusal) as problem:
            log.warning("pop3.not_deleted", peer=self.peer.address, reason=str(problem))
            self.write(err("Some deleted messages were not removed", _TEMPORARY))
            self.close()
            return
        log.info("pop3.quit", peer=self.peer.address, deleted=count)
        self._goodbye()

    def _goodbye(self) -> None:
        self.write(ok("Bye"))
        self.close()

    def _capabilities(self) -> list[str]:
        lines = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "UTF8 USER"]
        if self._drop is None and self.secure:
            lines += ["USER", "SASL " + " ".join(self._offer.names)]
        if self._drop is None and self.can_start_tls:
            lines.append("STLS")
        return [*lines, "IMPLEMENTATION Posthouse"]

    # ------------------------------------------------------------------ TLS and signing in

    @property
    def _offer(self) -> Offer:
        tls = self.tls
        return Offer(
            tls.unique if tls is not None else None,
            self._directory.scram_announced(),
            tls.certificate if tls is not None else None,
            self._directory.tokens_taken(),
            self._directory.tickets(PROTOCOL),
            self._directory.cram_md5_host(),
        )

    def _stls(self) -> None:
        if not self.can_start_tls:
            self.write(err("TLS is on already" if self.tls is not None else "There is no TLS here"))
            return
        self.write(ok("Begin TLS"))
        self._lines.clear()
        self._login = None
        self.perform(self.start_tls())

    def _may_sign_in(self) -> bool:
        if not self.secure:
            self.write(err("Sign in over TLS only; use STLS first"))
            return False
        return True

    def _pass(self, password: str) -> None:
        login, self._login = self._login, None
        if login is None:
            self._bad("USER comes first")
            return
        self.perform(self._sign_in(login, password))

    async def _sign_in(self, login: str, password: str) -> None:
        await self._conclude(
            await self._directory.sign_in(login, password, peer=self.peer.address, protocol=PROTOCOL)
        )

    def _auth(self, arguments: tuple[str, ...]) -> None:
        if not self._may_sign_in():
            return
        if not arguments:
            # RFC 5034 3 leaves AUTH alone unspecified; clients before CAPA used it to ask for the mechanisms.
            self.write(multi_line("Mechanisms follow", self._offer.names))
            return
        mechanism = self._offer.begin(arguments[0])
        if mechanism is None:
            self.write(err("This mechanism is not offered"))
            return
        initial: bytes | None = None
        if len(arguments) == 2:
            # RFC 5034 4: "=" is an empty initial response.
            initial = b"" if arguments[1] == "=" else _decoded(arguments[1].encode())
            if initial is None:
                self._bad("The initial response is not base64")
                return
        self._exchange = Exchange(
            mechanism, self._directory, self.peer.address, self._offer.certificate or b""
        )
        self.perform(self._exchange_step(self._exchange, initial, first=True))

    def _respond(self, line: bytes) -> None:
        exchange = self._exchange
        assert exchange is not None
        data = None if line == b"*" else _decoded(line)
        if exchange.refused:
            data = b""
        if data is None:
            self._exchange = None
            self._bad("The exchange was cancelled" if line == b"*" else "The response is not base64")
            return
        self.perform(self._exchange_step(exchange, data, first=False))

    async def _exchange_step(self, exchange: Exchange, data: bytes | None, *, first: bool) -> None:
        try:
            step = await exchange.start(data) if first else await exchange.respond(data or b"")
        except Malformed:
            self._exchange = None
            self._bad("That is no response of this mechanism")
            return
        if isinstance(step, SignIn):
            self._exchange = None
            await self._conclude(step)
        else:
            self.write(b"+ " + base64.b64encode(step) + b"\r\n")

    async def _conclude(self, sign_in: SignIn) -> None:
        """Answer a sign-in, after the delay the directory asks for."""
        if sign_in.delay > 0:
            await asyncio.sleep(sign_in.delay)
        if sign_in.temporary:
            self.write(_TROUBLE)
        elif sign_in.account is None:
            self._failures += 1
            self.write(err(sign_in.text or "Authentication failed", "AUTH"))
            if self._failures >= self._settings.now[settings_pop3.MAX_FAILURES]:
                self.close()
        else:
            self._drop = await Maildrop.open(self._store, sign_in.account)
            self._address = sign_in.account.address
            self._state = State.TRANSACTION
            self._rest()
            count, size = self._drop.totals()
            log.info(
                "pop3.signed_in",
                account=sign_in.account.address,
                peer=self.peer.address,
                tls=self.tls is not None,
            )
            self.write(ok(f"{count} messages ({size} octets)"))


def _decoded(text: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None
