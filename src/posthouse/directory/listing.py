"""Pages of domains, accounts and aliases: searched, limited to what somebody looks after, and counted, by the
database.

``within`` are the domains a list is limited to (their names), None for all. ``search`` is a piece of the name or
address. ``after`` is the last name or address of the page before, "" for the first page.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, Select, bindparam, func, not_, select

from posthouse.database.contract import Row, Transaction
from posthouse.directory import alias_records, removed_records
from posthouse.directory.admin import DomainInfo
from posthouse.directory.aliases import Alias, alias_of
from posthouse.directory.contract import Account
from posthouse.directory.records import ACCOUNT, accounts, aliases, domains
from posthouse.directory.rows import account_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page, and how many there are on all pages."""

    rows: list[T]
    total: int


class Listing:
    """The statements of one list: with and without a scope and a search, each built once.

    ``hidden`` are not on the list. They are counted by themselves and taken off: a count by scope and key alone is
    answered from an index, and by the rows themselves it takes many times as long.
    """

    def __init__(
        self,
        columns: tuple[Column[Any], ...],
        key: Column[Any],
        scope: Column[Any],
        *only: ColumnElement[bool],
        hidden: ColumnElement[bool] | None = None,
    ) -> None:
        self._pages: dict[tuple[bool, bool], Select[Any]] = {}
        self._counts: dict[tuple[bool, bool], Select[Any]] = {}
        self._hidden: dict[tuple[bool, bool], Select[Any]] = {}
        for scoped in (False, True):
            for searching in (False, True):
                some: list[ColumnElement[bool]] = [*only]
                some += [scope.in_(bindparam("within", expanding=True))] if scoped else []
                some += [key.like(bindparam("pattern"), escape="!")] if searching else []
                page = select(*columns).where(key > bindparam("after"), *some)
                count = select(func.count()).select_from(key.table).where(*some)
                if hidden is not None:
                    page = page.where(not_(hidden))
                    self._hidden[scoped, searching] = count.where(hidden)
                self._pages[scoped, searching] = page.order_by(key).limit(bindparam("count"))
                self._counts[scoped, searching] = count

    def read(
        self, tx: Transaction, within: Collection[int] | None, search: str, after: str, limit: int
    ) -> tuple[list[Row], int]:
        """The rows of a page and the number of all."""
        if within is not None and not within:
            return [], 0
        which = (within is not None, bool(search))
        values: dict[str, Any] = {"pattern": like(search)} if search else {}
        if within is not None:
            values["within"] = list(within)
        total = int(tx.execute(self._counts[which], values or None)[0][0])
        if which in self._hidden:
            total -= int(tx.execute(self._hidden[which], values or None)[0][0])
        return tx.execute(self._pages[which], {**values, "after": after, "count": limit}), total


_DOMAINS = Listing(
    (domains.c.id, domains.c.name, domains.c.active),
    domains.c.name,
    domains.c.id,
    domains.c.name.not_like("!%"),
)
_ACCOUNTS = Listing(
    ACCOUNT,
    accounts.c.address,
    accounts.c.domain_id,
    removed_records.NAMED,
    hidden=removed_records.OF_REMOVED_DOMAIN,
)
_ALIASES = Listing(alias_records.COLUMNS, aliases.c.address, aliases.c.domain_id)

_SELECT_IDS = select(domains.c.id).where(domains.c.name.in_(bindparam("names", expanding=True)))


def _counting(table: Any) -> Select[Any]:
    """How many rows each of some domains has."""
    of = table.c.domain_id
    return select(of, func.count()).where(of.in_(bindparam("ids", expanding=True))).group_by(of)


_COUNT_ACCOUNTS_OF = _counting(accounts)
_COUNT_ALIASES_OF = _counting(aliases)


def page_domains(
    tx: Transaction, within: Collection[str] | None, search: str, after: str, limit: int
) -> Page[DomainInfo]:
    """Domains by name, with what they hold."""
    rows, total = _DOMAINS.read(tx, _ids(tx, within), search, after, limit)
    ids = {"ids": [row[0] for row in rows]}
    held: dict[int, int] = dict(tx.execute(_COUNT_ACCOUNTS_OF, ids)) if rows else {}
    led: dict[int, int] = dict(tx.execute(_COUNT_ALIASES_OF, ids)) if rows else {}
    infos = [
        DomainInfo(int(row[0]), row[1], int(held.get(row[0], 0)), int(led.get(row[0], 0)), bool(row[2]))
        for row in rows
    ]
    return Page(infos, total)


def page_accounts(
    tx: Transaction, within: Collection[str] | None, search: str, after: str, limit: int
) -> Page[Account]:
    """Accounts by address."""
    rows, total = _ACCOUNTS.read(tx, _ids(tx, within), search, after, limit)
    return Page([account_of(row) for row in rows], total)


def page_aliases(
    tx: Transaction, within: Collection[str] | None, search: str, after: str, limit: int
) -> Page[Alias]:
    """Aliases by address."""
    rows, total = _ALIASES.read(tx, _ids(tx, within), search, after, limit)
    return Page([alias_of(row) for row in rows], total)


def like(search: str) -> str:
    """The pattern of a search, with ``!`` as its escape character; case is the directory's."""
    return f"%{escaped(search.lower())}%"


def escaped(text: str) -> str:
    """Text that means itself in a LIKE pattern with ``ESCAPE '!'``, on every engine."""
    return "".join(f"!{each}" if each in "!%_[" else each for each in text)


def _ids(tx: Transaction, within: Collection[str] | None) -> list[int] | None:
    if within is None:
        return None
    return [int(row[0]) for row in tx.execute(_SELECT_IDS, {"names": sorted(within)})] if within else []
