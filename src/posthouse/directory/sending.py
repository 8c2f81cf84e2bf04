"""How much accounts and domains may send besides the settings, and as whom an account may send.

All functions are ops. Each change raises the directory's version: what was cached of it is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.directory import brakes
from posthouse.directory import sending_records as records
from posthouse.directory.brakes import Brake
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.mail.address import Address

EVERYBODY = "*"
"""The pattern of every address there is."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most in an hour and in 24 hours, and from when on the brake looks. None: as the settings say; 0: no limit."""

    messages_hour: int | None = None
    recipients_hour: int | None = None
    messages_day: int | None = None
    recipients_day: int | None = None
    burst_hour: int | None = None
    burst_minutes: int | None = None

    @property
    def plain(self) -> bool:
        """Whether it is no exception at all."""
        return self == _PLAIN


_PLAIN = Limits()


@dataclass(frozen=True, slots=True)
class Sender:
    """What is known of an account that sends."""

    account_id: int
    address: str
    domain_id: int
    domain: str
    own: Limits
    of_domain: Limits
    brake: Brake | None = None


@dataclass(frozen=True, slots=True)
class LimitException:
    """The limits of one account or domain. ``name``: its address or name."""

    id: int
    scope: str
    name: str
    limits: Limits


def of_account(account_id: int) -> str:
    """The scope of an account."""
    return f"a{account_id}"


def of_domain(domain_id: int) -> str:
    """The scope of a domain."""
    return f"d{domain_id}"


def find_sender(tx: Transaction, account_id: int) -> Sender | None:
    """Who sends, with the exceptions made and the brake; None for an account that is gone."""
    rows = tx.execute(records.SELECT_SENDER, {"of_id": account_id})
    if not rows:
        return None
    address, domain_id, domain = rows[0]
    return Sender(
        account_id,
        address,
        int(domain_id),
        domain,
        limits_of(tx, of_account(account_id)),
        limits_of(tx, of_domain(int(domain_id))),
        brakes.find(tx, account_id),
    )


def limits_of(tx: Transaction, scope: str) -> Limits:
    """The exceptions made for a scope."""
    rows = tx.execute(records.SELECT_LIMITS, {"of_scope": scope})
    return _limits(rows[0]) if rows else _PLAIN


def put_limits(tx: Transaction, scope: str, limits: Limits, *, feed: Feed | None = None) -> None:
    """Make exceptions, in place of those there were; none at all removes the entry."""
    if limits.plain:
        tx.change(records.DELETE_LIMITS, {"of_scope": scope})
    else:
        names = Limits.__dataclass_fields__
        values = dict(zip(names, astuple(limits), strict=True))
        tx.upsert(records.sending_limits, {"scope": scope}, values)
    bump(tx, DIRECTORY, feed)


def exceptions(tx: Transaction, after: int, count: int) -> list[LimitException]:
    """Those there are, behind the one with the id ``after``; those of accounts and domains that are gone have no
    name."""
    rows = tx.execute(records.SELECT_EXCEPTIONS, {"after": after, "count": count})
    names = names_of(tx, [row[1] for row in rows])
    return [LimitException(int(row[0]), row[1], names.get(row[1], ""), _limits(row[2:])) for row in rows]


def names_of(tx: Transaction, scopes: Sequence[str]) -> dict[str, str]:
    """The addresses and domains of scopes, as far as they are there."""
    found: dict[str, str] = {}
    for letter, statement in (("a", records.SELECT_ADDRESSES), ("d", records.SELECT_DOMAINS)):
        ids = [int(scope[1:]) for scope in scopes if scope[0] == letter]
        if ids:
            found.update({f"{letter}{row[0]}": row[1] for row in tx.execute(statement, {"ids": ids})})
    return found


def rights_of(tx: Transaction, account_id: int) -> tuple[str, ...]:
    """The patterns of addresses that an account may use besides its own."""
    return tuple(row[0] for row in tx.execute(records.SELECT_RIGHTS, {"of_account": account_id}))


def add_right(tx: Transaction, account_id: int, pattern: str, *, feed: Feed | None = None) -> None:
    """Let an account use the addresses of a pattern."""
    tx.insert_ignore(records.sender_rights, {"account_id": account_id, "pattern": pattern, "at": time()})
    bump(tx, DIRECTORY, feed)


def remove_right(tx: Transaction, account_id: int, pattern: str, *, feed: Feed | None = None) -> bool:
    """Take it back; whether there was anything."""
    gone = tx.change(records.DELETE_RIGHT, {"of_account": account_id, "of_pattern": pattern}) > 0
    bump(tx, DIRECTORY, feed)
    return gone


def covers(patterns: Sequence[str], address: Address) -> bool:
    """Whether one of the patterns is about this address, with or without a detail."""
    if not patterns:
        return False
    meant = {EVERYBODY, address.key, f"@{address.domain}"}
    base, plus, _ = address.local.partition("+")
    if plus and base:
        meant.add(Address(base, address.domain).key)
    return not meant.isdisjoint(patterns)


def forget_account(tx: Transaction, account_id: int) -> None:
    """An account goes: its exceptions, rights and brake go with it."""
    tx.change(records.DELETE_LIMITS, {"of_scope": of_account(account_id)})
    tx.change(records.DELETE_RIGHTS, {"of_account": account_id})
    tx.change(records.DELETE_BRAKE, {"of_account": account_id})


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """A domain goes, with its exceptions."""
    tx.change(records.DELETE_LIMITS, {"of_scope": of_domain(domain_id)})


def _limits(row: Row) -> Limits:
    return Limits(*(None if value is None else int(value) for value in row))
