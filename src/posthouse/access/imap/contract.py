"""What a command handler may assume of its session.

Each command is one module of ``access/imap/commands`` with ``async def run(session, command) -> None``. A
handler writes its untagged data, then ends with exactly one of ``ok``, ``no`` and ``bad``; ``ok`` and ``no``
first tell the client what happened to the selected mailbox meanwhile (``View.sync``), in the form its ENABLEs
ask for.

Errors a handler may simply raise, and what the session answers: :class:`BadSequence` and
:class:`BadCommand` → BAD; :class:`No` → NO; ``StoreRefusal`` → NO with its code; ``DatabaseUnavailable`` →
NO [UNAVAILABLE]; ``ConnectionError`` → the connection is gone, nothing is answered. Anything else is our
fault: logged with its traceback, NO [SERVERBUG].

Before a handler of a selected-state command runs, the session has refreshed the view; a handler that changed
the selected mailbox calls ``await session.refresh()`` before ``ok``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from posthouse.directory.contract import Account, Directory
from posthouse.settings.contract import CurrentSettings
from posthouse.store.contract import Message, Store, View
from posthouse.wire.imap.syntax import Command, Messages, ReaderState

if TYPE_CHECKING:
    from posthouse.access.imap.mailboxes import Place
    from posthouse.access.imap.quota import QuotaDesk
    from posthouse.access.imap.sharing import Sharing


class BadSequence(Exception):
    """A sequence number beyond the mailbox (RFC 9051 9, seq-number); args[0] is public text. Answered BAD."""


class BadCommand(Exception):
    """The command is well formed but makes no sense here; args[0] is public text. Answered with BAD."""


class No(Exception):
    """The command is declined with NO. ``code`` is a response code without brackets, e.g.
    ``b"TRYCREATE"``."""

    def __init__(self, text: str, code: bytes = b"") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class ImapSession(Protocol):
    """One signed-in (or not yet signed-in) client, as commands see it."""

    store: Store
    directory: Directory
    settings: CurrentSettings
    state: ReaderState
    """The reader's state; ``utf8`` and ``rev2`` say what was enabled."""
    account: Account | None
    client: str
    """What the client said of itself with ID, "" before."""
    view: View | None
    """The selected mailbox; None outside the selected state."""
    writable: bool
    """SELECT, not EXAMINE."""
    saved: list[int]
    """SEARCHRES: the UIDs of ``$``, ascending (RFC 5182). SEARCH with SAVE replaces it, SELECT empties it."""
    condstore: bool
    """The client has shown that it wants MODSEQ (RFC 7162 3.1). Set by ``enable_condstore``."""
    qresync: bool
    """ENABLE QRESYNC: VANISHED instead of EXPUNGE."""
    quotas: QuotaDesk | None
    """Quotas of others, for administrators."""
    sharing: Sharing | None
    """Folders of others, where there are any."""
    place: Place | None
    """The selected mailbox with its name and the rights on it, as they are now."""
    largest: Callable[[int], Awaitable[int]] | None
    """How large a message an account takes at most, in bytes, 0 for any. Raises DatabaseUnavailable."""
    first_recent: int
    """Messages with a UID from here on are \\Recent to this session (IMAP4rev1)."""

    @property
    def rights(self) -> str:
        """What this account may do in the selected mailbox (RFC 4314)."""

    @property
    def user(self) -> Account:
        """The account; only in states after sign-in."""

    @property
    def selected(self) -> View:
        """The view; only in the selected state."""

    def tell_client(self) -> None:
        """Note which program this is for the account's owner, once both are known."""

    def write(self, data: bytes) -> None:
        """Send bytes: whole lines, or a line in pieces that nothing else comes between."""

    async def drain(self) -> None:
        """Wait until the client has read enough; call it at least every 64 KiB of a long answer. Raises
        ConnectionError when it is gone."""

    def ok(self, command: Command, text: str, code: bytes = b"") -> None:
        """Notices of the selected mailbox, then ``tag OK [code] text``."""

    def no(self, command: Command, text: str, code: bytes = b"") -> None:
        """Notices of the selected mailbox, then ``tag NO [code] text``."""

    def bad(self, command: Command, text: str) -> None:
        """``tag BAD text``; counts as an error of the client."""

    def resolve(self, messages: Messages, uid: bool) -> list[tuple[int, int]]:
        """The (sequence number, UID) pairs a set names, ascending, each once.

        ``*`` is the highest; ``$`` the saved result. Unknown UIDs name nothing; a sequence number beyond the
        mailbox raises BadSequence. Messages that were expunged but not announced are still among them
        (``View.get`` then gives None)."""

    def enable_condstore(self) -> None:
        """A CONDSTORE enabling command was given (RFC 7162 3.1): from now on FETCH notices carry MODSEQ. The
        first time, in the selected state, an untagged OK [HIGHESTMODSEQ] is sent."""

    def is_recent(self, uid: int) -> bool:
        """Whether \\Recent is among this message's flags here (never once IMAP4rev2 is enabled)."""

    def flags(self, message: Message) -> bytes:
        """The parenthesised flag list of a message for this session, e.g. ``(\\Seen $Forwarded)``."""

    def tell_flags(self, messages: Iterable[Message]) -> None:
        """Send untagged FETCH FLAGS (with UID and MODSEQ as enabled) for these and mute them in the view."""

    async def refresh(self) -> None:
        """Load changes of the selected mailbox (nothing is told yet)."""


Handler = Callable[[Any, Command], Awaitable[None]]
"""A command's ``run``. The session is an :class:`ImapSession`, or the whole ``Session`` for commands that change its
state."""

NOT_AUTHENTICATED = "not authenticated"
AUTHENTICATED = "authenticated"
SELECTED = "selected"
LOGOUT = "logout"
"""The states of RFC 9051 section 3."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the command table: ``states`` in which it is allowed; ``expunges``: EXPUNGE may be told at its
    end (RFC 9051 7.5.1; the UID forms always may)."""

    name: str
    run: Handler
    states: frozenset[str]
    expunges: bool = True
