"""Room in mailboxes and domains: promised at RCPT, checked at DATA, APPEND and COPY.

A promise counts until its transaction ends, so that space is not promised twice. After a 250 to RCPT a delivery never
fails for want of room as long as the message is as large as was declared there; what is larger, or came without a
declared size, is asked for again when its size is known.
"""

from __future__ import annotations

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, Transaction
from posthouse.directory import quotas
from posthouse.directory.cache import VersionedCache
from posthouse.directory.contract import Account
from posthouse.directory.domain_limits import largest_sent
from posthouse.directory.quotas import Limits
from posthouse.mail.refusal import Refusal
from posthouse.route.domain_use import DomainUse
from posthouse.route.quota import crowded, full, too_large
from posthouse.route.reservations import Reservations
from posthouse.store.contract import Appender, StoreRefusal
from posthouse.store.quota import Check, check_room, used_in

OWN_LINES = 64 << 10
"""Bytes that a message may be larger than was declared without a new look: our trace fields, a signature."""


class Space:
    """What accounts and domains may hold, and what is promised. Without ``feed`` only quotas of accounts hold (for
    parts of the server on their own). It is the store's ``Rooms`` too."""

    def __init__(
        self, database: Database, appender: Appender | None = None, feed: Feed | None = None
    ) -> None:
        self._database = database
        self._appender = appender
        self._cache = VersionedCache(database, feed) if feed is not None else None
        self._reservations = Reservations()
        self._domains = DomainUse(database)

    def close(self) -> None:
        """Stop listening to the feed."""
        if self._cache is not None:
            self._cache.close()

    async def reserve(self, account: Account, trace: str, size: int) -> None:
        """Promise room for a message of ``size`` bytes (0 = not declared) to a transaction. Raises Refusal,
        DatabaseUnavailable."""
        limits = await self._limits(account)
        refusal = too_large(limits.message, size)
        if refusal is None and limits.any:
            refusal = await self._promise(account.id, limits, trace, size)
        if refusal is not None:
            raise refusal

    async def too_large(self, account: Account, size: int) -> Refusal | None:
        """What speaks against a message whose size is known now by the largest that the account takes. Raises
        DatabaseUnavailable."""
        return too_large((await self._limits(account)).message, size)

    async def refusal(self, account: Account, size: int, *, trace: str = "") -> Refusal | None:
        """The same, and by the quotas, unless the transaction ``trace`` was promised that much. Raises
        DatabaseUnavailable."""
        limits = await self._limits(account)
        found = too_large(limits.message, size)
        if found is not None or not limits.any:
            return found
        promised = self._reservations.promised_to(trace, account.id) if trace else 0
        if promised and size <= promised + OWN_LINES:
            return None
        return await self._judge(account.id, limits, trace, size)

    async def largest(self, account_id: int) -> int:
        """Bytes of the largest message that an account takes, 0 for any. Raises DatabaseUnavailable."""
        return (await self._limits_of(account_id)).message

    async def refusal_to_send(self, account_id: int | None, size: int) -> Refusal | None:
        """What speaks against a message of this size by who has signed in: the largest that people of the domain send.
        Raises DatabaseUnavailable."""
        if not account_id or self._cache is None:
            return None
        most = await self._cache.get(("largest sent", account_id), largest_sent, account_id)
        if not most or size <= most:
            return None
        return Refusal(552, "5.3.4", f"Message is larger than people of your domain may send ({most} bytes)")

    def release(self, trace: str) -> None:
        """A transaction ended. What was promised to it may be in the mailboxes now."""
        for domain_id, size in self._reservations.release(trace).items():
            self._domains.grew(domain_id, size)

    @property
    def open_promises(self) -> int:
        """How many transactions hold promises."""
        return len(self._reservations)

    async def limits(self, account_id: int) -> tuple[int, int]:
        """The account's quota in (bytes, messages), 0 for none. Raises DatabaseUnavailable."""
        found = await self._limits_of(account_id)
        return found.quota, found.messages

    async def room(self, account_id: int) -> Check | None:
        """What tells, within a unit, whether there is room for more (``store.quota.Rooms``)."""
        limits = await self._limits_of(account_id)
        if not limits.any:
            return None
        if limits.domain:
            promised = self._reservations.promised_in(limits.domain_id, apart_from="")
            await self._domains.refresh(limits.domain_id, limits.domain, promised)

        def check(tx: Transaction, size: int, messages: int) -> None:
            check_room(tx, account_id, limits.quota, size, limits.messages, messages)
            if not limits.domain or not size:
                return
            promised = self._reservations.promised_in(limits.domain_id, apart_from="")
            if self._domains.known(limits.domain_id) + promised + size > limits.domain:
                raise StoreRefusal("OVERQUOTA", "The domain has no room left")
            tx.after_commit(lambda: self._domains.grew(limits.domain_id, size))

        return check

    async def _limits(self, account: Account) -> Limits:
        if self._cache is None:
            return Limits(account.quota, message=account.max_message)
        return await self._limits_of(account.id)

    async def _limits_of(self, account_id: int) -> Limits:
        if self._cache is None:
            return await self._database.read(quotas.read, account_id)
        return await self._cache.get(("limits", account_id), quotas.read, account_id)

    async def _promise(self, account_id: int, limits: Limits, trace: str, size: int) -> Refusal | None:
        refusal = await self._judge(account_id, limits, trace, size)
        if refusal is None:
            # (no wait since the question, or two sessions would be promised the same space)
            self._reservations.promise(trace, account_id, size, limits.domain_id if limits.domain else 0)
        return refusal

    async def _judge(self, account_id: int, limits: Limits, trace: str, size: int) -> Refusal | None:
        held = self._reservations
        if limits.domain:
            promised = held.promised_in(limits.domain_id, apart_from=trace, account_id=account_id)
            await self._domains.refresh(limits.domain_id, limits.domain, promised + size)
        used = messages = 0
        if limits.messages or (limits.quota and self._appender is None):
            used, messages = await self._database.read(used_in, account_id)
        elif limits.quota and self._appender is not None:
            used = await self._database.read(self._appender.used_in, account_id)
        refusal = full(used + held.promised(account_id, apart_from=trace), limits.quota, size)
        if refusal is None:
            refusal = crowded(messages + held.count(account_id, apart_from=trace), limits.messages)
        if refusal is None and limits.domain:
            there = self._domains.known(limits.domain_id)
            there += held.promised_in(limits.domain_id, apart_from=trace, account_id=account_id)
            refusal = full(there, limits.domain, size, whose="The domain")
        return refusal
