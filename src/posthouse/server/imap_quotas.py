"""SETQUOTA as the administrative use that it is: the same rights, limits and audit lines as on every other face."""

from __future__ import annotations

from typing import Any

from posthouse.access.imap.quota import QuotaDeclined
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.directory import domain_records, lookup
from posthouse.directory.roles import actor_of
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.use import perform
from posthouse.store.contract import Quota

_MAX_ACCOUNT = [column.name for column in domain_records.PROPERTIES].index("max_account")


class ImapQuotas:
    """The QuotaDesk of ``access.imap.quota``."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def governs(self, account_id: int) -> bool:
        """Whether an account is an administrator's."""
        actor = await self._context.database.read(_actor, account_id)
        return actor is not None and actor.role != "user"

    async def show(self, account_id: int, root: str) -> Quota:
        """The quota of somebody the administrator looks after."""
        found = await self._use(account_id, "quota.show", {"address": root})
        return Quota(found.used, found.quota, found.held, found.messages)

    async def set(self, account_id: int, root: str, storage: int, messages: int) -> Quota:
        """Set the quota of somebody the administrator looks after, within what the domain may hold."""
        before = await self._use(account_id, "quota.show", {"address": root})
        most = await self._context.database.read(_most, root.rpartition("@")[2].lower())
        if any(limit and (not storage or storage > limit) for limit in (before.domain, most)):
            raise QuotaDeclined("The domain does not allow as much", b"LIMIT")
        await self._use(
            account_id, "account.quota", {"address": root, "quota": str(storage) if storage else "none"}
        )
        await self._use(account_id, "quota.messages", {"address": root, "messages": messages})
        return await self.show(account_id, root)

    async def _use(self, account_id: int, name: str, parameters: dict[str, object]) -> Any:
        actor = await self._context.database.read(_actor, account_id)
        if actor is None or actor.role == "user":
            raise QuotaDeclined("Quotas are set by the administrator", b"NOPERM")
        try:
            return await perform(self._context, actor, name, parameters)
        except ManageError as error:
            if error.kind == "unavailable":
                raise DatabaseUnavailable(error.what) from error
            code = {"missing": b"NONEXISTENT", "refused": b"NOPERM"}.get(error.kind, b"LIMIT")
            raise QuotaDeclined(error.what.rstrip("."), code) from None


def _most(tx: Transaction, domain: str) -> int:
    """The largest quota that an account of a domain may have, 0 for any."""
    rules = lookup.find_rules(tx, domain)
    if rules is None:
        return 0
    rows = tx.execute(domain_records.SELECT_PROPERTIES, {"of_id": rules.id})
    return int(rows[0][_MAX_ACCOUNT]) if rows else 0


def _actor(tx: Transaction, account_id: int) -> Actor | None:
    account = lookup.find_account(tx, account_id)
    if account is None or not account.active:
        return None
    role, domains = actor_of(tx, account)
    return Actor(
        account.address,
        "imap",
        role=role,
        account=account.address,
        account_id=account.id,
        domains=domains,
        fresh_at=0.0,
    )
