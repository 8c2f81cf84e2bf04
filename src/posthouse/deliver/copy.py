"""What one recipient's copy of a message looks like: the shared body behind lines of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from posthouse.bodies.contract import Bodies, Body
from posthouse.directory.contract import Account
from posthouse.mail.headers import get, header_end
from posthouse.mail.mime import Buffer
from posthouse.mail.threads import message_ids
from posthouse.store.contract import Facts, NewMessage

FactsOf = Callable[[Buffer], Facts]
"""Computes what a message looks like from its content."""

IN_THREAD = 64 * 1024
"""Bodies above this many bytes are looked through in a thread."""

MAX_PASSES = 2
"""Copies of a message that may carry one mailbox's Delivered-To line before it is held to go round in
circles.

One such line is ordinary: a message read here and redirected, or moved from another server, has it. A real
circle adds one at every turn.
"""

_DELIVERED_TO = re.compile(rb"^delivered-to:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class KeptBody:
    """A body that is kept already (``bodies.contract.Body``); nothing to discard."""

    __slots__ = ("_bodies", "digest", "size")

    def __init__(self, bodies: Bodies, digest: str, size: int) -> None:
        self._bodies = bodies
        self.digest = digest
        self.size = size

    def buffer(self) -> Buffer:
        """The content. Raises BodyMissing."""
        return self._bodies.read(self.digest)

    def discard(self) -> None:
        """Nothing: the kept file stays."""


async def facts_of(compute: FactsOf, body: Body) -> Facts:
    """The facts of a body, off the event loop when it is large."""
    if body.size <= IN_THREAD:
        return compute(body.buffer())
    return await asyncio.to_thread(lambda: compute(body.buffer()))


def glance(buffer: Buffer) -> Facts:
    """What is told of a message that goes into no mailbox of ours: its id and where its header ends. All else is
    empty; to look through a whole message costs as much as to accept it."""
    size = header_end(buffer)
    raw = get(bytes(buffer[:size]), b"message-id")
    own_ids = message_ids(raw) if raw is not None else []
    own_id = own_ids[0] if own_ids else ""
    return Facts(b"", b"", b"", b"", size, None, "", False, "", "", "", "", "", own_id)


def new_copy(body: Body, facts: Facts, sender: str, account: Account, received_at: float) -> NewMessage:
    """An account's copy: RFC 5321 4.4 asks for Return-Path at final delivery; Delivered-To names the mailbox.
    ``sender`` "" is the null reverse-path."""
    prefix = f"Return-Path: <{sender}>\r\nDelivered-To: {account.address}\r\n".encode()
    return NewMessage(body, prefix, internal_date=int(received_at), facts=facts)


def delivered_before(body: Body, facts: Facts) -> dict[str, int]:
    """How often each mailbox is named by Delivered-To lines in the header, by address in lower case."""
    header = bytes(body.buffer()[: facts.header_size])
    passes: dict[str, int] = {}
    for value in _DELIVERED_TO.findall(header):
        address = value.strip().decode("utf-8", "replace").lower()
        passes[address] = passes.get(address, 0) + 1
    return passes
