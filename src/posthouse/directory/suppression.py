"""The suppression list: addresses outside that mail from here always comes back from.

An entry is made by hand, or by failures for good that are counted as they happen. While it stands, whoever submits
mail to the address is told at once. Mail of ours (notices, reports) and forwards are not held up by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import gmtime, strftime, time
from typing import Any

from posthouse.database.contract import Database, Transaction
from posthouse.directory import suppression_records as records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.listing import like
from posthouse.mail.address import Address, parse_address, parse_domain
from posthouse.mail.refusal import Refusal

BY_HAND = "by-hand"

_MOST_SAID = 1000
_WORDS = {
    BY_HAND: "an administrator put it there",
    "no-mailbox": "there is no such mailbox",
    "disabled": "the mailbox is closed",
    "mailbox-full": "the mailbox is full",
    "unreachable": "its server cannot be reached",
    "dns": "its domain takes no mail",
}


@dataclass(frozen=True, slots=True)
class Suppression:
    """One entry. ``address`` in lower case, or ``@domain``; ``account``: the account whose mail alone is meant, "" for
    all. ``active`` False: failures are only counted so far. ``expires_at`` 0.0: never. ``said``: the last words of the
    remote, or the administrator's reason."""

    address: str
    account: str = ""
    cause: str = BY_HAND
    status: str = ""
    said: str = ""
    hits: int = 0
    soft_hits: int = 0
    active: bool = True
    first_at: float = 0.0
    last_at: float = 0.0
    expires_at: float = 0.0
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """What came back from an address: the cause (a word of ``deliver.dsn.cause``), the status code, the words."""

    address: str
    cause: str
    status: str = ""
    said: str = ""
    trace: str = ""


def scope_of(text: str) -> str:
    """An address as the list keeps it, or ``@domain`` for ``@example.org`` and ``example.org``. Raises
    DirectoryError."""
    text = text.strip()
    try:
        if text.startswith("@") or "@" not in text:
            return f"@{parse_domain(text.removeprefix('@'))}"
        return parse_address(text).key
    except ValueError as error:
        raise DirectoryError(
            f"{text[:80]!r} is no address: {error}",
            "write it like anna@example.org, or @example.org for all of it",
        ) from None


def find(tx: Transaction, address: str, account: str = "") -> Suppression | None:
    """The entry or count of exactly this scope."""
    rows = tx.lock(records.SELECT_ONE, {"of_address": address, "of_account": account})
    return _entry(rows[0]) if rows else None


def put(tx: Transaction, entry: Suppression) -> None:
    """Add an entry, or change the one there is."""
    values = {
        "cause": entry.cause,
        "status": entry.status[:16] if entry.status.isascii() else "",
        "said": entry.said.replace("\0", "")[:_MOST_SAID],
        "hits": entry.hits,
        "soft_hits": entry.soft_hits,
        "active": int(entry.active),
        "first_at": entry.first_at,
        "last_at": entry.last_at,
        "expires_at": entry.expires_at,
        "trace": entry.trace[:64] if entry.trace.isascii() else "",
    }
    tx.upsert(records.suppressions, {"address": entry.address, "account": entry.account}, values)


def remove(tx: Transaction, address: str, account: str = "") -> bool:
    """Lift an entry, and forget what was counted; whether there was anything."""
    return tx.change(records.DELETE, {"of_address": address, "of_account": account}) > 0


