"""The people of a merge: domains, accounts and aliases that are missing."""

from __future__ import annotations

import time
from typing import Any, cast

from sqlalchemy import Column, DefaultClause, Double, String, bindparam, insert

from posthouse.database.contract import Transaction
from posthouse.directory import naming
from posthouse.directory import records as people
from posthouse.directory.alias_records import INSERT_ALIAS
from posthouse.directory.names import domain_name, own_address, target_address
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.manage.backup.contents import Cells
from posthouse.manage.backup.merge_job import MergeJob
from posthouse.manage.errors import ManageError


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


_INSERT_ACCOUNT = insert(people.accounts).values(
    {column.name: bindparam(column.name) for column in people.accounts.c if column.name != "id"}
)


_COLUMNS = frozenset(column.name for column in people.accounts.c if column.name != "id")
_DEFAULTS: dict[str, Any] = {
    column.name: _default(column)
    for column in people.accounts.c
    if column.name != "id" and "since" in column.info
}
"""What stands in columns that a backup of an earlier version does not have."""


class MergePeople:
    """Adds the people of one merge."""

    def __init__(self, job: MergeJob) -> None:
        self._job = job

    async def run(self) -> dict[int, tuple[str, int]]:
        """Add them. Returns address and id here of each account of the backup that was wanted, by its id in the
        backup: 0 for one that would be made, below 0 for one left out. Raises ManageError when the backup has nothing
        of that name."""
        domains = await self._job.load("domains")
        accounts = [
            row for row in await self._job.load("accounts") if self._job.scope.wants_account(row["address"])
        ]
        wanted = {row["address"].rpartition("@")[2] for row in accounts}
        if not self._job.scope.account:
            wanted |= {row["name"] for row in domains if self._job.scope.domain in ("", row["name"])}
        if not wanted and (self._job.scope.account or self._job.scope.domain):
            raise ManageError(
                "missing",
                f"The backup has no {self._job.scope.account or self._job.scope.domain}.",
                "`posthouse backup show` lists what it has.",
            )
        for name in sorted(wanted):
            await self._domain(name)
        here = {}
        for row in accounts:
            here[row["id"]] = (row["address"], await self._account(row))
        if not self._job.scope.account:
            for row in await self._job.load("aliases"):
                if row["address"].rpartition("@")[2] in wanted:
                    await self._alias(row)
        return here

    async def _domain(self, name: str) -> None:
        name = domain_name(name)

        def op(tx: Transaction) -> bool:
            if tx.execute(people.SELECT_DOMAIN, {"name": name}):
                return False
            if not self._job.dry:
                tx.insert(people.INSERT_DOMAIN, {"name": name, "created_at": time.time()})
                bump(tx, DIRECTORY, self._job.call.context.feed)
            return True

        if await self._job.call.context.database.run(op):
            self._job.changes.domains += 1
            self._job.changes.say(f"make domain {name}")

    async def _account(self, row: Cells) -> int:
        """The account's id here; 0 for one that would be made."""
        key = own_address(row["address"]).key

        def op(tx: Transaction) -> tuple[int, str]:
            found = tx.execute(people.SELECT_ACCOUNT, {"address": key})
            if found:
                return int(found[0][0]), ""
            if taken := naming.taken_by(tx, key):
                what = naming.WORDS.get(taken, taken)
                return 0, f"leave out account {key}: there is {what} of that name"
            if self._job.dry:
                return 0, f"make account {key}"
            domain = tx.lock(people.SELECT_DOMAIN, {"name": key.rpartition("@")[2]})
            values = {name: value for name, value in row.items() if name in _DEFAULTS or name in _COLUMNS}
            given = {**_DEFAULTS, **values, "address": key, "domain_id": domain[0][0]}
            made = tx.insert(_INSERT_ACCOUNT, given)
            bump(tx, DIRECTORY, self._job.call.context.feed)
            return made, f"make account {key}"

        account, line = await self._job.call.context.database.run(op)
        if line:
            self._job.changes.say(line)
            if line.startswith("leave"):
                return -1
            self._job.changes.accounts += 1
        return account

    async def _alias(self, row: Cells) -> None:
        source, target = own_address(row["address"]).key, str(target_address(row["target"]))

        def op(tx: Transaction) -> bool:
            if naming.taken_by(tx, source):
                return False
            if not self._job.dry:
                domain = tx.lock(people.SELECT_DOMAIN, {"name": source.rpartition("@")[2]})
                values = {"domain_id": domain[0][0], "address": source, "target": target}
                # Backups of earlier versions know neither further targets nor switched-off aliases.
                more = {"more": row.get("more"), "active": row.get("active", 1), "note": row.get("note", "")}
                tx.insert(INSERT_ALIAS, {**values, **more, "created_at": row["created_at"]})
                bump(tx, DIRECTORY, self._job.call.context.feed)
            return True

        if await self._job.call.context.database.run(op):
            self._job.changes.aliases += 1
            self._job.changes.say(f"make alias {source} to {target}")
