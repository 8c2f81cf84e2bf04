"""The messages of APPEND on their way in: each literal goes into a spool as it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.bodies.contract import Body, Spool
from posthouse.mail.refusal import Refusal
from posthouse.settings.imap import APPEND_LIMIT, APPEND_TOTAL
from posthouse.wire.imap.syntax import SyntaxProblem

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session

MAX_MESSAGES = 500
"""Most messages of one APPEND: they are stored in one unit."""


class Upload:
    """One message literal. It is the reader's sink; what APPEND gets as ``AppendMessage.data`` is this object too."""

    __slots__ = ("_owner", "_spool", "body", "has_nul")

    def __init__(self, spool: Spool, owner: Uploads) -> None:
        self._spool = spool
        self._owner = owner
        self.body: Body | None = None
        self.has_nul = False
        """Whether a NUL was among the octets (only BINARY's literal8 may carry one)."""

    def write(self, data: bytes | memoryview) -> None:
        """The next octets. Raises OSError when the disk refuses."""
        # The reader's buffer goes on changing, so a copy is due anyway; and in a memoryview an octet is looked for one
        # by one.
        octets = data if isinstance(data, bytes) else bytes(data)
        if not self.has_nul and 0 in octets:
            self.has_nul = True
        self._spool.write(octets)

    def result(self) -> Upload:
        """The literal is complete."""
        self.body = self._spool.finish()
        return self

    def abandon(self) -> None:
        """Let go of what was written; also the end of a message that was stored. May be called twice."""
        self._owner.forget(self)
        if self.body is not None:
            self.body.discard()
        self._spool.discard()


class Uploads:
    """Opens the sinks of one session, within its limits."""

    __slots__ = ("_open", "_session", "_total")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._open: list[Upload] = []
        self._total = 0

    def open(self, size: int, binary: bool) -> Upload | SyntaxProblem:
        """A sink for a message of ``size`` octets, or why not."""
        settings = self._session.settings.now
        limit = settings[APPEND_LIMIT]
        if size > limit:
            return SyntaxProblem(b"", f"The message is larger than {limit} octets", "TOOBIG", no=True)
        if not size:
            return SyntaxProblem(b"", "The message is empty", no=True)
        if len(self._open) >= MAX_MESSAGES:
            return SyntaxProblem(b"", f"More than {MAX_MESSAGES} messages in one APPEND", "LIMIT", no=True)
        if self._open and self._total + size > max(limit, settings[APPEND_TOTAL]):
            return SyntaxProblem(b"", "The messages of this APPEND are too large together", "LIMIT", no=True)
        try:
            spool = self._session.service.spool()
        except (Refusal, OSError):
            return SyntaxProblem(b"", "The message cannot be stored now", "UNAVAILABLE", no=True)
        upload = Upload(spool, self)
        self._open.append(upload)
        self._total += size
        return upload

    def forget(self, upload: Upload) -> None:
        """The upload ended."""
        if upload in self._open:
            self._open.remove(upload)
        if not self._open:
            self._total = 0

    def abandon(self) -> None:
        """The connection is gone: let go of everything."""
        for upload in list(self._open):
            upload.abandon()
