"""Answers for those who are away: written before the unit that delivers the mail, queued within it.

The memory of who was answered is a row of the same unit, so that one arrival is answered once, or, where the unit does
not come about, not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from time import time
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from posthouse.bodies.contract import Bodies, Body
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.deliver.autoreply_rules import Fields, addressed, fields_of, why_not
from posthouse.deliver.autoreply_text import answered, compose
from posthouse.deliver.contract import Notice
from posthouse.deliver.delivered import Copied, Written, spooled
from posthouse.deliver.dsn.fields import ascii_domain
from posthouse.deliver.dsn.notices import DestinationOf
from posthouse.deliver.plan import Plan
from posthouse.directory import autoreply, lookup, signatures
from posthouse.directory.autoreply import AutoReply
from posthouse.directory.contract import Account
from posthouse.directory.signatures import Person
from posthouse.mail.address import Address, parse_address
from posthouse.observe.log import logger
from posthouse.queue.contract import NOTICE, REPORT, QueuedMessage, QueuedRecipient
from posthouse.route.resolve import Router

log = logger("deliver.autoreply")

T = TypeVar("T")

MOST_ACCOUNTS = 100
"""Accounts that answer one message; it has that many copies at once at most."""


class Cached(Protocol):
    """The directory's cache."""

    async def cached(self, key: Any, op: Callable[..., T], *args: Any) -> T:
        """The result of a reading op, kept until the directory changes. Raises DatabaseUnavailable."""


Names = Callable[[Person, float], dict[str, str]]
"""The values of variables for somebody."""


class AutoReplies:
    """Writes replies. ``names`` gives the values of variables, ``destination_of`` where mail for an address leads,
    ``new_trace`` makes trace ids, ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        *,
        directory: Cached,
        database: Database,
        router: Router,
        bodies: Bodies,
        names: Names,
        destination_of: DestinationOf,
        new_trace: Callable[[], str],
        clock: Callable[[], float] = time,
        journal: Copied | None = None,
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._database = database
        self._router = router
        self._bodies = bodies
        self._names = names
        self._destination_of = destination_of
        self._new_trace = new_trace
        self._clock = clock

    async def write(self, plan: Plan, message: QueuedMessage, body: Body) -> list[Written]:
        """The replies of those who get a copy at once, or who send it on without keeping one. The caller discards
        their bodies. Raises DatabaseUnavailable."""
        accounts = {copy.account.id: copy.account for copy in plan.copies}
        for forward in plan.forwards:
            if forward.owner is not None and not forward.kept:
                accounts.setdefault(forward.owner.id, forward.owner)
        return await self.replies(list(accounts.values()), message, body)

    async def replies(self, accounts: Sequence[Account], message: QueuedMessage, body: Body) -> list[Written]:
        """The replies of these accounts to a message. Raises DatabaseUnavailable."""
        if not message.sender or message.kind in (NOTICE, REPORT):
            return []
        now = self._clock()
        fields: Fields | None = None
        written: list[Written] = []
        for account in accounts[:MOST_ACCOUNTS]:
            reply = await self._directory.cached(("auto-reply", account.id), autoreply.find, account.id)
            if reply is None or not reply.holds(now):
                continue
            fields = fields if fields is not None else fields_of(body.buffer())
            try:
                made = await self._reply(account, reply, message, fields, now)
            except DatabaseUnavailable:
                for each in written:
                    each.body.discard()
                raise
            except Exception:
                log.exception("autoreply.failed", trace=message.trace, account=account.address)
                continue
            if made is not None:
                written.append(made)
        return await self._copied(written)

    async def _copied(self, written: list[Written]) -> list[Written]:
        """With their copies for journals: a reply is mail of its account as any other."""
        if self._journal is None:
            return written
        both: list[Written] = []
        try:
            for each in written:
                both += await self._journal.with_copies(each)
        except BaseException:
            for each in (*written, *both):
                each.body.discard()
            raise
        return both

    async def _reply(
        self, account: Account, reply: AutoReply, message: QueuedMessage, fields: Fields, now: float
    ) -> Written | None:
        reason = why_not(message.sender, fields) or await self._why_not_here(
            account, reply, message.sender, fields
        )
        if reason:
            log.info("autoreply.none", trace=message.trace, account=account.address, reason=reason)
            return None
        if not await self._database.read(autoreply.due, account.id, message.sender, now, reply.days):
            return None
        person = await self._directory.cached(("person", account.id), signatures.person, account.id)
        if person is None:
            return None
        to = parse_address(message.sender)
        author = parse_address(account.address)
        content = compose(
            reply,
            person,
            author,
            to,
            answered(fields),
            self._names(person, now),
            message_id=f"<{uuid4()}@{ascii_domain(author.domain)}>",
            now=now,
        )
        notice = Notice(content, self._message(content, now), tuple(await self._recipients(to)))
        body = spooled(self._bodies, content)
        claim = partial(
            autoreply.claim, account_id=account.id, sender=message.sender, now=now, days=reply.days
        )
        return Written(notice, body, claim, f"{account.address} answers <{message.sender}>")

    async def _why_not_here(self, account: Account, reply: AutoReply, sender: str, fields: Fields) -> str:
        """Why this account does not answer this message, "" where it does."""
        try:
            writer = parse_address(sender)
        except ValueError:
            return "its sender is no address"
        if await self._is_of(account, writer):
            return "it is its own mail"
        if reply.audience != "everyone":
            rules = await self._directory.cached(("rules", writer.domain), lookup.find_rules, writer.domain)
            inside = rules is not None and rules.id == account.domain_id
            if inside != (reply.audience == "domain"):
                return "its sender is not among those who are answered"
        for address in addressed(fields):
            if await self._is_of(account, address):
                return ""
        return "it does not name the account's address"

    async def _is_of(self, account: Account, address: Address) -> bool:
        """Whether an address leads to an account."""
        found = await self._router.resolve(address)
        return any(place.account is not None and place.account.id == account.id for place in found.places)

    async def _recipients(self, to: Address) -> list[QueuedRecipient]:
        return [
            QueuedRecipient(str(leads_to), destination, account_id, notify="NEVER")
            for leads_to, destination, account_id in await self._destination_of(to)
        ]

    def _message(self, content: bytes, now: float) -> QueuedMessage:
        return QueuedMessage(
            trace=self._new_trace(),
            body=hashlib.sha256(content).hexdigest(),
            size=len(content),
            sender="",
            received_at=now,
            smtputf8=not content.isascii(),
            body_type="7BIT" if content.isascii() else "8BITMIME",
            kind=NOTICE,
        )
