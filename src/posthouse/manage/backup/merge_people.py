"""The people of a merge: domains, accounts and aliases that are missing, with all that belongs to them."""

from __future__ import annotations

from dataclasses import dataclass, field

from posthouse.database.contract import Transaction
from posthouse.directory import domain_records, naming, removed_records
from posthouse.directory import records as people
from posthouse.directory.alias_records import INSERT_ALIAS
from posthouse.directory.names import domain_name, own_address, target_address
from posthouse.directory.removed import MARK
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.manage.backup.contents import Cells
from posthouse.manage.backup.merge_job import MergeJob
from posthouse.manage.backup.merge_rows import OF_ACCOUNT, OF_DOMAIN, Belongings, filled, inserting
from posthouse.manage.errors import ManageError


@dataclass(slots=True)
class Here:
    """Those that were wanted, by id in the backup: accounts with address and id here, domains with name and id. None
    for one that would be made; whoever was left out is not in it."""

    accounts: dict[int, tuple[str, int | None]] = field(default_factory=dict)
    domains: dict[int, tuple[str, int | None]] = field(default_factory=dict)


class MergePeople:
    """Adds the people of one merge."""

    def __init__(self, job: MergeJob) -> None:
        self._job = job
        self._of_accounts = Belongings(OF_ACCOUNT, "account")
        self._of_domains = Belongings(OF_DOMAIN, "domain")

    async def run(self) -> Here:
        """Add them. Raises ManageError when the backup has nothing of the name that was asked for."""
        scope = self._job.scope
        # (removed when the backup was made: a name with a mark instead of an address)
        domains = {row["name"]: row for row in await self._job.load("domains") if row["name"][0] != MARK}
        accounts = [
            row
            for row in await self._job.load("accounts")
            if row["address"][0] != MARK and scope.wants_account(row["address"])
        ]
        accounts = [row for row in accounts if row["address"].rpartition("@")[2] in domains]
        wanted = {row["address"].rpartition("@")[2] for row in accounts}
        if not scope.account:
            wanted |= {name for name in domains if scope.domain in ("", name)}
        if not wanted and (scope.account or scope.domain):
            raise ManageError(
                "missing",
                f"The backup has no {scope.account or scope.domain}.",
                "`posthouse backup show` lists what it has.",
            )
        await self._of_accounts.load(self._job)
        await self._of_domains.load(self._job)
        here = Here()
        for name in sorted(wanted):
            found, number = await self._domain(domains[name])
            if found:
                here.domains[domains[name]["id"]] = (name, number)
        for row in accounts:
            if row["domain_id"] in here.domains:
                found, number = await self._account(row)
                if found:
                    here.accounts[row["id"]] = (row["address"], number)
        if not scope.account:
            for row in await self._job.load("aliases"):
                if row["domain_id"] in here.domains:
                    await self._alias(row)
        return here

    async def _domain(self, row: Cells) -> tuple[bool, int | None]:
        """Whether the domain is here, or would be; and its id."""
        name = domain_name(row["name"])

        def op(tx: Transaction) -> tuple[int | None, list[str]]:
            if found := tx.execute(people.SELECT_DOMAIN, {"name": name}):
                number = int(found[0][0])
                return number, self._of_domains.unlike(tx, row["id"], number, name)
            if tx.execute(removed_records.SELECT_DOMAIN, {"name": name}):
                # A second one of its name would keep the first from ever coming back.
                return None, [
                    f"leave out domain {name}: it was removed; restore it, or remove it for good, first"
                ]
            if tx.execute(domain_records.SELECT_NAME, {"name": name}):
                return None, [f"leave out domain {name}: another domain has that name, too"]
            if self._job.dry:
                return None, [f"make domain {name}"]
            made = tx.insert(inserting(people.domains), filled(people.domains, row, name=name))
            lines = self._of_domains.put(tx, row["id"], made, name)
            bump(tx, DIRECTORY, self._job.call.context.feed)
            return made, [f"make domain {name}", *lines]

        number, lines = await self._job.call.context.database.run(op)
        self._say(lines)
        self._job.changes.domains += bool(lines) and lines[0].startswith("make")
        return not (lines and lines[0].startswith("leave")), number

    async def _account(self, row: Cells) -> tuple[bool, int | None]:
        """Whether the account is here, or would be; and its id."""
        key = own_address(row["address"]).key

        def op(tx: Transaction) -> tuple[int | None, list[str]]:
            if found := tx.execute(people.SELECT_ACCOUNT, {"address": key}):
                number = int(found[0][0])
                return number, self._of_accounts.unlike(tx, row["id"], number, key)
            if taken := naming.taken_by(tx, key):
                what = naming.WORDS.get(taken, taken)
                return None, [f"leave out account {key}: there is {what} of that name"]
            if self._job.dry:
                return None, [f"make account {key}"]
            domain = tx.lock(people.SELECT_DOMAIN, {"name": key.rpartition("@")[2]})
            given = filled(people.accounts, row, address=key, domain_id=domain[0][0])
            made = tx.insert(inserting(people.accounts), given)
            lines = self._of_accounts.put(tx, row["id"], made, key)
            bump(tx, DIRECTORY, self._job.call.context.feed)
            return made, [f"make account {key}", *lines]

        number, lines = await self._job.call.context.database.run(op)
        self._say(lines)
        self._job.changes.accounts += bool(lines) and lines[0].startswith("make")
        return not (lines and lines[0].startswith("leave")), number

    async def _alias(self, row: Cells) -> None:
        source, target = own_address(row["address"]).key, str(target_address(row["target"]))

        def op(tx: Transaction) -> str:
            if taken := naming.taken_by(tx, source):
                what = naming.WORDS.get(taken, taken)
                return "" if taken == "alias" else f"leave out alias {source}: there is {what} of that name"
            if not self._job.dry:
                domain = tx.lock(people.SELECT_DOMAIN, {"name": source.rpartition("@")[2]})
                values = {"domain_id": domain[0][0], "address": source, "target": target}
                # Backups of earlier versions know neither further targets nor switched-off aliases.
                more = {"more": row.get("more"), "active": row.get("active", 1), "note": row.get("note", "")}
                tx.insert(INSERT_ALIAS, {**values, **more, "created_at": row["created_at"]})
                bump(tx, DIRECTORY, self._job.call.context.feed)
            return f"make alias {source} to {target}"

        line = await self._job.call.context.database.run(op)
        if line:
            self._say([line])
            self._job.changes.aliases += line.startswith("make")

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            self._job.changes.say(line)


__all__ = ["Here", "MergePeople"]
