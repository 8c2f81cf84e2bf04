"""Who is meant here by an account or a group of a backup: rights and memberships name them by id.

An address may be somebody else's by now. So an account, or a group, is the same only if it was made at the same moment,
as those are that never went away, or that a restore or a merge made again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam, select

from posthouse.database.contract import Transaction
from posthouse.directory.group_records import account_groups
from posthouse.directory.records import accounts
from posthouse.manage.backup.merge_job import MergeJob
from posthouse.store.acl import ANYONE, NAMED, of_account, of_group

CHUNK = 400

_NAMES: Any = bindparam("names", expanding=True)
_ACCOUNTS = select(accounts.c.id, accounts.c.address, accounts.c.created_at).where(
    accounts.c.address.in_(_NAMES)
)
_GROUPS = select(account_groups.c.id, account_groups.c.name, account_groups.c.created_at).where(
    account_groups.c.name.in_(_NAMES)
)


class Who:
    """Names and moments of the accounts and groups of a backup, by id."""

    def __init__(self) -> None:
        self._accounts: dict[int, tuple[str, float]] = {}
        self._groups: dict[int, tuple[str, float]] = {}
        self.coming_accounts: set[int] = set()
        self.coming_groups: set[int] = set()
        """Those that would be made, where nothing is to be done: found, with the id 0."""

    async def load(self, job: MergeJob) -> None:
        """Read them once."""
        self._accounts = {
            row["id"]: (row["address"], row["created_at"]) for row in await job.load("accounts")
        }
        self._groups = {
            row["id"]: (row["name"], row["created_at"]) for row in await job.load("account_groups")
        }

    def accounts_in(self, tx: Transaction, numbers: Collection[int]) -> dict[int, int]:
        """The ids here of these accounts of the backup, of those that are the same (an op)."""
        coming = {number: 0 for number in numbers if number in self.coming_accounts}
        return {**coming, **_same(tx, _ACCOUNTS, self._accounts, numbers)}

    def groups_in(self, tx: Transaction, numbers: Collection[int]) -> dict[int, int]:
        """The same of groups."""
        coming = {number: 0 for number in numbers if number in self.coming_groups}
        return {**coming, **_same(tx, _GROUPS, self._groups, numbers)}

    def account(self, number: int) -> str:
        """What an account of the backup is called."""
        return self._accounts.get(number, ("an account that was gone already", 0.0))[0]

    def group(self, number: int) -> str:
        """What a group of the backup is called."""
        return self._groups.get(number, ("that was gone already", 0.0))[0]

    def identifier_in(self, tx: Transaction, identifier: str) -> str:
        """An identifier of a folder's rights as it is here; "" where nobody here is meant."""
        sign, name = ("-", identifier[1:]) if identifier.startswith("-") else ("", identifier)
        if name == ANYONE or name.startswith(NAMED):
            return identifier
        number = int(name[1:])
        if name == of_account(number):
            found = self.accounts_in(tx, [number])
            return sign + of_account(found[number]) if found else ""
        found = self.groups_in(tx, [number])
        return sign + of_group(found[number]) if found else ""

    def shown(self, identifier: str) -> str:
        """An identifier in words."""
        name = identifier.removeprefix("-")
        if name == ANYONE or name.startswith(NAMED):
            return name
        number = int(name[1:])
        return self.account(number) if name == of_account(number) else f"group {self.group(number)}"


def _same(
    tx: Transaction, statement: Any, known: dict[int, tuple[str, float]], numbers: Collection[int]
) -> dict[int, int]:
    wanted = {known[number][0]: number for number in numbers if number in known}
    names = sorted(wanted)
    found: dict[int, int] = {}
    for start in range(0, len(names), CHUNK):
        for here, name, created_at in tx.execute(statement, {"names": names[start : start + CHUNK]}):
            number = wanted.get(name)
            if number is not None and float(created_at) == known[number][1]:
                found[number] = int(here)
    return found
