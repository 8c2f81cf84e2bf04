"""One connection of SMTP, submission or LMTP (RFC 5321, RFC 6409, RFC 2033)."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal, our_fault
from posthouse.net.connection import Connection
from posthouse.net.ranges import Option
from posthouse.observe.log import logger
from posthouse.receive import authentication, commands, content
from posthouse.receive.parts import Kind, Parts
from posthouse.receive.transaction import Transaction
from posthouse.settings import smtp
from posthouse.wire.smtp import Content, Event, Fault, Reader, State, out_of_place, refusal_reply, reply
from posthouse.wire.smtp.command import Chunk, parse_line

log = logger("receive.session")

_BROWSERS = frozenset(("GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT"))
_TLS_HELLO = b"\x16\x03"


class Session(Connection):
    """The conversation: events of the reader in, replies out, one command at a time.

    Replies to commands that came in one piece leave in one piece (``Connection`` gathers writes). A
    command that need not wait is answered without a task.
    """

    __slots__ = (
        "_spoke",
        "_working",
        "account",
        "account_id",
        "auth_failures",
        "chunk",
        "ends_at",
        "errors",
        "exchange",
        "hello",
        "hello_verb",
        "kind",
        "login",
        "notes",
        "parts",
        "reader",
        "settings",
        "state",
        "swallowed",
        "trace",
        "transaction",
        "transactions",
    )  # fmt: skip

    def __init__(self, kind: Kind, parts: Parts) -> None:
        super().__init__()
        self.kind = kind
        self.parts = parts
        self.settings = parts.settings
        self.state = State.CONNECTED
        self.trace = parts.trace()
        self.notes: dict[str, str] = {}
        self.hello = ""
        self.hello_verb = ""
        self.account_id: int | None = None
        self.account = ""
        """The address of the account signed in as; ``login`` is what the client called it."""
        self.login = ""
        self.transaction: Transaction | None = None
        self.transactions = 0
        self.errors = 0
        self.auth_failures = 0
        self.exchange: authentication.Exchange | None = None
        self.chunk: Chunk | None = None
        self.swallowed: bytes | None = None
        """The reply to a BDAT that was refused; given once its chunk has passed."""
        self.ends_at = 0.0
        self.reader = Reader(parts.settings.now[smtp.MAX_COMMAND_LINE])
        self._spoke = False
        self._working = False

    # ------------------------------------------------------------------ what the connection tells us

    def opened(self) -> None:
        self.ends_at = self._loop.time() + self.settings.now[smtp.SESSION_TIMEOUT]
        self.note("connect", f"{self.peer.address}:{self.peer.port} to port {self.peer.local_port}")
        if self.tls is not None:
            self._note_tls()
        word = "LMTP" if self.kind is Kind.LMTP else "ESMTP"
        self.write(reply(220, "", f"{self.parts.hostname} {word} Posthouse"))
        self.await_peer()

    def tls_started(self) -> None:
        # What was learnt in clear is forgotten (RFC 3207 4.2).
        self.reader.clear()
        self.state = State.CONNECTED
        self.hello = self.hello_verb = self.login = self.account = ""
        self.account_id = None
        self._note_tls()

    def received(self, data: bytes) -> None:
        if not self._spoke:
            self._spoke = True
            if data.startswith(_TLS_HELLO) and self.tls is None:
                self.say_and_close(reply(554, "5.5.1", "TLS begins with STARTTLS on this port"))
                return
        self.reader.feed(data)
        if not self.busy:
            self._work()

    def resume(self) -> None:
        # A handler that did not have to wait returns into ``_work``, which goes on by itself.
        if not self._working:
            self._work(resumed=True)

    def deadline(self) -> None:
        over = self._loop.time() >= self.ends_at
        why = "The session has lasted too long" if over else "Nothing came for too long"
        log.info("session.timeout", session=self.trace, peer=self.peer.address, reason=why)
        self.say_and_close(reply(421, "4.4.2", f"{self.parts.hostname} {why}, closing"))

    def going_down(self) -> None:
        why = f"{self.farewell}, closing" if self.farewell else "is shutting down"
        self.say_and_close(reply(421, "4.3.2", f"{self.parts.hostname} {why}"))

    def failed(self, error: Exception) -> None:
        self.write(reply(421, "4.3.0", f"{self.parts.hostname} Temporary failure on our side, closing"))
        super().failed(error)

    def finished(self) -> None:
        self.end_transaction()

    # ------------------------------------------------------------------ what is known of the client

    @property
    def account_address(self) -> str:
        """The account signed in as."""
        return self.account

    @property
    def client_name(self) -> str:
        """What came with HELO, EHLO or LHLO."""
        return self.hello

    @property
    def trace_id(self) -> str:
        """The trace of this session."""
        return self.trace

    # ------------------------------------------------------------------ for the commands

    def note(self, stage: str, text: str) -> None:
        """Something for the trace of every message that follows on this connection; the newest of a stage counts."""
        self.notes[stage] = text

    def refuse(self, refusal: Refusal, *, counts: bool = True) -> None:
        """Answer no. Permanent refusals count as errors of the session unless told otherwise; past the limit, 421."""
        if counts and refusal.code >= 500:
            self.refuse_with(refusal_reply(refusal), close=refusal.close)
            return
        self.write(refusal_reply(refusal))
        if refusal.close:
            self.close()

    def refuse_with(self, answer: bytes, *, close: bool = False) -> None:
        """The same with a finished reply, always counted."""
        self.errors += 1
        if self.errors > self.settings.now[smtp.MAX_ERRORS]:
            log.info("session.errors", session=self.trace, peer=self.peer.address, protocol=self.kind.value)
            self.say_and_close(reply(421, "4.7.0", f"{self.parts.hostname} Too many errors, closing"))
            return
        self.write(answer)
        if close:
            self.close()

    def say_and_close(self, answer: bytes) -> None:
        """The last words."""
        self.write(answer)
        self.close()

    def run(self, handler: Coroutine[Any, Any, None]) -> None:
        """Carry out a handler that may wait; whatever it raises becomes the one reply it owed."""
        self.set_deadline(None)
        self.perform(self._answering(handler))

    def await_peer(self) -> None:
        """(Re)arm the deadline: the peer is to speak within the idle time and the session's own end."""
        left = self.ends_at - self._loop.time()
        self.set_deadline(max(0.0, min(self.settings.now[smtp.IDLE_TIMEOUT], left)))

    def origin(self, trace: str, protocol: str = "") -> Origin:
        """Who is talking, for a message with this trace id."""
        permits = self.permits
        return Origin(
            trace=trace,
            protocol=protocol or self.protocol_word(),
            helo=self.hello,
            address=self.peer.address,
            port=self.peer.port,
            local_port=self.peer.local_port,
            tls=f"{self.tls.version} {self.tls.cipher}" if self.tls is not None else "",
            account_id=self.account_id,
            login=self.login,
            spam_check=bool(permits.options & Option.SPAM),
            virus_check=bool(permits.options & Option.VIRUS),
        )

    def protocol_word(self, *, smtputf8: bool = False) -> str:
        """The word for the Received field (RFC 3848, RFC 6531 4.3)."""
        if self.hello_verb == "HELO" and self.tls is None:
            return "SMTP"
        word = "LMTP" if self.kind is Kind.LMTP else "SMTP" if smtputf8 else "ESMTP"
        secured = "S" if self.tls is not None else ""
        signed_in = "A" if self.account_id is not None else ""
        return f"{'UTF8' if smtputf8 else ''}{word}{secured}{signed_in}"

    def end_transaction(self) -> None:
        """Forget the transaction: its spool is discarded, its reservations are freed."""
        transaction, self.transaction = self.transaction, None
        self.chunk = None
        if self.state is not State.CONNECTED:
            self.state = State.READY
        if transaction is not None:
            transaction.discard()
            self.parts.reception.release(transaction.origin)

    # ------------------------------------------------------------------ inside

    def _note_tls(self) -> None:
        assert self.tls is not None
        self.note("tls", f"{self.tls.version} {self.tls.cipher}")

    def _work(self, *, resumed: bool = False) -> None:
        """Take events until one has to wait or nothing more is there. The deadline moves with every event, and
        after a handler, which had disarmed it."""
        heard = resumed
        self._working = True
        try:
            while not self.busy and not self.closing:
                event = self.reader.next_event()
                if event is None:
                    break
                heard = True
                self._handle(event)
        finally:
            self._working = False
        if heard and not self.busy:
            self.await_peer()

    def _handle(self, event: Event) -> None:
        if isinstance(event, Content):
            content.arrived(self, event)
        elif isinstance(event, Fault):
            self._fault(event)
        elif self.exchange is not None:
            if self.talk is not None:
                self.talk.hidden(event)
            authentication.response(self, event)
        else:
            if self.talk is not None:
                self.talk.heard(event)
            self._command(event)

    def _command(self, line: bytes) -> None:
        try:
            verb, argument = parse_line(line)
            self.word = verb
            if verb == "BDAT":
                # Its octets follow whether it may come or not.
                content.bdat(self, argument)
            elif verb == "DATA":
                self._data(argument)
            else:
                self._plain_command(verb, argument)
        except Refusal as refusal:
            self.refuse(refusal)

    def _plain_command(self, verb: str, argument: str) -> None:
        refused = out_of_place(verb, self.state, lmtp=self.kind is Kind.LMTP)
        if refused is None:
            commands.HANDLERS[verb](self, argument)
        elif verb in _BROWSERS:
            self.say_and_close(reply(554, "5.5.1", "This is a mail server"))
        else:
            self.refuse_with(refused)

    def _data(self, argument: str) -> None:
        try:
            self._plain_command("DATA", argument)
        except Refusal as refusal:
            self.refuse(refusal)
        if self.reader.buffered and not self.reader.in_content:
            # The client did not wait for 354: what follows is a message, and must not be taken for commands.
            self.close()

    def _fault(self, fault: Fault) -> None:
        if fault is Fault.BARE_LF:
            # Nothing behind it can be trusted: another server may have seen other lines than we do.
            self.refuse(Refusal(521, "5.5.2", "Lines end with CR LF, not with LF alone", close=True))
        elif self.exchange is not None:
            self.exchange = None
            self.reader.max_line = self.settings.now[smtp.MAX_COMMAND_LINE]
            self.refuse(Refusal(500, "5.5.6", "The response is too long"))
        else:
            self.refuse(Refusal(500, "5.5.2", f"Line longer than {self.reader.max_line} bytes"))

    async def _answering(self, handler: Coroutine[Any, Any, None]) -> None:
        try:
            await handler
        except Refusal as refusal:
            self.refuse(refusal)
        except Exception as error:
            log.error("session.command_failed", session=self.trace, peer=self.peer.address, exc_info=error)
            self.refuse(our_fault())
