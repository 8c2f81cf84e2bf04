"""Rows of a backup as rows of the tables as they are now, and what belongs to an account or a domain: it comes back
with its owner, in the unit that makes the owner, or not at all.

Who exists here already keeps what they have: an app password that was taken back, a forward that was ended or a
certificate that was lost since must not come back by a merge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Column, DefaultClause, Double, String, Table, bindparam, insert, literal, select
from sqlalchemy.sql import Executable

from posthouse.database.contract import Transaction
from posthouse.manage.backup.contents import Cells
from posthouse.manage.backup.merge_job import MergeJob
from posthouse.manage.backup.tables import every_table


@dataclass(frozen=True, slots=True)
class Part:
    """A table with rows that belong to somebody: ``column`` names the owner by id, after ``prefix``; only rows of
    ``scope`` are meant where the table has several kinds of owners. ``word``: what they are called."""

    table: str
    column: str
    word: str
    scope: str = ""
    prefix: str = ""

    def owner(self, number: int) -> int | str:
        """How an owner is named in the column."""
        return f"{self.prefix}{number}" if self.prefix else number


OF_ACCOUNT = (
    Part("app_passwords", "account_id", "app passwords"),
    Part("client_certificates", "account_id", "client certificates"),
    Part("factors", "account_id", "second factors"),
    Part("signatures", "of_id", "a signature", scope="account"),
    Part("auto_replies", "account_id", "an automatic reply"),
    Part("auto_reply_senders", "account_id", ""),
    Part("account_forwards", "account_id", "a forward"),
    Part("forward_targets", "account_id", ""),
    Part("archive_rules", "of_id", "an archive rule", scope="account"),
    Part("account_limits", "account_id", "limits"),
    Part("sending_limits", "scope", "sending limits", prefix="a"),
    Part("sender_rights", "account_id", "rights to send as others"),
    Part("shared_mailboxes", "account_id", "the mark of a shared mailbox"),
    Part("source_accounts", "account_id", "the word of its sign-in source"),
)
OF_DOMAIN = (
    Part("dkim_keys", "domain_id", "DKIM keys"),
    Part("signatures", "of_id", "a signature", scope="domain"),
    Part("archive_rules", "of_id", "an archive rule", scope="domain"),
    Part("journals", "domain_id", "a journal"),
    Part("sending_limits", "scope", "sending limits", prefix="d"),
)
"""Parts without a word are of another part, and not spoken of."""

_inserts: dict[str, Executable] = {}
_selects: dict[tuple[str, ...], Executable] = {}


def inserting(table: Table) -> Executable:
    """Inserts a row of :func:`filled`."""
    if table.name not in _inserts:
        _inserts[table.name] = insert(table).values({name: bindparam(name) for name in _columns(table)})
    return _inserts[table.name]


def having(table: Table, columns: Sequence[str]) -> Executable:
    """Whether there is a row with these values (bind parameters ``in_`` and the column's name)."""
    key = (table.name, *columns)
    if key not in _selects:
        found = select(literal(1)).select_from(table).limit(1)
        _selects[key] = found.where(*(table.c[name] == bindparam(f"in_{name}") for name in columns))
    return _selects[key]


def filled(table: Table, row: Cells, **own: Any) -> dict[str, Any]:
    """A row of a backup for the table as it is now; a backup of an earlier version has fewer columns."""
    columns = [table.c[name] for name in _columns(table)]
    missing = {column.name: _default(column) for column in columns if "since" in column.info}
    return {**missing, **{column.name: row[column.name] for column in columns if column.name in row}, **own}


def _columns(table: Table) -> list[str]:
    """All but an id that the database gives."""
    return [column.name for column in table.c if column.name != "id"]


def _default(column: Column[Any]) -> Any:
    """The value a column has where nothing is said."""
    if column.server_default is None:
        return None
    text = str(cast(DefaultClause, column.server_default).arg)
    return (
        text
        if isinstance(column.type, String)
        else float(text)
        if isinstance(column.type, Double)
        else int(text)
    )


class Belongings:
    """What the owners of one kind have in the backup. ``what``: the kind, in words."""

    def __init__(self, parts: Iterable[Part], what: str) -> None:
        self._parts = tuple(parts)
        self._what = what
        self._rows: dict[Part, dict[int | str, list[Cells]]] = {}

    async def load(self, job: MergeJob) -> None:
        """Read them all once."""
        for part in self._parts:
            by_owner = self._rows[part] = {}
            for row in await job.load(part.table):
                if not part.scope or row["scope"] == part.scope:
                    by_owner.setdefault(row[part.column], []).append(row)

    def put(self, tx: Transaction, was: int, now: int, name: str) -> list[str]:
        """Put them in for an owner that was just made (an op): its id in the backup, here, and its name. Returns lines
        about what was left out, because somebody else has it."""
        lines = []
        for part in self._parts:
            rows = self._rows[part].get(part.owner(was), [])
            table = every_table()[part.table]
            alone = [column.name for column in table.c if column.unique]
            for row in rows:
                if any(tx.execute(having(table, [each]), {f"in_{each}": row[each]}) for each in alone):
                    lines.append(f"leave out one of {part.word} of {name}: another one here has it")
                    continue
                tx.execute(inserting(table), filled(table, row, **{part.column: part.owner(now)}))
        return lines

    def unlike(self, tx: Transaction, was: int, now: int, name: str) -> list[str]:
        """A line about what an owner that is here has in the backup alone."""
        words = []
        for part in self._parts:
            if not part.word or not self._rows[part].get(part.owner(was)):
                continue
            values: dict[str, Any] = {f"in_{part.column}": part.owner(now)}
            columns = [part.column]
            if part.scope:
                columns.append("scope")
                values["in_scope"] = part.scope
            if not tx.execute(having(every_table()[part.table], columns), values):
                words.append(part.word)
        if not words:
            return []
        return [f"keep {self._what} {name} as it is: in the backup it has {', '.join(words)} besides"]
