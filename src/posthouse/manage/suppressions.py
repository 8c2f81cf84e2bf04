"""The suppression list: addresses outside that senders here are refused."""

from __future__ import annotations

import time

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import suppression
from posthouse.directory.admin import has_domain
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import own_address
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import page_size
from posthouse.manage.use import Call, use
from posthouse.settings.values import parse_duration

MAX_REASON = 500
_SEPARATOR = " "
"""Between address and account in the mark of a page; neither an address nor a domain has one unquoted."""


class NewSuppression(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address outside, or ``@domain`` for all of one. ``account``: only what this account sends is refused, ""
    for everybody. ``duration`` such as ``12h`` or ``30d``, "" for ever."""

    address: str
    account: str = ""
    reason: str = ""
    duration: str = ""


class SuppressedAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of the list: the address or ``@domain``, and the account it was made for, "" for everybody."""

    address: str
    account: str = ""


class SuppressionPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With ``search`` in address, account, cause or words; ``limit`` of them after the mark ``after``. ``counting``:
    with those that failed, but too seldom yet to be refused."""

    search: str = ""
    limit: int = 200
    after: str = ""
    counting: bool = False


class Suppression(msgspec.Struct, frozen=True):
    """An entry. ``cause`` is ``by-hand`` or why mail came back, ``status`` the enhanced status code and ``said`` the
    words with it (or the reason given by hand). ``hits`` counts failures for good, ``soft_hits`` passing ones.
    ``active`` False: only counted so far. Times in seconds since 1970, ``expires`` 0: never. ``trace``: of the last
    message that failed."""

    address: str
    account: str = ""
    cause: str = ""
    status: str = ""
    said: str = ""
    hits: int = 0
    soft_hits: int = 0
    active: bool = True
    first: float = 0.0
    last: float = 0.0
    expires: float = 0.0
    trace: str = ""


class SuppressionList(msgspec.Struct, frozen=True):
    """By address. ``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all."""

    suppressions: list[Suppression]
    next: str = ""
    total: int = 0


@use("suppression.add", right="change")
async def add(call: Call, wanted: NewSuppression) -> Suppression:
    """Refuse mail from here to an address outside, or to a whole domain."""
    address = suppression.scope_of(wanted.address)
    account = own_address(wanted.account).key if wanted.account.strip() else ""
    reason = " ".join(wanted.reason.split())[:MAX_REASON]
    now = time.time()
    until = _until(wanted.duration, now)

    def op(tx: Transaction) -> Suppression:
        _check_domain(tx, address)
        known = suppression.find(tx, address, account)
        entry = suppression.Suppression(
            address,
            account,
            said=reason,
            hits=known.hits if known else 0,
            soft_hits=known.soft_hits if known else 0,
            first_at=known.first_at if known and known.active else now,
            last_at=now,
            expires_at=until,
        )
        suppression.put(tx, entry)
        note(
            tx,
            call.actor,
            "suppression.add",
            address,
            after={"account": account, "reason": reason, "until": until},
        )
        return _view(entry)

    return await call.context.database.run(op)


def _check_domain(tx: Transaction, address: str) -> None:
    """Mail to people here is not kept from them by this list. Raises DirectoryError."""
    domain = address.rpartition("@")[2]
    if has_domain(tx, domain):
        raise DirectoryError(
            f"{domain} is a domain of this server", "the list is for addresses elsewhere", "refused"
        )


def _until(duration: str, now: float) -> float:
    if not duration.strip():
        return 0.0
    try:
        seconds = parse_duration(duration)
    except ValueError as error:
        raise ManageError("invalid", f"duration: {error}.", "Give one such as 12h or 30d, or none.") from None
    if not 1 <= seconds <= 100 * 366 * 86400:
        raise ManageError("invalid", f"duration: {duration} is out of range.", "Give 1s to 100 years.")
    return now + seconds


@use("suppression.list", right="view")
async def list_all(call: Call, wanted: SuppressionPage) -> SuppressionList:
    """List the addresses that senders here are refused."""
    limit = page_size(wanted.limit)
    address, _, account = wanted.after.partition(_SEPARATOR)

    def op(tx: Transaction) -> SuppressionList:
        rows, total = suppression.page(
            tx, wanted.search, (address, account), limit, time.time(), counting=wanted.counting
        )
        last = f"{rows[-1].address}{_SEPARATOR}{rows[-1].account}" if len(rows) == limit else ""
        return SuppressionList([_view(row) for row in rows], last, total)

    return await call.context.database.scan(op)


@use("suppression.remove", right="change")
async def remove(call: Call, wanted: SuppressedAddress) -> Suppression:
    """Let mail go to an address again, and forget its failures."""
    address = suppression.scope_of(wanted.address)
    account = own_address(wanted.account).key if wanted.account.strip() else ""

    def op(tx: Transaction) -> Suppression:
        known = suppression.find(tx, address, account)
        if known is None:
            raise ManageError(
                "missing", f"{address} is not on the suppression list.", "`suppression list` shows what is."
            )
        suppression.remove(tx, address, account)
        note(
            tx,
            call.actor,
            "suppression.remove",
            address,
            before={"account": account, "cause": known.cause, "said": known.said},
        )
        return _view(known)

    return await call.context.database.run(op)


def _view(entry: suppression.Suppression) -> Suppression:
    return Suppression(
        entry.address,
        entry.account,
        entry.cause,
        entry.status,
        entry.said,
        entry.hits,
        entry.soft_hits,
        entry.active,
        entry.first_at,
        entry.last_at,
        entry.expires_at,
        entry.trace,
    )
