"""Aliases: addresses of ours that lead to others, inside or outside. All functions are ops; changes raise the
directory's version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.directory import alias_records, domain_limits, naming, records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name, own_address, target_address
from posthouse.directory.people import targets_of
from posthouse.directory.versions import DIRECTORY, bump

MOST_TARGETS = 100
MOST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias: mail for ``address`` goes to ``target``, and to each of ``more``. One that is not ``active``
    is nobody's address."""

    address: str
    target: str
    more: tuple[str, ...] = ()
    active: bool = True
    note: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """Everybody it leads to."""
        return (self.target, *self.more)


def alias_of(row: Row) -> Alias:
    """The alias of a row of ``alias_records.COLUMNS``."""
    target, *more = targets_of(row[1], row[2])
    return Alias(row[0], target, tuple(more), bool(row[3]), row[4])


def add_alias(
    tx: Transaction,
    address: str,
    target: str | Sequence[str],
    *,
    active: bool = True,
    note: str = "",
    feed: Feed | None = None,
) -> Alias:
    """Let mail for ``address`` (in a domain of ours) go to ``target``, one address or several."""
    source = own_address(address)
    targets = _targets(source.key, address, target)
    domain_id = naming.domain_of(tx, source.domain, address)
    naming.check_free(tx, source.key, address)
    domain_limits.check_count(tx, domain_id, "aliases")
    alias = Alias(source.key, targets[0], targets[1:], active, clean_note(note))
    tx.insert(
        alias_records.INSERT_ALIAS,
        {"domain_id": domain_id, "address": source.key, "created_at": time(), **_values(alias)},
    )
    bump(tx, DIRECTORY, feed)
    return alias


def change_alias(
    tx: Transaction,
    address: str,
    *,
    targets: Sequence[str] | None = None,
    active: bool | None = None,
    note: str | None = None,
    feed: Feed | None = None,
) -> Alias:
    """Change what is given of an alias (None: stays); returns what it is then."""
    alias_id, before = _find(tx, address)
    new = _targets(before.address, address, targets) if targets is not None else before.targets
    alias = Alias(
        before.address,
        new[0],
        new[1:],
        before.active if active is None else active,
        before.note if note is None else clean_note(note),
    )
    values = {f"new_{name}": value for name, value in _values(alias).items()}
    tx.change(alias_records.UPDATE_ALIAS, {"of_id": alias_id, **values})
    bump(tx, DIRECTORY, feed)
    return alias


def find_alias(tx: Transaction, address: str) -> Alias:
    """The alias of this address."""
    return _find(tx, address)[1]


def remove_alias(tx: Transaction, address: str, *, feed: Feed | None = None) -> Alias:
    """Remove an alias; returns what it was."""
    alias_id, alias = _find(tx, address)
    tx.change(alias_records.DELETE_ALIAS, {"of_id": alias_id})
    bump(tx, DIRECTORY, feed)
    return alias


def list_aliases(tx: Transaction, domain: str | None = None) -> list[Alias]:
    """All aliases by address, or those of one domain."""
    if domain is None:
        return [alias_of(row) for row in tx.execute(alias_records.SELECT_ALIASES)]
    owned = {"domain_id": naming.domain_id(tx, domain_name(domain))}
    return [alias_of(row) for row in tx.execute(alias_records.SELECT_DOMAIN_ALIASES, owned)]


def clean_note(text: str, most: int = MOST_NOTE) -> str:
    """A note on one line. Raises DirectoryError when it is too long, or has control characters."""
    if any(char < " " and char not in "\t\r\n" for char in text):
        raise DirectoryError("a note cannot have control characters", "leave them out")
    note = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if len(note) > most:
        raise DirectoryError(f"a note of {len(note)} characters is too long", f"use at most {most}")
    return note


def _find(tx: Transaction, address: str) -> tuple[int, Alias]:
    key = own_address(address).key
    rows = tx.execute(records.SELECT_ALIAS, {"address": key})
    if not rows:
        raise DirectoryError(f"there is no alias {address}", "list aliases to see those there are", "missing")
    alias_id, target, more, active, note, _ = rows[0]
    return int(alias_id), alias_of((key, target, more, active, note))


def _targets(key: str, address: str, given: str | Sequence[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for text in (given,) if isinstance(given, str) else given:
        if isinstance(given, str) or text.strip():
            goal = target_address(text)
            if goal.key == key:
                raise DirectoryError(f"alias {address} leads to itself", "give another target")
            found.setdefault(goal.key, str(goal))
    if not found:
        raise DirectoryError(f"alias {address} leads to nobody", "give at least one address")
    if len(found) > MOST_TARGETS:
        raise DirectoryError(
            f"{len(found)} addresses are more than an alias leads to",
            f"give at most {MOST_TARGETS}, or make a mailing list",
        )
    return tuple(found.values())


def _values(alias: Alias) -> dict[str, object]:
    more = "\n".join(alias.more) or None
    return {"target": alias.target, "more": more, "active": int(alias.active), "note": alias.note}
