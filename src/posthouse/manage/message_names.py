"""How a person names one message: ``ACCOUNT/MAILBOX/UID``, a trace id, or a Message-ID in angle brackets; and
what is known of the newest messages from or to a mail address."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.database.contract import Transaction
from posthouse.directory import admin, lookup
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.queue import traces
from posthouse.store.contract import Mailbox, Message, StoreRefusal
from posthouse.store.records import UID_BITS

HOW = "Name it as ACCOUNT/MAILBOX/UID (anna@example.org/INBOX/12), by its trace id, or by its <Message-ID>."
MAX_COPIES = 50
MAX_TRACES = 20
"""Traces told for a mail address, the newest."""
SPAN = 10_000
"""Rows of notes looked through at once for a mail address."""
SPANS = 20


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a message and where it is kept."""

    account: str
    mailbox: Mailbox
    message: Message


async def find_copies(context: Context, name: str) -> list[Copy]:
    """The copies that a name means. Raises ManageError when there are none."""
    if "@" in name and "/" in name and not name.startswith("<"):
        return [await _by_place(context, name)]
    if _is_address(name):
        raise ManageError(
            "invalid",
            f"{name} is an address, not a message.",
            f"`message trace {name}` tells of its newest messages.",
        )
    trace_ids = await find_traces(context, name)
    ids = await context.database.scan(_delivered, trace_ids)
    copies = [copy for copy in [await _by_id(context, message_id) for message_id in ids[:MAX_COPIES]] if copy]
    if not copies:
        raise ManageError(
            "missing", f"No copy of {name} is kept any more.", "`message trace` tells where it went."
        )
    return copies


async def find_traces(context: Context, name: str) -> list[str]:
    """The trace ids that a name means. Raises ManageError when nothing is known of it."""
    if not name.strip():
        raise ManageError("invalid", "No address, Message-ID or trace was named.", HOW)
    if "@" in name and "/" in name and not name.startswith("<"):
        copy = await _by_place(context, name)
        found = await context.database.scan(traces.of_message, copy.message.id)
    elif name.startswith("<"):
        found = await context.database.scan(traces.of_header, name)
    elif _is_address(name):
        found = await _by_address(context, name)
    else:
        found = [name] if await context.database.scan(traces.read, name) else []
    if not found:
        raise ManageError(
            "missing", f"Nothing is noted about {name[:100]}.", HOW + " Traces are kept for a limited time."
        )
    return found


def _is_address(name: str) -> bool:
    return "@" in name and "/" not in name and not name.startswith("<")


async def _by_address(context: Context, address: str) -> list[str]:
    """The newest traces of mail from or to an address, the oldest of them first."""
    found: dict[str, None] = {}
    upto = await context.database.scan(traces.newest)
    for _ in range(SPANS):
        if upto <= 0 or len(found) >= MAX_TRACES:
            break
        found.update(dict.fromkeys(await context.database.scan(traces.of_address, address, upto, SPAN)))
        upto -= SPAN
    return list(found)[:MAX_TRACES][::-1]


async def _by_place(context: Context, name: str) -> Copy:
    address, _, rest = name.partition("/")
    mailbox_name, _, uid = rest.rpartition("/")
    if not mailbox_name or not uid.isdecimal():
        raise ManageError("invalid", f"{name!r} does not name a message.", HOW)
    account = await context.database.scan(admin.find_account, address)
    mailbox = await context.store.find(account.id, mailbox_name)
    if mailbox is None:
        raise ManageError(
            "missing", f"{account.address} has no mailbox {mailbox_name}.", "Check the name and its case."
        )
    copy = await _get(context, account.address, mailbox.id, int(uid))
    if copy is None:
        raise ManageError(
            "missing",
            f"{account.address}/{mailbox.name} has no message with UID {uid}.",
            "It may be expunged.",
        )
    return copy


async def _by_id(context: Context, message_id: int) -> Copy | None:
    mailbox_id, uid = message_id >> UID_BITS, message_id & ((1 << UID_BITS) - 1)
    return await _get(context, "", mailbox_id, uid)


async def _get(context: Context, address: str, mailbox_id: int, uid: int) -> Copy | None:
    try:
        view = await context.store.examine(mailbox_id)
    except StoreRefusal:
        return None  # the mailbox is gone, and its messages with it
    try:
        message = view.get(uid)
        if message is None:
            return None
        owner = address or await context.database.scan(_address_of, view.mailbox.account_id)
        return Copy(owner, view.mailbox, message)
    finally:
        view.close()


def _address_of(tx: Transaction, account_id: int) -> str:
    account = lookup.find_account(tx, account_id)
    return account.address if account is not None else f"account {account_id}"


def _delivered(tx: Transaction, trace_ids: list[str]) -> list[int]:
    ids = [entry.message_id for trace in trace_ids for entry in traces.read(tx, trace) if entry.message_id]
    return list(dict.fromkeys(ids))
