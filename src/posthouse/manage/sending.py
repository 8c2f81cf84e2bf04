"""Accounts whose mail is held because they suddenly sent far too much, and those that may not send."""

from __future__ import annotations

import time
from email.header import decode_header, make_header

import msgspec

from posthouse.bodies.contract import BodyMissing
from posthouse.database.contract import Transaction
from posthouse.directory import admin, brakes
from posthouse.directory.brakes import Brake
from posthouse.directory.contract import Account
from posthouse.mail.headers import unfold
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.queues_which import scope_of
from posthouse.manage.reach import guard, page_size
from posthouse.manage.use import Call, Progress, named, narrows, use
from posthouse.queue import burst, control
from posthouse.queue.control import Action
from posthouse.queue.selection import STRETCH, Selection

SAMPLES = 20
MAX_HEADER = 64 * 1024
LONGEST_REASON = 500


class BrakePage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``limit`` of them after the address ``after``."""

    limit: int = 200
    after: str = ""


class BrakeOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account by its address."""

    address: str


class Reject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of the held mail: deleted, or with ``bounce`` given back, so that the account gets notices of it.
    ``block``: the account may send nothing more until it is unblocked."""

    address: str
    bounce: bool = False
    block: bool = True


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account that may send nothing more, and why."""

    address: str
    reason: str = ""


class Braked(msgspec.Struct, frozen=True):
    """An account. ``state``: ``free``, ``braked`` (its mail is taken and held) or ``blocked`` (its mail is refused),
    since ``since`` (seconds since 1970) by ``by`` ("" is the brake itself). ``sent``: recipients in the hour before it
    was braked, ``usual`` in its usual busiest hour (0: not known). ``held``: recipients whose mail is held, counted up
    to 10001."""

    address: str
    state: str
    since: float = 0.0
    by: str = ""
    reason: str = ""
    sent: int = 0
    usual: int = 0
    held: int = 0


class BrakedList(msgspec.Struct, frozen=True):
    """By address. ``next`` is the ``after`` of the page that follows, "" on the last."""

    accounts: list[Braked]
    next: str = ""


class HeldSample(msgspec.Struct, frozen=True):
    """A recipient of a held message, with its subject and the address it was sent as. ``id`` names it in the queue."""

    id: int
    trace: str
    sender: str
    recipient: str
    subject: str
    size: int
    received_at: float


class HeldSamples(msgspec.Struct, frozen=True):
    """The first that are held."""

    address: str
    samples: list[HeldSample]


class Freed(msgspec.Struct, frozen=True):
    """The state of the account now, and how many recipients' mail was let go, given back or deleted."""

    address: str
    state: str
    recipients: int = 0


@use("sending.braked", right="view", open_to="domain", about=narrows)
async def braked(call: Call, wanted: BrakePage) -> BrakedList:
    """List the accounts whose mail is held, and those that may not send."""
    limit = page_size(wanted.limit)

    def op(tx: Transaction) -> BrakedList:
        rows = brakes.standing(tx, scope_of(call.actor), wanted.after, limit)
        shown = [_view(tx, address, brake) for address, brake in rows]
        return BrakedList(shown, rows[-1][0] if len(rows) == limit else "")

    return await call.context.database.scan(op)


@use("sending.show", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: BrakeOf) -> Braked:
    """Show whether an account may send, and how much of its mail is held."""

    def op(tx: Transaction) -> Braked:
        account = admin.find_account(tx, wanted.address)
        return _view(tx, account.address, brakes.find(tx, account.id), account.id)

    return await call.context.database.scan(op)


@use("sending.samples", right="read_mail", open_to="domain", about=named("address"))
async def samples(call: Call, wanted: BrakeOf) -> HeldSamples:
    """Show whom the first of an account's held messages are for, and their subjects, to find out what they are."""

    def op(tx: Transaction) -> tuple[str, list[burst.Sample]]:
        account = admin.find_account(tx, wanted.address)
        return account.address, burst.samples(tx, account.id, SAMPLES)

    address, found = await call.context.database.scan(op)

    def written(tx: Transaction) -> None:
        note(tx, call.actor, "sending.samples", address)

    await call.context.database.run(written)
    return HeldSamples(
        address,
        [
            HeldSample(
                each.message_id,
                each.trace,
                each.sender,
                each.recipient,
                _subject(call, each.body),
                each.size,
                each.received_at,
            )
            for each in found
        ],
    )


@use("sending.release", right="change", open_to="domain", about=named("address"))
async def release(call: Call, wanted: BrakeOf) -> Freed:
    """Let an account send again, and all its held mail go. What it sent before does not count for the brake."""

    def op(tx: Transaction) -> Account:
        account = _found(tx, call, "sending.release", wanted.address)
        before = brakes.find(tx, account.id)
        if before is not None and before.blocks:
            raise ManageError(
                "refused",
                f"{account.address} is blocked from sending.",
                "Unblock it; that releases what is held.",
            )
        return _changed(tx, call, "sending.release", account, before, "released")

    account = await call.context.database.run(op)
    return Freed(account.address, "free", await _steer(call, "release", account))


