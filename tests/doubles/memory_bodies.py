"""Bodies and durability in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from posthouse.bodies.contract import Body, BodyMissing
from posthouse.database.contract import Database, Transaction
from posthouse.mail.mime import Buffer


class MemoryBody:
    """A complete body."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.digest = hashlib.sha256(data).hexdigest()
        self.size = len(data)

    def buffer(self) -> Buffer:
        return self.data

    def discard(self) -> None:
        pass


class MemorySpool:
    """A body being received."""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def size(self) -> int:
        return len(self._data)

    def write(self, data: bytes | memoryview) -> None:
        self._data += data

    def finish(self) -> MemoryBody:
        return MemoryBody(bytes(self._data))

    def discard(self) -> None:
        self._data.clear()


class MemoryBodies:
    """Kept bodies; ``free`` is the free space it reports."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.claimed: list[str] = []
        self.free = 1 << 40

    def spool(self) -> MemorySpool:
        return MemorySpool()

    def claim(self, tx: Transaction, digest: str, size: int) -> None:
        if digest not in self.kept:
            raise BodyMissing(digest)
        self.claimed.append(digest)

    def read(self, digest: str) -> Buffer:
        try:
            return self.kept[digest]
        except KeyError:
            raise BodyMissing(digest) from None

    def lend(self, digest: str, content: bytes) -> None:
        self.kept.setdefault(digest, content)

    def lend_no_more(self, digest: str) -> None:
        """Kept all the same."""

    def read_range(self, digest: str, start: int, length: int) -> bytes:
        return bytes(self.read(digest)[start : start + length])

    def free_space(self) -> int:
        return self.free


class MemoryDurability:
    """Keeps the bodies in memory, then runs the unit. ``error`` is raised instead, when set."""

    def __init__(self, database: Database, bodies: MemoryBodies) -> None:
        self._database = database
        self._bodies = bodies
        self.error: BaseException | None = None
        self.commits = 0

    async def commit(
        self, bodies: Sequence[Body], op: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        if self.error is not None:
            raise self.error
        for body in bodies:
            self._bodies.kept[body.digest] = bytes(body.buffer())
        self.commits += 1
        return await self._database.run(op, *args, **kwargs)
