"""What else has a name in a merge: other names of domains, further and masked addresses, groups, lists, templates.

What is there already stays as it is: who left a list, or was taken out of a group, is not put back. Where it differs
from the backup, or somebody else has the name, a line says so.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select

from posthouse.database.contract import Transaction
from posthouse.directory import domain_records, group_records, journal_records, list_records, naming, records
from posthouse.directory.address_records import account_addresses, masked_addresses
from posthouse.directory.removed import MARK
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.manage.backup.contents import Cells
from posthouse.manage.backup.merge_job import MergeJob
from posthouse.manage.backup.merge_people import Here
from posthouse.manage.backup.merge_rows import filled, inserting
from posthouse.manage.backup.merge_who import Who

_SERVER = 0
_ADDRESS_OWNERS: dict[str, Any] = {
    table.name: select(table.c.account_id).where(table.c.address == bindparam("address"))
    for table in (account_addresses, masked_addresses)
}
_GROUP_MEMBERS = select(group_records.group_members.c.kind, group_records.group_members.c.member_id).where(
    group_records.group_members.c.group_id == bindparam("of_group")
)
_LIST_MEMBERS = select(list_records.list_members.c.kind, list_records.list_members.c.address).where(
    list_records.list_members.c.list_id == bindparam("of_list")
)


class MergeNames:
    """Adds what has a name of its own, once the people are there."""

    def __init__(self, job: MergeJob, here: Here, who: Who) -> None:
        self._job = job
        self._here = here
        self._who = who

    async def run(self) -> None:
        """Add all that is missing."""
        scope = self._job.scope
        for table, word in ((account_addresses, "address"), (masked_addresses, "masked")):
            for row in await self._job.load(table.name):
                if row["account_id"] in self._here.accounts:
                    await self._address(row, table, word)
        if scope.account:
            return
        for row in await self._job.load("domain_names"):
            if row["domain_id"] in self._here.domains:
                await self._domain_name(row)
        await self._groups()
        await self._lists()
        if not scope.domain:
            await self._templates()
            await self._journal()

    # ------------------------------------------------------------------ addresses and names

    async def _address(self, row: Cells, table: Any, word: str) -> None:
        key = row["address"]
        owner, account = self._here.accounts[row["account_id"]]
        what = "masked address" if word == "masked" else "address"

        def op(tx: Transaction) -> str:
            if taken := naming.taken_by(tx, key):
                if taken == word:
                    if tx.execute(_ADDRESS_OWNERS[table.name], {"address": key})[0][0] == account:
                        return ""
                    return f"leave out {what} {key} of {owner}: another account has it"
                return f"leave out {what} {key} of {owner}: there is {naming.WORDS.get(taken, taken)} of that name"
            domain = tx.lock(records.SELECT_DOMAIN, {"name": key.rpartition("@")[2]})
            if not domain and key.rpartition("@")[2] not in _names(self._here):
                return f"leave out {what} {key} of {owner}: its domain is not here"
            if not self._job.dry:
                own = {"account_id": account, "domain_id": domain[0][0]}
                tx.execute(inserting(table), filled(table, row, **own))
                bump(tx, DIRECTORY, self._job.call.context.feed)
            return f"make {what} {key} of {owner}"

        self._job.changes.addresses += await self._do(op)

    async def _domain_name(self, row: Cells) -> None:
        name = row["name"]
        domain, number = self._here.domains[row["domain_id"]]

        def op(tx: Transaction) -> str:
            if other := tx.execute(domain_records.SELECT_NAME, {"name": name}):
                if other[0][1] == domain:
                    return ""
                return f"leave out name {name} of domain {domain}: it is another name of {other[0][1]}"
            if tx.lock(records.SELECT_DOMAIN, {"name": name}):
                return f"leave out name {name} of domain {domain}: there is a domain of that name"
            if not self._job.dry:
                table = domain_records.names
                tx.execute(inserting(table), filled(table, row, domain_id=number))
                bump(tx, DIRECTORY, self._job.call.context.feed)
            return f"make name {name} of domain {domain}"

        self._job.changes.addresses += await self._do(op)

    # ------------------------------------------------------------------ groups

    async def _groups(self) -> None:
        """All groups in one unit: they may be in one another."""
        members: dict[int, list[Cells]] = {}
        for row in await self._job.load("group_members"):
            members.setdefault(row["group_id"], []).append(row)
        wanted = [row for row in await self._job.load("account_groups") if self._wants_group(row)]
        if not wanted:
            return

        def op(tx: Transaction) -> list[str]:
            lines: list[str] = []
            made: list[tuple[int, Cells]] = []
            for row in wanted:
                name = row["name"]
                if there := tx.execute(group_records.SELECT_BY_NAME, {"name": name}):
                    lines += self._unlike_group(tx, int(there[0][0]), name, members.get(row["id"], []))
                    continue
                lines.append(f"make group {name}")
                if self._job.dry:
                    self._who.coming_groups.add(row["id"])
                    made.append((0, row))
                    continue
                table = group_records.account_groups
                domain_id = self._here.domains[row["domain_id"]][1] if row["domain_id"] else None
                made.append((tx.insert(inserting(table), filled(table, row, domain_id=domain_id)), row))
            for number, row in made:
                lines += self._fill_group(tx, number, row["name"], members.get(row["id"], []))
            if made and not self._job.dry:
                bump(tx, DIRECTORY, self._job.call.context.feed)
            return lines

        self._job.changes.groups += self._say(await self._job.call.context.database.run(op))

    def _wants_group(self, row: Cells) -> bool:
        if row["domain_id"]:
            return row["domain_id"] in self._here.domains
        return not self._job.scope.domain

    def _members_here(self, tx: Transaction, rows: list[Cells]) -> tuple[list[tuple[str, int]], list[str]]:
        """(kind, id here) of those members of a group who are here, and the names of all others."""
        by_kind = {
            kind: [row["member_id"] for row in rows if row["kind"] == kind]
            for kind in (group_records.ACCOUNT, group_records.GROUP)
        }
        people = self._who.accounts_in(tx, by_kind[group_records.ACCOUNT])
        groups = self._who.groups_in(tx, by_kind[group_records.GROUP])
        found: list[tuple[str, int]] = []
        lost: list[str] = []
        for row in rows:
            number = row["member_id"]
            is_group = row["kind"] == group_records.GROUP
            here = (groups if is_group else people).get(number)
            if here is not None:
                found.append((row["kind"], here))
            elif is_group or self._who.account(number)[0] != MARK:
                lost.append(f"group {self._who.group(number)}" if is_group else self._who.account(number))
        return found, lost

    def _fill_group(self, tx: Transaction, group: int, name: str, rows: list[Cells]) -> list[str]:
        found, lost = self._members_here(tx, rows)
        values = [{"group_id": group, "kind": kind, "member_id": number} for kind, number in found]
        if values and not self._job.dry:
            tx.execute_many(inserting(group_records.group_members), values)
        return [f"leave out {each} of group {name}: nobody here is the same" for each in lost]

    def _unlike_group(self, tx: Transaction, group: int, name: str, rows: list[Cells]) -> list[str]:
        there = {(row[0], int(row[1])) for row in tx.execute(_GROUP_MEMBERS, {"of_group": group})}
        found, _ = self._members_here(tx, rows)
        more = len(set(found) - there)
        return [f"keep group {name} as it is: in the backup it has {_members(more)} besides"] if more else []

    # ------------------------------------------------------------------ lists

    async def _lists(self) -> None:
        people = _by_list(await self._job.load("list_people"))
        members = _by_list(await self._job.load("list_members"))
        for row in await self._job.load("mailing_lists"):
            if row["domain_id"] in self._here.domains and row["address"][0] != MARK:
                await self._list(row, people.get(row["id"], []), members.get(row["id"], []))

    async def _list(self, row: Cells, people: list[Cells], members: list[Cells]) -> None:
        """A list with everybody on it, in one unit."""
        key = row["address"]

        def op(tx: Transaction) -> list[str]:
            if taken := naming.taken_by(tx, key):
                if taken != "list":
                    return [f"leave out list {key}: there is {naming.WORDS.get(taken, taken)} of that name"]
                return self._unlike_list(tx, key, members)
            ready, lost = self._members_of_list(tx, members)
            lines = [f"make list {key} with {_members(len(ready))}"]
            lines += [f"leave out {each} of list {key}: no group here is the same" for each in lost]
            if self._job.dry:
                return lines
            domain = tx.lock(records.SELECT_DOMAIN, {"name": key.rpartition("@")[2]})
            table = list_records.mailing_lists
            made = tx.insert(inserting(table), filled(table, row, domain_id=domain[0][0]))
            for part, rows in ((list_records.list_members, ready), (list_records.list_people, people)):
                values = [filled(part, each, list_id=made) for each in rows]
                if values:
                    tx.execute_many(inserting(part), values)
            bump(tx, DIRECTORY, self._job.call.context.feed)
            return lines

        self._job.changes.lists += self._say(await self._job.call.context.database.run(op))

    def _members_of_list(self, tx: Transaction, rows: list[Cells]) -> tuple[list[Cells], list[str]]:
        """The members with the ids of groups as they are here, and the names of groups that are not."""
        groups = [int(row["address"]) for row in rows if row["kind"] == list_records.GROUP]
        here = self._who.groups_in(tx, groups)
        ready, lost = [], []
        for row in rows:
            if row["kind"] != list_records.GROUP:
                ready.append(row)
            elif (number := here.get(int(row["address"]))) is not None:
                ready.append({**row, "address": str(number)})
            else:
                lost.append(f"group {self._who.group(int(row['address']))}")
        return ready, lost

    def _unlike_list(self, tx: Transaction, key: str, members: list[Cells]) -> list[str]:
        number = tx.execute(list_records.SELECT_ID, {"address": key})[0][0]
        there = {(row[0], row[1]) for row in tx.execute(_LIST_MEMBERS, {"of_list": number})}
        ready, _ = self._members_of_list(tx, members)
        more = len({(row["kind"], row["address"]) for row in ready} - there)
        return [f"keep list {key} as it is: in the backup it has {_members(more)} besides"] if more else []

    # ------------------------------------------------------------------ of the server

    async def _templates(self) -> None:
        for row in await self._job.load("domain_templates"):

            def op(tx: Transaction, row: Cells = row) -> str:
                name = row["name"]
                if tx.execute(domain_records.SELECT_TEMPLATE, {"name": name}):
                    return ""
                if not self._job.dry:
                    tx.execute(inserting(domain_records.templates), filled(domain_records.templates, row))
                return f"make template {name}"

            self._job.changes.others += await self._do(op)

    async def _journal(self) -> None:
        for row in await self._job.load("journals"):
            if row["domain_id"] != _SERVER:
                continue  # it came with its domain

            def op(tx: Transaction, row: Cells = row) -> str:
                if tx.execute(journal_records.SELECT, {"of_id": _SERVER}):
                    return ""
                if not self._job.dry:
                    tx.execute(inserting(journal_records.journals), filled(journal_records.journals, row))
                    bump(tx, DIRECTORY, self._job.call.context.feed)
                return f"make the journal of the server at {row['address']}"

            self._job.changes.others += await self._do(op)

    async def _do(self, op: Any) -> int:
        line = await self._job.call.context.database.run(op)
        return self._say([line] if line else [])

    def _say(self, lines: list[str]) -> int:
        """Tell; how many things were made."""
        for line in lines:
            self._job.changes.say(line)
        return sum(line.startswith("make ") for line in lines)


def _by_list(rows: list[Cells]) -> dict[int, list[Cells]]:
    found: dict[int, list[Cells]] = {}
    for row in rows:
        found.setdefault(row["list_id"], []).append(row)
    return found


def _names(here: Here) -> set[str]:
    """Domains that would be made."""
    return {name for name, number in here.domains.values() if number is None}


def _members(count: int) -> str:
    return f"{count} member" + "s" * (count != 1)
