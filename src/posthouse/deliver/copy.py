"""What one recipient's copy of a message looks like: the shared body behind lines of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable

from posthouse.bodies.contract import Bodies, Body
from posthouse.database.contract import Transaction
from posthouse.directory.contract import Account
from posthouse.mail.headers import get, header_end
from posthouse.mail.mime import Buffer
from posthouse.mail.threads import message_ids
from posthouse.store.contract import Appender, Facts, NewMessage

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

_NOT_BY_NAME = ("inbox", "sent", "drafts", "trash", "junk", "archive", "snoozed", "scheduled")
"""Folders with a use of their own: nobody outside puts mail there by writing to an address."""

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


def folder_in(tx: Transaction, appender: Appender, account_id: int, wanted: str) -> int:
    """The mailbox for an account's copy: the folder that a plus address names (as it is written there, or with a
    capital letter first), where its owner has made one and it takes mail; else the Inbox."""
    if wanted and wanted.lower() not in _NOT_BY_NAME:
        for name in dict.fromkeys((wanted, wanted.capitalize())):
            found = appender.mailbox_in(tx, account_id, name)
            if found is not None:
                return found
    return appender.inbox_in(tx, account_id)


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


def new_copy(
    body: Body,
    facts: Facts,
    sender: str,
    account: Account,
    received_at: float,
    masked: Iterable[str] = (),
) -> NewMessage:
    """An account's copy: RFC 5321 4.4 asks for Return-Path at final delivery; Delivered-To names the mailbox.
    ``sender`` "" is the null reverse-path. X-Original-To tells the owner which ``masked`` address was written to."""
    lines = [f"Return-Path: <{sender}>", f"Delivered-To: {account.address}"]
    lines += [f"X-Original-To: {address}" for address in sorted(masked)]
    prefix = "".join(f"{line}\r\n" for line in lines).encode()
    return NewMessage(body, prefix, internal_date=int(received_at), facts=facts)


def delivered_before(body: Body, facts: Facts) -> dict[str, int]:
    """How often each mailbox is named by Delivered-To lines in the header, by address in lower case."""
    header = bytes(body.buffer()[: facts.header_size])
    passes: dict[str, int] = {}
    for value in _DELIVERED_TO.findall(header):
        address = value.strip().decode("utf-8", "replace").lower()
        passes[address] = passes.get(address, 0) + 1
    return passes
