"""Certificates as they are stored, and the units of work upon them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory.versions import bump
from posthouse.manage import certificate_records as records

TOPIC = "certificates"
"""The feed's topic, and the name of the version that every change raises."""

KEEP_RETIRED = 7 * 86400.0
"""How long a removed or replaced certificate is kept, in seconds."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of ``records.certificates``, in the order of its columns."""

    id: int
    hosts: str
    kind: str
    challenge: str
    chain: str
    secret_key: str = field(repr=False)
    not_before: float
    not_after: float
    made_at: float
    retired_at: float
    renew_at: float
    window_begin: float
    window_end: float
    look_at: float
    failures: int
    failed_at: float
    last_error: str
    next_try: float
    order_url: str
    order_key: str = field(repr=False)
    order_with: str
    busy_by: str
    busy_until: float

    @property
    def names(self) -> tuple[str, ...]:
        """The host names."""
        return tuple(self.hosts.split())

    @property
    def due_at(self) -> float:
        """When the authority is to be asked for a (new) certificate; 0 for never."""
        if self.kind != "acme":
            return 0.0
        return self.next_try if self.failures or not self.chain else self.renew_at


@dataclass(frozen=True, slots=True)
class Account:
    """The account with one authority; see ``records.accounts``."""

    url: str
    secret_key: str = field(repr=False)
    next_key: str = field(repr=False)
    contact: str
    made_at: float


def live(tx: Transaction) -> list[Row]:
    """All that are neither removed nor replaced, oldest first."""
    return [Row(*row) for row in tx.execute(records.SELECT_LIVE)]


def one(tx: Transaction, row_id: int) -> Row | None:
    """One of them, also a removed one."""
    rows = tx.execute(records.SELECT_ONE, {"of_id": row_id})
    return Row(*rows[0]) if rows else None


def add(
    tx: Transaction,
    *,
    hosts: tuple[str, ...],
    kind: str,
    challenge: str = "",
    chain: str = "",
    secret_key: str = "",
    lifetime: tuple[float, float] = (0.0, 0.0),
) -> int:
    """A new row; its id. An ``acme`` one without chain is due at once."""
    now = time.time()
    empty = {
        column.name: "" if column.name in _TEXTS else 0
        for column in records.certificates.c
        if column.name != "id"
    }
    given = {
        "hosts": " ".join(hosts),
        "kind": kind,
        "challenge": challenge,
        "chain": chain,
        "secret_key": secret_key,
        "not_before": lifetime[0],
        "not_after": lifetime[1],
        "made_at": now,
        "next_try": now if kind == "acme" else 0,
    }
    return tx.insert(records.INSERT, {**empty, **given})


_TEXTS = {"hosts", "kind", "challenge", "chain", "secret_key", "last_error"}
_TEXTS |= {"order_url", "order_key", "order_with", "busy_by"}


def issued(
    tx: Transaction,
    feed: Feed | None,
    row_id: int,
    *,
    chain: str,
    key: str,
    lifetime: tuple[float, float],
    renew_at: float,
) -> None:
    """An order was done: what it brought replaces what was there."""
    tx.change(
        records.ISSUED,
        {
            "of_id": row_id,
            "new_chain": chain,
            "new_secret_key": key,
            "new_not_before": lifetime[0],
            "new_not_after": lifetime[1],
            "new_renew_at": renew_at,
        },
    )
    bump(tx, TOPIC, feed)


def retire(tx: Transaction, feed: Feed | None, row_id: int) -> bool:
    """Take it out of service; False when it was not in service. It can be revived for a while."""
    done = tx.change(records.RETIRE, {"of_id": row_id, "at": time.time()}) == 1
    bump(tx, TOPIC, feed)
    return done


def revive(tx: Transaction, feed: Feed | None, row_id: int) -> bool:
    """Put a retired one back into service; False when it is gone."""
    done = tx.change(records.REVIVE, {"of_id": row_id}) == 1
    bump(tx, TOPIC, feed)
    return done


def claim(tx: Transaction, row_id: int, holder: str, until: float) -> bool:
    """Take the order of this row for ourselves; False while another worker has it. One that carries the same
    name (we, before a crash) does not keep us from it."""
    values = {"of_id": row_id, "by": holder, "by_holder": holder, "now": time.time(), "until": until}
    return tx.change(records.CLAIM, values) == 1


def account(tx: Transaction, directory: str) -> Account | None:
    """The account with this authority."""
    rows = tx.execute(records.SELECT_ACCOUNT, {"of_directory": directory})
    return Account(*rows[0]) if rows else None


def put_account(tx: Transaction, directory: str, kept: Account) -> None:
    """Store the account with this authority."""
    values = {
        "url": kept.url,
        "secret_key": kept.secret_key,
        "next_key": kept.next_key,
        "contact": kept.contact,
        "made_at": kept.made_at,
    }
    tx.upsert(records.accounts, {"directory": directory}, values)


def purge(tx: Transaction, now: float) -> None:
    """Delete what was retired long ago, and proofs that a crash has left."""
    tx.change(records.PURGE, {"before": now - KEEP_RETIRED})
    tx.change(records.PURGE_PROOFS, {"before": now - 3600})
