"""Message bodies: raw RFC 5322 bytes, kept once under the SHA-256 of their content.

``Durability`` is the seam between "plain" (bodies synced on threads, then the commit) and "journal" (bodies that come
together share one flush, then the commit).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from posthouse.database.contract import Transaction
from posthouse.mail.mime import Buffer

P = ParamSpec("P")
T = TypeVar("T")


class Spool(Protocol):
    """A body being received. Up to 256 KiB stay in memory, more goes to a temporary file.

    Exactly one of ``finish`` and ``discard`` ends it; ``discard`` may be called twice and after ``finish``
    (it then drops the finished body's temporary file if no commit took it).
    """

    @property
    def size(self) -> int:
        """Bytes written so far."""

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes (short: memory or page cache). Raises OSError when the disk refuses."""

    def finish(self) -> Body:
        """End writing and return the body with its digest."""

    def discard(self) -> None:
        """Drop everything; no file stays behind."""


class Body(Protocol):
    """A complete body, not necessarily durable yet. Immutable."""

    @property
    def digest(self) -> str:
        """SHA-256 of the content in lower-case hex; the body's name."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def buffer(self) -> Buffer:
        """The whole content: bytes when small, else a read-only memory map (cached; closed by
        ``discard``)."""

    def discard(self) -> None:
        """Drop the temporary file if no commit took it. Harmless otherwise, and twice."""


class Bodies(Protocol):
    """The kept bodies."""

    def spool(self) -> Spool:
        """Begin a new body."""

    def claim(self, tx: Transaction, digest: str, size: int) -> None:
        """Within the unit that will refer to a body: make its row live (insert, or un-condemn) and check
        under the write lock that its file is there. Every op that refers to a body calls this first. Raises
        BodyMissing when the file went meanwhile; :meth:`Durability.commit` catches that, keeps the body again
        and re-runs the op."""

    def read(self, digest: str) -> Buffer:
        """The content of a kept body: bytes up to 256 KiB, else a memory map. Blocking but short (page
        cache); small recently used bodies come from memory. Raises BodyMissing."""

    def lend(self, digest: str, content: bytes) -> None:
        """Let this process read a body that is not kept, until :meth:`lend_no_more`."""

    def lend_no_more(self, digest: str) -> None:
        """End that; harmless where there was none."""

    def read_range(self, digest: str, start: int, length: int) -> bytes:
        """A slice of a kept body; shorter at its end. Raises BodyMissing."""

    def free_space(self) -> int:
        """Bytes free on the file system that holds the bodies (cached for a second)."""


class Durability(Protocol):
    """Makes bodies and the unit that refers to them durable together."""

    async def commit(
        self,
        bodies: Sequence[Body],
        op: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Keep ``bodies`` (file synced, directory entry synced), run ``op`` as one unit, return its result
        once all is durable. If this raises, no row refers to the bodies; a file that stayed behind is removed
        by the removal job. With no bodies it is ``database.run``. The caller still owns the Body objects and
        discards them afterwards."""


class BodyMissing(Exception):
    """The body's file is not there (args[0] is the digest)."""
