"""The people of a merge: domains, accounts and aliases that are missing."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Column, DefaultClause, Double, String, Table, bindparam, insert

from posthouse.database.contract import Transaction
from posthouse.directory import domain_records, naming, removed_records
from posthouse.directory import records as people
from posthouse.directory.alias_records import INSERT_ALIAS
from posthouse.directory.names import domain_name, own_address, target_address
from posthouse.directory.removed import MARK
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


def _filled(table: Table, row: Cells, **own: Any) -> dict[str, Any]:
    """A row of a backup for the table as it is now; a backup of an earlier version has fewer columns."""
    columns = [column for column in table.c if column.name != "id"]
    missing = {column.name: _default(column) for column in columns if "since" in column.info}
    return {**missing, **{column.name: row[column.name] for column in columns if column.name in row}, **own}


_INSERT_ACCOUNT = insert(people.accounts).values(
    {column.name: bindparam(column.name) for column in people.accounts.c if column.name != "id"}
)
_INSERT_DOMAIN = insert(people.domains).values(
    {column.name: bindparam(column.name) for column in people.domains.c if column.name != "id"}
)


class MergePeople:
    """Adds the people of one merge."""

    def __init__(self, job: MergeJob) -> None:
        self._job = job

    async def run(self) -> dict[int, tuple[str, int]]:
        """Add them. Returns address and id here of each account of the backup that was wanted, by its id in the
        backup: 0 for one that would be made, below 0 for one left out. Raises ManageError when the backup has nothing
        of that name."""
        # (removed when the backup was made: a name with a mark instead of an address)
        domains = {row["name"]: row for row in await self._job.load("domains") if row["name"][0] != MARK}
        accounts = [
            row
            for row in await self._job.load("accounts")
            if row["address"][0] != MARK and self._job.scope.wants_account(row["address"])
        ]
        accounts = [row for row in accounts if row["address"].rpartition("@")[2] in domains]
        wanted = {row["address"].rpartition("@")[2] for row in accounts}
        if not self._job.scope.account:
            wanted |= {name for name in domains if self._job.scope.domain in ("", name)}
        if not wanted and (self._job.scope.account or self._job.scope.domain):
            raise ManageError(
                "missing",
                f"The backup has no {self._job.scope.account or self._job.scope.domain}.",
                "`posthouse backup show` lists what it has.",
            )
        for name in sorted(wanted):
            if not await self._domain(domains[name]):
                wanted.discard(name)
        here = {}
        for row in accounts:
            if row["address"].rpartition("@")[2] in wanted:
                here[row["id"]] = (row["address"], await self._account(row))
        if not self._job.scope.account:
            for row in await self._job.load("aliases"):
                if row["address"].rpartition("@")[2] in wanted:
                    await self._alias(row)
        return here

    async def _domain(self, row: Cells) -> bool:
        """Whether the domain is here, or would be."""
        name = domain_name(row["name"])

        def op(tx: Transaction) -> str:
            if tx.execute(people.SELECT_DOMAIN, {"name": name}):
                return ""
            if tx.execute(removed_records.SELECT_DOMAIN, {"name": name}):
                # A second one of its name would keep the first from ever coming back.
                return f"leave out domain {name}: it was removed; restore it, or remove it for good, first"
            if tx.execute(domain_records.SELECT_NAME, {"name": name}):
                return f"leave out domain {name}: another domain has that name, too"
            if not self._job.dry:
                tx.insert(_INSERT_DOMAIN, _filled(people.domains, row, name=name))
                bump(tx, DIRECTORY, self._job.call.context.feed)
            return f"make domain {name}"

        line = await self._job.call.context.database.run(op)
        if line:
            self._job.changes.say(line)
        if line.startswith("make"):
            self._job.changes.domains += 1
        return not line.startswith("leave")

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
            given = _filled(people.accounts, row, address=key, domain_id=domain[0][0])
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