@use("sending.reject", right="change", open_to="domain", about=named("address"))
async def reject(call: Call, wanted: Reject) -> Freed:
    """Throw an account's held mail away, or give it back; and block its sending, unless that is not wanted."""
    action: Action = "bounce" if wanted.bounce else "delete"

    def checked(tx: Transaction) -> tuple[Account, Brake | None]:
        account = _found(tx, call, "sending.reject", wanted.address)
        before = brakes.find(tx, account.id)
        if before is None and not burst.held(tx, account.id, 0, 1):
            raise ManageError(
                "missing", f"No mail of {account.address} is held.", "`sending braked` lists whose is."
            )
        return account, before

    def op(tx: Transaction) -> Account:
        account, before = checked(tx)
        return _changed(tx, call, "sending.reject", account, before, "blocked", bounce=wanted.bounce)

    if wanted.block:  # first, so that nothing more is held
        account = await call.context.database.run(op)
        gone = await _steer(call, action, account)
        return Freed(account.address, "blocked", gone)
    # Last: once it is released, whatever is still held of it goes.
    account, _ = await call.context.database.scan(checked)
    gone = await _steer(call, action, account)
    await call.context.database.run(_settled, call, account, wanted.bounce)
    return Freed(account.address, "free", gone)


def _settled(tx: Transaction, call: Call, account: Account, bounce: bool) -> None:
    before = brakes.find(tx, account.id)
    _changed(tx, call, "sending.reject", account, before, "released", bounce=bounce)


@use("sending.block", right="change", open_to="domain", about=named("address"))
async def block(call: Call, wanted: Block) -> Freed:
    """Let an account send nothing more; whatever it submits is refused. What is held stays held."""
    reason = " ".join(wanted.reason.split())[:LONGEST_REASON]

    def op(tx: Transaction) -> Account:
        account = _found(tx, call, "sending.block", wanted.address)
        before = brakes.find(tx, account.id)
        return _changed(tx, call, "sending.block", account, before, "blocked", reason=reason)

    return Freed((await call.context.database.run(op)).address, "blocked")


@use("sending.unblock", right="change", open_to="domain", about=named("address"))
async def unblock(call: Call, wanted: BrakeOf) -> Freed:
    """Let a blocked account send again; what is held of it goes."""

    def op(tx: Transaction) -> Account:
        account = _found(tx, call, "sending.unblock", wanted.address)
        before = brakes.find(tx, account.id)
        if before is None or not before.blocks:
            raise ManageError(
                "missing", f"{account.address} is not blocked.", "`sending braked` lists who is."
            )
        return _changed(tx, call, "sending.unblock", account, before, "released")

    account = await call.context.database.run(op)
    return Freed(account.address, "free", await _steer(call, "release", account))


def _found(tx: Transaction, call: Call, name: str, address: str) -> Account:
    account = admin.find_account(tx, address)
    guard(tx, call, name, account)
    return account


def _changed(
    tx: Transaction,
    call: Call,
    name: str,
    account: Account,
    before: Brake | None,
    state: brakes.State,
    *,
    reason: str = "",
    **more: object,
) -> Account:
    """The account in its new state, with its line in the audit."""
    brake = Brake(
        account.id,
        state,
        time.time(),
        call.actor.name,
        reason or (before.reason if before is not None else ""),
        before.sent if before is not None else 0,
        before.usual if before is not None else 0,
    )
    brakes.change(tx, brake, feed=call.context.feed)
    after = {"state": "free" if state == "released" else state, **more}
    if reason:
        after["reason"] = reason
    note(tx, call.actor, name, account.address, before={"state": _state(before)}, after=after)
    return account


async def _steer(call: Call, action: Action, account: Account) -> int:
    """Do it to everything that is held of the account, some hundreds in one unit; to how many it was done. What other
    workers still take as held within the next second is released by the server soon after."""
    total, place = 0, 0
    database = call.context.database
    while rows := await database.scan(burst.held, account.id, place, STRETCH):
        place = rows[-1]
        done = await database.run(
            control.steer,
            action,
            Selection(state="held"),
            rows,
            time.time(),
            call.actor.name,
            feed=call.context.feed,
        )
        total += len(done.rows)
        await call.emit(Progress(text=f"{total} recipients", done=total))
    return total


def _state(brake: Brake | None) -> str:
    return "free" if brake is None or brake.state == "released" else brake.state


def _view(tx: Transaction, address: str, brake: Brake | None, account_id: int = 0) -> Braked:
    held = burst.count(tx, brake.account_id if brake is not None else account_id)
    if brake is None or brake.state == "released":
        return Braked(address, "free", held=held)
    return Braked(
        address, brake.state, brake.at, brake.changed_by, brake.reason, brake.sent, brake.usual, held
    )


def _subject(call: Call, body: str) -> str:
    """The subject of a message, "" where it has none or its content is gone."""
    try:
        data = call.context.bodies.read_range(body, 0, MAX_HEADER)
    except BodyMissing:
        return ""
    for line in _fields(data.partition(b"\r\n\r\n")[0]):
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() == b"subject":
            text = unfold(value).decode("utf-8", "replace").strip()[:1000]
            try:
                return str(make_header(decode_header(text)))[:300]
            except (LookupError, ValueError):
                return text[:300]
    return ""


def _fields(header: bytes) -> list[bytes]:
    return header.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n")
