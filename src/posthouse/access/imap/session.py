"""One IMAP client: its state, its input one command at a time, its output in few writes.

The state machine of RFC 9051 section 3 is ``state_name`` and the table in ``table``. Commands that were sent
ahead are carried out in order. A session that idles has no task and no timer but its deadline: news arrive by
a call from the view.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from posthouse.access.imap import idling, notices
from posthouse.access.imap.capability import capabilities
from posthouse.access.imap.contract import AUTHENTICATED, LOGOUT, NOT_AUTHENTICATED, SELECTED
from posthouse.access.imap.deflate import Compression
from posthouse.access.imap.dispatch import carry_out
from posthouse.access.imap.flags import WRITING, flag_bytes, permanent_flags
from posthouse.access.imap.mailboxes import Place
from posthouse.access.imap.sequence import by_number, by_uid
from posthouse.access.imap.upload import Uploads
from posthouse.directory.contract import Account
from posthouse.net.connection import Connection
from posthouse.net.door import Door
from posthouse.observe.log import logger
from posthouse.settings.imap import IDLE_TIMEOUT, LOGIN_TIMEOUT, MAX_ERRORS
from posthouse.store.acl import ALL
from posthouse.store.contract import Message, StoreRefusal, View
from posthouse.wire.imap.reader import Reader
from posthouse.wire.imap.response import tagged
from posthouse.wire.imap.syntax import (
    SAVED,
    Command,
    ContinuationWanted,
    Event,
    Messages,
    ReaderState,
    SaslResponse,
    SyntaxProblem,
)
from posthouse.wire.sasl.offer import Offer

if TYPE_CHECKING:
    from posthouse.access.imap.service import ImapService

log = logger("access.imap")

_OUT_LIMIT = 65536
"""Output is handed to the connection at the latest when this much has gathered."""

_INFLATE_BUDGET = 64
"""Steps of inflating before other sessions get their turn."""


class Session(Connection):
    """One client's connection. Its face towards commands is :class:`posthouse.access.imap.contract.ImapSession`."""

    __slots__ = (
        "_compression",
        "_errors",
        "_inflated",
        "_out",
        "_out_size",
        "_reader",
        "_uploads",
        "_waiter",
        "account",
        "client",
        "condstore",
        "directory",
        "expunges",
        "failures",
        "first_recent",
        "idling",
        "largest",
        "limits_differ",
        "logged_out",
        "news",
        "place",
        "qresync",
        "quota_setter",
        "quotas",
        "saved",
        "service",
        "settings",
        "sharing",
        "state",
        "store",
        "told_keywords",
        "utf8_accept",
        "view",
        "writable",
    )

    def __init__(self, service: ImapService, door: Door) -> None:
        super().__init__()
        self.door = door
        self.service = service
        self.store = service.store
        self.sharing = service.sharing
        self.quotas = service.quotas
        self.largest = service.largest
        self.limits_differ = False
        """Whether this account takes less at once than others do (APPENDLIMIT is then told by mailbox)."""
        self.quota_setter = False
        self.directory = service.directory
        self.settings = service.settings
        self.state = ReaderState()
        self.account: Account | None = None
        self.client = ""
        """Name and version from ID."""
        self.view: View | None = None
        self.place: Place | None = None
        self.writable = False
        self.saved: list[int] = []
        self.condstore = False
        self.qresync = False
        self.utf8_accept = False
        self.first_recent = 1
        self.told_keywords: Sequence[str] = ()
        self.failures = 0
        self.logged_out = False
        self.expunges = True
        """Whether the command being carried out lets EXPUNGE be told at its end."""
        self.idling: Command | None = None
        """The IDLE in progress."""
        self.news: asyncio.TimerHandle | None = None
        """Rings when gathered news are to be told to an idling client."""
        self._uploads = Uploads(self)
        self._reader = Reader(self.state, self._uploads)
        self._compression: Compression | None = None
        self._inflated = 0
        self._waiter: asyncio.Future[None] | None = None
        self._errors = 0
        self._out: list[bytes] = []
        self._out_size = 0

    # ------------------------------------------------------------------ states

    @property
    def state_name(self) -> str:
        """The state of RFC 9051 section 3."""
        if self.logged_out:
            return LOGOUT
        if self.account is None:
            return NOT_AUTHENTICATED
        return AUTHENTICATED if self.view is None else SELECTED

    @property
    def user(self) -> Account:
        """The account; only after sign-in."""
        assert self.account is not None
        return self.account

    @property
    def selected(self) -> View:
        """The view; only in the selected state."""
        assert self.view is not None
        return self.view

    @property
    def rights(self) -> str:
        """What this account may do in the selected mailbox."""
        return self.place.rights if self.place is not None else ALL

    @property
    def compressed(self) -> bool:
        """Whether COMPRESS is in force."""
        return self._compression is not None

    @property
    def channel_binding(self) -> bytes | None:
        """The tls-unique value of this connection, where there is one."""
        return self.tls.unique if self.tls is not None else None

    @property
    def mechanisms(self) -> Offer:
        """Which SASL mechanisms this connection has."""
        certificate = self.tls.certificate if self.tls is not None else None
        return Offer(
            self.channel_binding,
            self.directory.scram_announced(),
            certificate,
            self.directory.tokens_taken(),
            self.directory.tickets("imap"),
            self.directory.cram_md5_host(),
        )

    def tell_client(self) -> None:
        """Note which program this is for the account's owner, once both are known."""
        if self.account is not None and self.client:
            peer = str(self.peer.address)
            self.directory.client_named(self.account, self.client, peer=peer, protocol="imap")

    def signed_in(self, account: Account) -> None:
        """Enter the authenticated state (the account was counted by ``service.enter``)."""
        self.account = account
        self.tell_client()
        self.state.authenticated = True
        log.info("imap.signed_in", account=account.address, peer=self.peer.address, tls=self.tls is not None)

    @property
    def account_address(self) -> str:
        """The account signed in as."""
        return self.account.address if self.account is not None else ""

    @property
    def client_name(self) -> str:
        """What came with ID."""
        return self.client

    def talk_changed(self) -> None:
        """The reader tells the lines of commands, which it alone tells from literals."""
        self._reader.heard = self.talk.line if self.talk is not None else None

    def open_view(self, view: View, writable: bool, first_recent: int, place: Place | None = None) -> None:
        """Enter the selected state."""
        self.view = view
        self.place = place
        if place is not None and place.foreign and self.sharing is not None:
            self.sharing.enter(self)
        self.writable = writable
        self.first_recent = first_recent
        self.told_keywords = view.keywords
        self.saved = []

    def close_view(self) -> None:
        """Leave the selected state, if in it."""
        if self.view is not None:
            self.view.on_change(None)
            self.view.close()
        if self.place is not None and self.sharing is not None:
            self.sharing.leave(self)
        self.view = self.place = None
        self.writable = False
        self.saved = []

    # ------------------------------------------------------------------ the connection calls

    def opened(self) -> None:
        """Greet."""
        self.set_deadline(self.settings.now[LOGIN_TIMEOUT])
        self.write(b"* OK [CAPABILITY %s] %s ready\r\n" % (capabilities(self), self._host()))
        self.push()

    def received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.account is not None:
            self._rest()
        if self._compression is not None:
            self._compression.feed(data)
        else:
            self._reader.feed(data)
        if not self.busy:
            self._go()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def resume(self) -> None:
        """A command ended, or the client reads again."""
        if self.idling is not None and self.view is not None and self.view.pending():
            idling.arrange_news(self)
        self._go()

    def deadline(self) -> None:
        """Too slow to sign in, or silent for too long. While a command runs, the client may well be silent."""
        if self.account is None:
            self.bye("You did not sign in in time")
        elif self.choked:
            self.abort()  # it has not read all that time; in the middle of an answer nothing can be said
        elif self.busy:
            self._rest()
        else:
            self.bye("You have been silent for too long")

    def _rest(self) -> None:
        """Something moved: the client's patience with us, and ours with it, begin anew."""
        self.set_deadline(self.settings.now[IDLE_TIMEOUT])

    def going_down(self) -> None:
        """The server stops."""
        if self.farewell:
            self.bye(self.farewell)
        else:
            self.bye("The server is shutting down", b"UNAVAILABLE")

    def peer_finished(self) -> None:
        """Nothing more comes: answer what was asked, unless the answer waits for another line."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionResetError("the client said its last"))
        super().peer_finished()

    def closed(self) -> None:
        """The connection is gone."""
        if self.news is not None:
            self.news.cancel()
            self.news = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionResetError("the client is gone"))
        self._reader.clear()
        self.idling = None

    def finished(self) -> None:
        """The connection is gone and nothing runs any more: give back what is shared."""
        self._uploads.abandon()
        self.close_view()
        if self.account is not None:
            self.service.leave(self.account.id)
            self.account = None

    def failed(self, error: Exception) -> None:
        """Something of ours broke outside of a command."""
        log.error("imap.failed", peer=self.peer.address, exc_info=error)
        self.bye("Internal error", b"SERVERBUG")

    def close(self) -> None:
        """Send what is gathered, then close."""
        self.push()
        super().close()

    # ------------------------------------------------------------------ input

    def _go(self) -> None:
        """Carry on with what was received, up to the next command that runs."""
        while not self.busy and not self.closing:
            event = self._next_event()
            if event is None:
                break
            if isinstance(event, Command):
                self.word = event.name
                self.perform(carry_out(self, event))
                return
            self._take(event)
        self.push()

    def _take(self, event: Event) -> None:
        """What is not a command."""
        if isinstance(event, ContinuationWanted):
            self.write(b"+ Ready for %d octets\r\n" % event.size)
        elif isinstance(event, SaslResponse):
            self.perform(idling.end(self, event.line))
        elif isinstance(event, SyntaxProblem):
            self._problem(event)

    def _problem(self, problem: SyntaxProblem) -> None:
        word = b"NO" if problem.no else b"BAD"
        self.write(tagged(problem.tag, word, problem.text, problem.code.encode("ascii")))
        if problem.close:
            self.bye("What you send cannot be followed any more")
        elif not problem.no:
            self._count_error()

    def _next_event(self) -> Event | None:
        event = self._reader.next_event()
        compression = self._compression
        if event is not None or compression is None:
            return event
        while self._inflated < _INFLATE_BUDGET:
            try:
                plain = compression.read()
            except zlib.error:
                self.bye("What you send is not a deflate stream")
                return None
            if not plain:
                self._inflated = 0
                return None
            self._inflated += 1
            self._reader.feed(plain)
            event = self._reader.next_event()
            if event is not None:
                return event
        self._loop.call_soon(self._inflate_on)
        return None

    def _inflate_on(self) -> None:
        """Go on after the other sessions had their turn."""
        self._inflated = 0
        if not self.closing and (not self.busy or self._waiter is not None):
            self.received(b"")

    async def line(self) -> bytes:
        """The next line from the client, raw (AUTHENTICATE). Raises ConnectionError when it is gone."""
        self.state.raw_lines = True
        self.push()
        try:
            while True:
                event = self._next_event()
                if isinstance(event, SaslResponse):
                    return event.line
                if isinstance(event, SyntaxProblem):
                    self._problem(event)
                if self.closing:
                    raise ConnectionAbortedError("closed while waiting for a line")
                self.push()
                self._waiter = self._loop.create_future()
                self.interruptible = True
                self.consumed()
                await self._waiter
        finally:
            self.interruptible = False
            self._waiter = None
            self.state.raw_lines = False

    async def begin_tls(self) -> None:
        """STARTTLS after its OK was written: forget what was sent ahead, then shake hands."""
        self._reader.clear()
        self.push()
        await self.start_tls()

    def begin_compression(self) -> None:
        """COMPRESS after its OK was written. What the client sent ahead in plain is dropped (RFC 4978 3 forbids it)."""
        self.push()
        self._reader.clear()
        self._compression = Compression()

    # ------------------------------------------------------------------ output

    def write(self, data: bytes) -> None:
        """Gather output; it leaves at the end of the command, at ``drain`` or when there is much of it."""
        self._out.append(data)
        self._out_size += len(data)
        if self._out_size > _OUT_LIMIT:
            self.push()

    def push(self) -> None:
        """Hand what is gathered to the connection."""
        if not self._out:
            return
        out, self._out = self._out, []
        self._out_size = 0
        data = out[0] if len(out) == 1 else b"".join(out)
        if self._compression is None:
            super().write(data)
            return
        talk, self.talk = self.talk, None
        if talk is not None:
            talk.sent(data)
        super().write(self._compression.pack(data))
        self.talk = talk

    async def drain(self) -> None:
        """Wait until the client has read enough. Raises ConnectionError when it is gone."""
        self.push()
        await super().drain()
        if self.account is not None:
            self._rest()

    def ok(self, command: Command, text: str, code: bytes = b"") -> None:
        """Notices, then ``tag OK [code] text``."""
        if self.view is not None:
            notices.notices(self, self.view, self.expunges)
        self.write(tagged(command.tag, b"OK", text, code))

    def no(self, command: Command, text: str, code: bytes = b"") -> None:
        """Notices, then ``tag NO [code] text``."""
        if self.view is not None:
            notices.notices(self, self.view, self.expunges)
        self.write(tagged(command.tag, b"NO", text, code))

    def bad(self, command: Command, text: str) -> None:
        """``tag BAD text``; too many of them end the connection."""
        self.write(tagged(command.tag, b"BAD", text))
        self._count_error()

    def _count_error(self) -> None:
        self._errors += 1
        if self._errors >= self.settings.now[MAX_ERRORS]:
            log.info("imap.too_many_errors", peer=self.peer.address)
            self.bye("Too many commands in error")

    def later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call in the event loop after this time."""
        return self._loop.call_later(seconds, call)

    def bye(self, text: str, code: bytes = b"") -> None:
        """``* BYE``, then close."""
        if not self.closing:
            self.write(tagged(b"*", b"BYE", text, code))
            self.close()

    def _host(self) -> bytes:
        return self.service.hostname.encode("ascii", "replace") or b"Posthouse"

    # ------------------------------------------------------------------ what commands ask

    def resolve(self, messages: Messages, uid: bool) -> list[tuple[int, int]]:
        """The (sequence number, UID) pairs of a set; see the contract."""
        view = self.selected
        if messages == SAVED:
            pairs = ((view.sequence(number), number) for number in self.saved)
            return [(number, name) for number, name in pairs if number is not None]
        return by_uid(messages, view.uids) if uid else by_number(messages, view.uids)

    def enable_condstore(self) -> None:
        """A CONDSTORE enabling command was given (RFC 7162 3.1)."""
        if self.condstore:
            return
        self.condstore = True
        if self.view is not None:
            self.write(b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % self.view.modseq)

    def is_recent(self, uid: int) -> bool:
        """Whether \\Recent is among this message's flags here."""
        return uid >= self.first_recent and not self.state.rev2

    def flags(self, message: Message) -> bytes:
        """The parenthesised flag list of a message for this session."""
        return flag_bytes(
            message.flags, message.keywords, message.uid >= self.first_recent and not self.state.rev2
        )

    def tell_flags(self, messages: Iterable[Message]) -> None:
        """Send untagged FETCH FLAGS for these and mute them in the view."""
        notices.tell_flags(self, self.selected, messages)

    async def check_rights(self) -> None:
        """Ask anew what may be done in the selected mailbox of somebody else. One that may not be read any more ends
        the session, like one that is gone."""
        place, sharing = self.place, self.sharing
        if place is None or sharing is None or self.account is None:
            return
        rights = (await sharing.seen(self.account.id)).rights(place.mailbox.id)
        if self.place is not place or rights == place.rights:
            return
        if "r" not in rights:
            self.close_view()
            self.bye("You may not read the selected mailbox any more", b"NOPERM")
            self.push()
            raise ConnectionAbortedError("rights were taken")
        self.place = replace(place, rights=rights)
        self.writable = self.writable and bool(set(rights) & WRITING)
        self.write(
            b"* OK [PERMANENTFLAGS %s] Your rights are others now\r\n"
            % permanent_flags(self.told_keywords, self.writable, rights)
        )

    async def refresh(self) -> None:
        """Load changes of the selected mailbox. A mailbox that is gone ends the session (RFC 2180 3.3)."""
        if self.view is None:
            return
        if self.place is not None and self.place.foreign:
            await self.check_rights()
        try:
            await self.view.refresh()
        except StoreRefusal as refusal:
            if refusal.code != "NONEXISTENT":
                raise
            self.close_view()
            self.bye("The selected mailbox was deleted")
            raise ConnectionAbortedError("mailbox deleted") from None
