"""Masked addresses: made by people for one shop or form, given out in place of their own, switched off or thrown away
when mail to them is no longer wanted. All functions are ops; times are seconds since 1970.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.directory import address_records as records
from posthouse.directory import naming
from posthouse.directory.aliases import clean_note
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import own_address
from posthouse.directory.versions import DIRECTORY, bump

MOST_NOTE = 200
MOST_MESSAGES = 1_000_000
LATEST = 2**40
"""Expiry beyond this is a mistake."""

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""None that are mistaken for each other."""
_RANDOM = 8
"""Random letters of an address: 40 bits."""
_TRIES = 20
_PREFIX = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Masked:
    """One masked address. ``expires_at`` 0: never. ``most`` messages are taken, 0: any number; ``used`` so far.
    ``last_used`` 0: never."""

    id: int
    address: str
    note: str = ""
    active: bool = True
    expires_at: float = 0.0
    most: int = 0
    used: int = 0
    last_used: float = 0.0
    created_at: float = 0.0

    def takes_mail(self, now: float) -> bool:
        """Whether mail to it is taken."""
        return self.active and not (self.most and self.used >= self.most) and not 0 < self.expires_at <= now


def make(
    tx: Transaction,
    account: Account,
    *,
    prefix: str = "",
    note: str = "",
    expires_at: float = 0.0,
    most: int = 0,
    limit: int = 0,
    feed: Feed | None = None,
) -> Masked:
    """Make an address in the account's domain: random, after the ``prefix`` where one is given. ``limit`` is how many
    the account may have, 0 for any number. Raises DirectoryError."""
    prefix = _prefix(prefix)
    domain = account.address.rpartition("@")[2]
    domain_id = naming.domain_of(tx, domain, account.address)  # its lock makes the count below hold
    if limit and count(tx, account.id) >= limit:
        raise DirectoryError(f"you have {limit} masked addresses already", "remove some first", "refused")
    wished = Masked(
        0, "", clean_note(note, MOST_NOTE), True, _expiry(expires_at), _most(most), created_at=time()
    )
    for _ in range(_TRIES):
        mark = "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM))
        address = f"{prefix}-{mark}@{domain}" if prefix else f"{mark}@{domain}"
        if not naming.taken_by(tx, address):
            break
    else:
        raise DirectoryError("no free address was found", "try again, with another prefix", "refused")
    key = own_address(address).key
    values = {
        "address": key,
        "account_id": account.id,
        "domain_id": domain_id,
        "note": wished.note,
        "active": 1,
        "expires_at": wished.expires_at,
        "most": wished.most,
        "used": 0,
        "last_used": 0.0,
        "created_at": wished.created_at,
    }
    made = replace(wished, id=tx.insert(records.INSERT_MASKED, values), address=key)
    bump(tx, DIRECTORY, feed)
    return made


def change(
    tx: Transaction,
    account: Account,
    address: str,
    *,
    note: str | None = None,
    active: bool | None = None,
    expires_at: float | None = None,
    most: int | None = None,
    feed: Feed | None = None,
) -> Masked:
    """Change what is given of an account's masked address (None: stays). Raises DirectoryError."""
    before = find(tx, account, address)
    after = replace(
        before,
        note=before.note if note is None else clean_note(note, MOST_NOTE),
        active=before.active if active is None else active,
        expires_at=before.expires_at if expires_at is None else _expiry(expires_at),
        most=before.most if most is None else _most(most),
    )
    values = {"new_note": after.note, "new_active": int(after.active), "new_expires_at": after.expires_at}
    tx.change(records.UPDATE_MASKED, {"of_id": after.id, "new_most": after.most, **values})
    bump(tx, DIRECTORY, feed)
    return after


def remove(tx: Transaction, account: Account, address: str, *, feed: Feed | None = None) -> Masked:
    """Throw an account's masked address away; returns what it was. Raises DirectoryError."""
    found = find(tx, account, address)
    tx.change(records.DELETE_MASKED, {"of_id": found.id})
    bump(tx, DIRECTORY, feed)
    return found


def find(tx: Transaction, account: Account, address: str) -> Masked:
    """A masked address of this account. Raises DirectoryError: somebody else's is not told from none."""
    rows = tx.execute(records.SELECT_MASKED, {"address": own_address(address).key})
    if not rows or int(rows[0][0]) != account.id:
        raise DirectoryError(
            f"{account.address} has no masked address {address}",
            "list them to see those there are",
            "missing",
        )
    return _masked(rows[0][1:])


def of_account(tx: Transaction, account_id: int) -> list[Masked]:
    """The masked addresses of an account, the newest first."""
    return [_masked(row) for row in tx.execute(records.SELECT_MASKED_OF, {"of_account": account_id})]


def count(tx: Transaction, account_id: int) -> int:
    """How many masked addresses an account has."""
    return int(tx.execute(records.COUNT_MASKED, {"of_account": account_id})[0][0])


def used(tx: Transaction, addresses: Iterable[str], now: float, *, feed: Feed | None = None) -> None:
    """A message was accepted for each of these; those that had their last are unknown from now on."""
    full = False
    for address in sorted(set(addresses)):
        tx.change(records.USE_MASKED, {"of_address": address, "now": now})
        full = full or bool(tx.execute(records.SELECT_FULL, {"address": address}))
    if full:
        bump(tx, DIRECTORY, feed)


def forget_account(tx: Transaction, account_id: int) -> None:
    """An account goes."""
    tx.change(records.DELETE_MASKED_OF, {"of_account": account_id})


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """A domain goes, with the masked addresses in it and those of its accounts."""
    tx.change(records.DELETE_DOMAIN_MASKED, {"domain_id": domain_id})


def _prefix(text: str) -> str:
    prefix = text.strip().lower()
    if prefix and not _PREFIX.fullmatch(prefix):
        raise DirectoryError(
            f"{text[:40]!r} cannot begin an address",
            "use up to 32 letters, digits, dashes and underscores, with a letter or digit at both ends",
        )
    return prefix


def _expiry(at: float) -> float:
    if not 0 <= at <= LATEST:
        raise DirectoryError("that is no time to expire at", "give a time to come, or none")
    return float(at)


def _most(number: int) -> int:
    if not 0 <= number <= MOST_MESSAGES:
        raise DirectoryError(
            f"{number} messages are no limit", f"give a number up to {MOST_MESSAGES}, or 0 for none"
        )
    return number


def _masked(row: Row) -> Masked:
    number, address, note, active, expires_at, most, times, last_used, created_at = row
    return Masked(
        int(number), address, note, bool(active), expires_at, int(most), int(times), last_used, created_at
    )
