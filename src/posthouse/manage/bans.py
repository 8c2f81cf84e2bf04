"""Bans: networks that nobody may connect from, over mail or HTTP."""

from __future__ import annotations

import time

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import bans
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.probation import Pending, absorb, on_probation, undo
from posthouse.manage.reach import page_size
from posthouse.manage.use import Call, use
from posthouse.settings.values import parse_duration

MAX_REASON = 500


class NewBan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address or network; ``duration`` such as ``12h`` or ``7d``, "" for ever. ``now``: without probation."""

    network: str
    reason: str = ""
    duration: str = ""
    now: bool = False


class BannedNetwork(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A banned address or network."""

    network: str


class BanPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With ``search`` in network or reason; ``limit`` of them after the network ``after``."""

    search: str = ""
    limit: int = 200
    after: str = ""


class Ban(msgspec.Struct, frozen=True):
    """A banned network. Times in seconds since 1970, ``until`` 0: for ever. ``probation``: the change to
    confirm, 0 for none. ``kind``: "" made by an administrator, ``sign-in`` by itself because sign-ins failed."""

    network: str
    reason: str = ""
    until: float = 0.0
    created: float = 0.0
    probation: int = 0
    kind: str = ""


class BanList(msgspec.Struct, frozen=True):
    """By network. ``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all."""

    bans: list[Ban]
    next: str = ""
    total: int = 0


class FormerBan(msgspec.Struct, frozen=True):
    """What a ban was before a change; ``present`` False: there was none."""

    network: str
    present: bool
    reason: str = ""
    until: float = 0.0
    created: float = 0.0
    kind: str = ""


@undo("ban.restore")
async def restore(call: Call, former: FormerBan, row: Pending) -> None:
    """A ban as it was."""
    feed = call.context.feed

    def op(tx: Transaction) -> None:
        if not row.settle(tx):
            return
        bans.remove_ban(tx, former.network, feed=feed)
        if former.present:
            bans.put_ban(
                tx,
                former.network,
                former.reason,
                former.until,
                feed=feed,
                created=former.created,
                kind=former.kind,
            )

    await call.context.database.run(op)


@use("ban.add", right="change")
async def add(call: Call, wanted: NewBan) -> Ban:
    """Let nobody connect from an address or network any more. On probation: you may ban yourself."""
    network = str(bans.network_of(wanted.network))
    reason = " ".join(wanted.reason.split())[:MAX_REASON]
    until = _until(wanted.duration)
    feed = call.context.feed

    def op(tx: Transaction) -> Ban:
        known = bans.find_ban(tx, network)
        former = (
            FormerBan(network, True, known.reason, known.until, known.created, known.kind)
            if known
            else FormerBan(network, False)
        )
        ban = bans.put_ban(tx, network, reason, until, feed=feed)
        before = {"reason": known.reason, "until": known.until} if known else None
        note(tx, call.actor, "ban.add", network, before=before, after={"reason": reason, "until": until})
        probation = on_probation(
            tx,
            call,
            use_name="ban.add",
            subject=f"ban {network}",
            summary=f"Ban {network}",
            undo_name="ban.restore",
            former=former,
            now=wanted.now,
        )
        return Ban(ban.network, ban.reason, ban.until, ban.created, probation)

    return await call.context.database.run(op)


def _until(duration: str) -> float:
    if not duration.strip():
        return 0.0
    try:
        seconds = parse_duration(duration)
    except ValueError as error:
        raise ManageError("invalid", f"duration: {error}.", "Give one such as 12h or 7d, or none.") from None
    if not 1 <= seconds <= 100 * 366 * 86400:
        raise ManageError("invalid", f"duration: {duration} is out of range.", "Give 1s to 100 years.")
    return time.time() + seconds


@use("ban.list", right="view")
async def list_all(call: Call, wanted: BanPage) -> BanList:
    """List the banned networks."""
    limit = page_size(wanted.limit)

    def op(tx: Transaction) -> BanList:
        rows, total = bans.page_bans(tx, wanted.search, wanted.after, limit)
        views = [Ban(row.network, row.reason, row.until, row.created, 0, row.kind) for row in rows]
        return BanList(views, views[-1].network if len(views) == limit else "", total)

    return await call.context.database.scan(op)


@use("ban.remove", right="change")
async def remove(call: Call, wanted: BannedNetwork) -> Ban:
    """Lift a ban."""
    network = str(bans.network_of(wanted.network))
    feed = call.context.feed

    def op(tx: Transaction) -> Ban:
        known = bans.find_ban(tx, network)
        if known is None:
            raise ManageError("missing", f"{network} is not banned.", "`ban list` shows what is.")
        bans.remove_ban(tx, network, feed=feed)
        absorb(tx, f"ban {network}")
        note(tx, call.actor, "ban.remove", network, before={"reason": known.reason, "until": known.until})
        return Ban(known.network, known.reason, known.until, known.created, 0, known.kind)

    return await call.context.database.run(op)
