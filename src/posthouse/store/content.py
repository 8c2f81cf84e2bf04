"""What a message contains: its own prefix, then the shared body; and the facts about the body."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from posthouse.bodies.contract import Bodies
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.mail.mime import Buffer
from posthouse.store.contract import Facts, Message, StoreRefusal
from posthouse.store.facts import compute, decode, encode
from posthouse.store.records import SELECT_FACTS, SELECT_PREFIX, facts

PREFIXES = 2_000
"""Prefixes kept in memory."""
FACTS_CHUNK = 100
"""Facts read in one go in the event loop's thread."""
SCAN_BYTES = 256 * 1024
"""Bodies above this size are looked through on a thread."""


class Content:
    """Reads content and facts, through small caches."""

    def __init__(self, database: Database, bodies: Bodies, keep: int) -> None:
        self._database = database
        self._bodies = bodies
        self._keep = keep
        self._facts: OrderedDict[str, Facts] = OrderedDict()
        self._prefixes: OrderedDict[int, bytes] = OrderedDict()

    async def prefix(self, message: Message) -> bytes:
        """The copy's own lines. Raises StoreRefusal EXPUNGEISSUED when the message is gone."""
        if not message.prefix_size:
            return b""
        key = message.id
        known = self._prefixes.get(key)
        if known is None:
            rows = await self._database.read(_prefix, key)
            if not rows:
                raise StoreRefusal("EXPUNGEISSUED", "The message was expunged")
            known = self._prefixes[key] = bytes(rows[0][0])
            if len(self._prefixes) > PREFIXES:
                self._prefixes.popitem(last=False)
        return known

    async def content(self, message: Message) -> bytes:
        """Prefix and body."""
        body = self._bodies.read(message.body)
        prefix = await self.prefix(message)
        if not prefix and isinstance(body, bytes):
            return body
        return prefix + body[:]

    async def slice(self, message: Message, start: int, length: int) -> bytes:
        """A piece of prefix and body."""
        prefix = await self.prefix(message)
        own = prefix[start : start + length]
        if len(own) == length:
            return own
        begin = max(0, start - len(prefix))
        rest = self._bodies.read_range(message.body, begin, length - len(own))
        return own + rest if own else rest

    async def buffer(self, message: Message) -> Buffer:
        """The body alone."""
        return self._bodies.read(message.body)

    async def facts(self, messages: Sequence[Message]) -> list[Facts]:
        """Facts in the order of the messages."""
        names = [message.body for message in messages]
        found: dict[str, Facts] = {}
        missing: list[str] = []
        for name in names:
            known = self._facts.get(name)
            if known is not None:
                found[name] = known
            else:
                missing.append(name)
        missing = list(dict.fromkeys(missing))
        for start in range(0, len(missing), FACTS_CHUNK):
            found.update(await self._load(missing[start : start + FACTS_CHUNK]))
        return [found[name] for name in names]

    async def _load(self, names: list[str]) -> dict[str, Facts]:
        rows = await self._database.read(_facts, [bytes.fromhex(name) for name in names])
        found = {bytes(digest).hex(): decode(bytes(data)) for digest, data in rows}
        for name in names:
            if name not in found:
                found[name] = await self._compute(name)
        for name, each in found.items():
            self._facts[name] = each
        while len(self._facts) > self._keep:
            self._facts.popitem(last=False)
        return found

    async def _compute(self, name: str) -> Facts:
        """Facts that no append left (a repaired store): looked for now, and kept."""
        buffer = self._bodies.read(name)
        made = await compute_facts(buffer)
        try:
            await self._database.run(_keep_facts, bytes.fromhex(name), encode(made))
        except DatabaseUnavailable:
            pass  # they are only derived: next time
        return made


async def compute_facts(buffer: Buffer) -> Facts:
    """Facts of a body; off the event loop when it is large."""
    if len(buffer) > SCAN_BYTES:
        return await asyncio.to_thread(compute, buffer)
    return compute(buffer)


def _prefix(tx: Transaction, number: int) -> list[tuple[bytes]]:
    return tx.execute(SELECT_PREFIX, {"of_id": number})


def _facts(tx: Transaction, digests: list[bytes]) -> list[tuple[bytes, bytes]]:
    return tx.execute(SELECT_FACTS, {"digests": digests})


def _keep_facts(tx: Transaction, digest: bytes, data: bytes) -> None:
    tx.insert_ignore(facts, {"body": digest, "data": data})
