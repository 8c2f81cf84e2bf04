"""DKIM keys as they are stored, and the units of work upon them (every function that takes a transaction is an op)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import dkim_records as records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name
from posthouse.directory.versions import DIRECTORY, bump

KeyState = Literal["new", "active", "retiring", "retired"]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A row of ``dkim_records.dkim_keys`` with the name of its domain before it, and without the private key."""

    domain: str
    id: int
    domain_id: int
    selector: str
    algorithm: str
    public: str
    state: KeyState
    made_at: float
    since: float
    seen_at: float
    checked_at: float
    dns: str
    note: str
    published: str


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be stored; ``secret_key`` in PEM, ``public`` as its record's ``p=``."""

    selector: str
    algorithm: str
    secret_key: str = field(repr=False)
    public: str


@dataclass(frozen=True, slots=True)
class Signing:
    """A key that signs."""

    id: int
    selector: str
    algorithm: str
    secret_key: str = field(repr=False)


def all_keys(tx: Transaction, domain: str = "") -> list[KeyRow]:
    """The keys of a domain, or of all, by domain and age."""
    if domain:
        return [KeyRow(*row) for row in tx.execute(records.SELECT_OF_DOMAIN, {"name": domain})]
    return [KeyRow(*row) for row in tx.execute(records.SELECT_ALL)]


def one_key(tx: Transaction, domain: str, selector: str) -> KeyRow:
    """The key of this selector. Raises DirectoryError."""
    name = domain_name(domain)
    rows = tx.execute(records.SELECT_ONE, {"name": name, "of_selector": selector})
    if not rows:
        raise DirectoryError(
            f"{name} has no key with the selector {selector[:60]!r}",
            f"see posthouse dkim list {name}",
            "missing",
        )
    return KeyRow(*rows[0])


def signing_keys(tx: Transaction, domain: str) -> tuple[Signing, ...]:
    """The active keys of a domain, by any of its names; none for one that is not ours."""
    return tuple(Signing(*row) for row in tx.execute(records.SELECT_SIGNING, {"name": domain}))


def domains_without(tx: Transaction, after: int, count: int) -> list[tuple[int, str]]:
    """Id and name of domains that have no key at all, after this id."""
    rows = tx.execute(records.SELECT_WITHOUT, {"after": after, "count": count})
    return [(int(row[0]), str(row[1])) for row in rows]


def add_key(
    tx: Transaction, domain: str, key: NewKey, now: float, feed: Feed | None, *, state: KeyState = "new"
) -> int:
    """Store a key; its id. Raises DirectoryError where the domain is not ours or the selector is taken."""
    name = domain_name(domain)
    found = tx.lock(records.LOCK_DOMAIN, {"name": name})
    if not found:
        raise DirectoryError(f"domain {name} is not ours", "list domains to see those that are", "missing")
    if tx.execute(records.SELECT_ONE, {"name": name, "of_selector": key.selector}):
        raise DirectoryError(
            f"{name} has a key with the selector {key.selector} already", "choose another", "exists"
        )
    values = {
        "domain_id": found[0][0],
        "selector": key.selector,
        "algorithm": key.algorithm,
        "secret_key": key.secret_key,
        "public": key.public,
        "state": state,
        "made_at": now,
        "since": now,
        "seen_at": 0.0,
        "checked_at": 0.0,
        "dns": "",
        "note": "",
        "published": "",
    }
    row_id = tx.insert(records.INSERT, values)
    bump(tx, DIRECTORY, feed)
    return row_id


def set_state(
    tx: Transaction, row: KeyRow, state: KeyState, now: float, feed: Feed | None, *, former: str = ""
) -> bool:
    """Change a key's state; False where it is no longer in the state it was seen in (``former``, or the row's)."""
    values = {"of_id": row.id, "old_state": former or row.state, "new_state": state, "now": now}
    changed = tx.change(records.SET_STATE, values) == 1
    if changed:
        bump(tx, DIRECTORY, feed)
    return changed


def activate(tx: Transaction, row: KeyRow, now: float, feed: Feed | None) -> list[KeyRow]:
    """Sign with this key from now on. Those of the same algorithm that did so retire; they are returned."""
    if not set_state(tx, row, "active", now, feed):
        return []
    replaced = [
        other
        for other in all_keys(tx, row.domain)
        if other.algorithm == row.algorithm and other.state == "active" and other.id != row.id
    ]
    for other in replaced:
        set_state(tx, other, "retiring", now, feed)
    return replaced


def set_check(tx: Transaction, row: KeyRow, dns: str, note: str, now: float) -> None:
    """Take down what the DNS said of its record."""
    seen_at = now if dns == "right" else row.seen_at
    values = {"of_id": row.id, "new_dns": dns, "new_note": note, "now": now, "new_seen_at": seen_at}
    tx.change(records.SET_CHECK, values)


def set_published(tx: Transaction, row: KeyRow, published: str) -> None:
    """Take down what we wrote into the DNS."""
    tx.change(records.SET_PUBLISHED, {"of_id": row.id, "new_published": published})


def remove_key(tx: Transaction, row: KeyRow, feed: Feed | None) -> bool:
    """Delete a key; False when it was gone."""
    done = tx.change(records.DELETE, {"of_id": row.id}) == 1
    bump(tx, DIRECTORY, feed)
    return done


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """Delete the keys of a domain that is given up."""
    tx.change(records.DELETE_OF_DOMAIN, {"domain_id": domain_id})


def troubled(tx: Transaction, before: float, count: int = 20) -> list[KeyRow]:
    """Keys in use whose record is not right, and new ones that have waited for theirs since ``before``; so many."""
    rows = tx.execute(records.SELECT_TROUBLED, {"before": before, "count": count})
    return [KeyRow(*row) for row in rows]