def count(
    tx: Transaction, failure: Failure, now: float, *, after: int, lifetime: float, soft: bool = False
) -> bool:
    """Count a failure (``soft``: a passing one) and put the address on the list with the one that is ``after`` (0:
    never). Returns whether it stands there now. What is older than ``lifetime`` seconds does not count; each failure
    renews an entry, but for one made by hand."""
    try:
        address = parse_address(failure.address).key
    except ValueError:
        return False
    known = find(tx, address)
    if known is not None and 0 < known.expires_at <= now:
        known = None
    if known is None:
        known = Suppression(address, active=False, first_at=now)
    entry = replace(
        known,
        hits=known.hits + (not soft),
        soft_hits=known.soft_hits + soft,
        last_at=now,
        trace=failure.trace or known.trace,
    )
    if known.cause != BY_HAND or not known.active:
        reached = after > 0 and (entry.soft_hits if soft else entry.hits) >= after
        entry = replace(
            entry,
            cause=failure.cause,
            status=failure.status,
            said=failure.said,
            active=known.active or reached,
            expires_at=now + lifetime,
        )
    put(tx, entry)
    return entry.active


def forget_counts(tx: Transaction, addresses: Sequence[str]) -> None:
    """Mail to these addresses arrives: what was counted of them is forgotten. Entries stay."""
    tx.change(records.DELETE_COUNTS, {"addresses": [each.lower() for each in addresses]})


def page(
    tx: Transaction, search: str, after: tuple[str, str], limit: int, now: float, *, counting: bool = False
) -> tuple[list[Suppression], int]:
    """Entries by address with a piece of text in address, account, cause or words, and how many there are in all;
    ``counting``: those too that are only counted so far. ``after``: address and account of the last one seen."""
    found = {"pattern": like(search), "least": 0 if counting else 1, "now": now}
    rows = tx.execute(
        records.SELECT_PAGE, {**found, "after": after[0], "after_account": after[1], "count": limit}
    )
    return [_entry(row) for row in rows], int(tx.execute(records.COUNT_FOUND, found)[0][0])


def remove_expired(tx: Transaction, now: float) -> int:
    """Forget up to 500 entries whose time has passed; how many went."""
    rows = tx.execute(records.SELECT_EXPIRED, {"now": now})
    tx.execute_many(records.DELETE, [{"of_address": row[0], "of_account": row[1]} for row in rows])
    return len(rows)


def stopping(tx: Transaction, address: Address, account: str, now: float) -> Suppression | None:
    """The entry that keeps mail of this account (its address; "" for nobody's) from an address."""
    values = {
        "addresses": [address.key, f"@{address.domain}"],
        "accounts": ["", account] if account else [""],
        "now": now,
    }
    rows = tx.execute(records.SELECT_STOPPING, values)
    return _entry(rows[0]) if rows else None


def refusal_of(entry: Suppression) -> Refusal:
    """What a sender is told: since when, why, and how it is lifted."""
    name = entry.address if entry.address.isascii() else "this address"
    words = _WORDS.get(entry.cause, f"mail came back ({entry.cause})")
    day = strftime("%Y-%m-%d", gmtime(entry.first_at))
    status = f" ({entry.status})" if entry.status else ""
    text = (
        f"Not sent: {name} is on this server's suppression list since {day}, because {words}{status}. Once it works "
        f"again, an administrator lifts this with: posthouse suppression remove {name}"
    )
    return Refusal(550, "5.7.1" if entry.cause == BY_HAND else "5.1.1", text, cause=entry.said)


class Suppressions:
    """What submission asks. ``clock`` tells seconds since 1970."""

    def __init__(self, database: Database, clock: Callable[[], float] = time) -> None:
        self._database = database
        self._clock = clock

    async def check(self, address: Address, account: str = "") -> Refusal | None:
        """Whether mail to an address is refused: for everybody, or for this account (its address). Raises
        DatabaseUnavailable."""
        entry = await self._database.read(stopping, address, account.lower(), self._clock())
        return None if entry is None else refusal_of(entry)


def _entry(row: Sequence[Any]) -> Suppression:
    address, account, cause, status, said, hits, soft, active, first, last, expires, trace = row
    return Suppression(
        address,
        account,
        cause,
        status,
        said,
        int(hits),
        int(soft),
        bool(active),
        float(first),
        float(last),
        float(expires),
        trace,
    )
