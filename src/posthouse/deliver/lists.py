"""Mail to distribution lists (destinations ``list:<id>``): posts are spread to the members, bounces are counted, and
what people write to the addresses beside the list's own is done."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import time
from typing import cast
from uuid import uuid4

from posthouse.bodies.contract import Bodies, Body, BodyMissing, Durability
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver.contract import Settlement, unnoticed
from posthouse.deliver.copy import FactsOf, KeptBody, facts_of
from posthouse.deliver.delivered import Copied
from posthouse.deliver.delivered import Written as Beside
from posthouse.deliver.dsn import verp
from posthouse.deliver.dsn.fields import ascii_domain
from posthouse.deliver.dsn.notices import DestinationOf
from posthouse.deliver.dsn.read import read_bounce
from posthouse.deliver.lists_header import Lines, came_through, is_automatic, made, sub_address
from posthouse.deliver.lists_spread import MARK, STRETCH, LeaseLost, Post, Spreader, Stretch, short_mark
from posthouse.deliver.lists_words import Word, compose
from posthouse.deliver.planning import Planner
from posthouse.deliver.results import Feedback, Result, Said, State
from posthouse.deliver.told import private_of
from posthouse.directory import lists
from posthouse.directory.lists import MailingList
from posthouse.directory.lists_tokens import KEY_NAME, Wish, confirmation, confirmed
from posthouse.directory.own_secrets import own_secret
from posthouse.mail import headers
from posthouse.mail.address import Address, parse_address
from posthouse.mail.encoded import decode_words
from posthouse.mail.envelope import Envelope, Origin, Recipient
from posthouse.mail.mime import Buffer
from posthouse.observe.log import logger
from posthouse.observe.steps import step
from posthouse.queue import posts
from posthouse.queue.contract import HOLD_LIST, LIST, NOTICE, Lease, Queue, QueuedMessage, QueuedRecipient
from posthouse.route.contract import Ways
from posthouse.route.forwarding import Forwarding
from posthouse.route.lists import BOUNCES as TO_BOUNCES
from posthouse.route.lists import CONFIRM, is_trusted, purpose, real_key, verdict
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.lists import BOUNCES, FORGET
from posthouse.settings.notices import LANGUAGE
from posthouse.store.contract import Appender

log = logger("deliver.lists")

_DAY = 86400.0
_READ = 1 << 20
"""Bytes of a header that are looked at."""

Written = tuple[QueuedMessage, tuple[QueuedRecipient, ...], Body]


class _Ended(Exception):
    """There is nothing to be spread; args: what became of the row, what is said."""

    def __init__(self, state: State, said: Said) -> None:
        super().__init__(str(said))
        self.state: State = state
        self.said = said


class ListDelivery:
    """Delivers what goes to lists (``deliver.contract.Deliverer``). ``link_host`` is the host of links to leave a list
    ("" for none), ``our_name`` the server's name, ``new_trace`` makes trace ids, ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        *,
        database: Database,
        durability: Durability,
        appender: Appender,
        queue: Queue,
        settlement: Settlement,
        router: Router,
        ways: Ways | None,
        forwarding: Forwarding | None,
        bodies: Bodies,
        facts: FactsOf,
        settings: CurrentSettings,
        feed: Feed,
        destination_of: DestinationOf,
        our_name: Callable[[], str],
        link_host: Callable[[], str],
        new_trace: Callable[[], str],
        clock: Callable[[], float] = time,
        journal: Copied | None = None,
    ) -> None:
        self._journal = journal
        self._database = database
        self._durability = durability
        self._appender = appender
        self._queue = queue
        self._settlement = settlement
        self._router = router
        self._planner = Planner(router, ways, None, forwarding)
        self._bodies = bodies
        self._facts = facts
        self._settings = settings
        self._feed = feed
        self._destination_of = destination_of
        self._our_name = our_name
        self._link_host = link_host
        self._new_trace = new_trace
        self._clock = clock
        self._keys: tuple[bytes, bytes] | None = None

    async def deliver(self, leases: Sequence[Lease], answered: Callable[[], None] = unnoticed) -> Feedback:
        """Do what each row asks for and settle it. Raises DatabaseUnavailable."""
        for lease in leases:
            result = await self._attempt(lease)
            if result is not None:
                await self._settlement.settle([result])
        return Feedback(well=True)

    async def _attempt(self, lease: Lease) -> Result | None:
        """One row; None when nothing is left to do for it."""
        about = {"trace": lease.message.trace, "recipient": lease.recipient.recipient}
        try:
            await self._do(lease)
        except _Ended as end:
            return Result(lease, end.state, end.said)
        except LeaseLost:
            log.warning("queue.lease_lost", **about)
        except BodyMissing:
            return Result(lease, "deferred", Said(0, "4.3.0", "its content is missing"))
        except DatabaseUnavailable:
            raise
        except Exception as failure:
            log.exception("list.broke", **about)
            return Result(lease, "deferred", Said(0, "4.3.0", f"internal error ({type(failure).__name__})"))
        return None

    async def _do(self, lease: Lease) -> None:
        info = await self._database.read(lists.by_id, int(lease.recipient.destination.removeprefix(LIST)))
        if info is None:
            raise _Ended("failed", Said(550, "5.1.1", "the list is gone"))
        detail = await self._detail_of(lease.recipient.recipient, info)
        what = purpose(detail)
        body = self._bodies.read(lease.message.body)
        header = bytes(body[: min(headers.header_end(body), _READ)])
        if what == "bounce" or (not lease.message.sender and what != "owner"):
            await self._bounce(lease, info, body)
        elif what == "owner":
            await self._to_owners(lease, info, header)
        elif what == "post":
            await self._post(lease, info, body, header)
        elif is_automatic(header) or headers.get(header, b"list-id") is not None:
            await self._end(lease, "left alone: no person wrote it")
        else:
            await self._command(lease, info, what, detail)

    # ------------------------------------------------------------------ posts

    async def _post(self, lease: Lease, info: MailingList, body: Buffer, header: bytes) -> None:
        reached, verdict, words = await self._database.read(posts.progress, lease.id)
        if verdict == "rejected":
            said = f"A moderator of the list did not let it pass: {words}".removesuffix(": ")
            raise _Ended("failed", Said(550, "5.7.1", said))
        if not reached:
            if came_through(header, info):
                return await self._end(lease, "not spread: it went through this list already")
            if not verdict and (why := await self._database.read(self._why_held, lease, info, header)):
                return await self._hold(lease, info, header, why)
        content, at = made(body, info)
        spooled = await asyncio.to_thread(self._spool, content, body, at)
        try:
            await self._spread(lease, info, spooled, reached)
        finally:
            spooled.discard()

    def _why_held(self, tx: Transaction, lease: Lease, info: MailingList, header: bytes) -> str:
        """Why a post waits for a moderator; "" where it does not."""
        sender = parse_address(lease.message.sender)
        if is_trusted(tx, info, sender, lease.message.account_id):
            return ""
        refusal = verdict(tx, info.id, "", sender, lease.message.account_id, 0) if info.active else None
        if refusal is not None:
            # It came by an alias (or a forward) that leads elsewhere, too, and was accepted for that.
            return f"it came by a detour: {refusal.text}"
        if info.max_size and lease.message.size > info.max_size:
            return f"it is larger than {info.max_size} bytes"
        if is_automatic(header):
            return "no person wrote it (Auto-Submitted)"
        if info.moderation == "all":
            return "all posts wait for a moderator"
        if info.moderation == "strangers" and not lists.is_reader(tx, info.id, real_key(tx, sender)):
            return "its sender is no member"
        return ""

    async def _hold(self, lease: Lease, info: MailingList, header: bytes, why: str) -> None:
        people = await self._database.read(lists.people, info.id)
        subject = decode_words(headers.get(header, b"subject") or b"")
        word = Word("held", sender=lease.message.sender, subject=subject)
        written = await self._written(info, people["moderator"] or people["owner"], word)

        def op(tx: Transaction) -> None:
            if not self._queue.hold(tx, lease, why, HOLD_LIST):
                raise LeaseLost
            self._put(tx, written)

        await self._commit(written, op)

    async def _spread(self, lease: Lease, info: MailingList, spooled: Body, reached: str) -> None:
        """Stretch by stretch, each one unit."""
        return_key, line_key = await self._secrets()
        spreader = Spreader(
            appender=self._appender,
            queue=self._queue,
            bodies=self._bodies,
            feed=self._feed,
            return_key=return_key,
            lines=Lines(line_key, self._link_host()),
        )
        facts = await facts_of(self._facts, spooled)
        private = private_of(self._settings.now, spooled, facts, lease.message.sender)
        post = Post(lease, info, spooled, facts, private, self._clock())
        members = await self._members(info, lease)
        left = [each for each in sorted(members) if each > reached]
        note = f"spread to {len(members)} members of list {info.address}"
        # A post that goes on after a crash was copied with its first members.
        copies = await self._copies(post, members) if not reached else []
        try:
            await self._stretches(post, spreader, members, left, reached, note, copies)
        finally:
            for each in copies:
                each.body.discard()
        log.info("list.spread", trace=lease.message.trace, list=info.address, members=len(members))

    async def _copies(self, post: Post, members: Mapping[str, str]) -> list[Beside]:
        """For journals."""
        if self._journal is None:
            return []
        addresses = [parse_address(members[key]) for key in sorted(members)]
        address = parse_address(post.info.address)
        return await self._journal.of_list(post.lease.message, address, addresses, post.body)

    async def _stretches(
        self,
        post: Post,
        spreader: Spreader,
        members: Mapping[str, str],
        left: list[str],
        reached: str,
        note: str,
        copies: Sequence[Beside],
    ) -> None:
        spooled, first = post.body, True
        while left or first:
            chosen, left = left[:STRETCH], left[STRETCH:]
            addresses = [parse_address(members[each]) for each in chosen]
            plan = await self._planner.plan_for(self._envelope(post, addresses), post.now)
            stretch = Stretch(plan, chosen, chosen[-1] if chosen else reached, not left, note)
            now = replace(post, now=self._clock())
            bodies = [spooled, *(each.body for each in copies)] if first else []
            await self._durability.commit(bodies, spreader.run, now, stretch, copies if first else ())
            if first:
                post = replace(post, body=KeptBody(self._bodies, spooled.digest, spooled.size))
            first = False
            step("list.stretch")

    async def _members(self, info: MailingList, lease: Lease) -> dict[str, str]:
        """Everybody who gets a post, by key: two addresses that lead to one mailbox are one. Who cannot get mail now
        (an account that is switched off) is left out."""
        found = await self._database.scan(lists.readers, info.id)
        members: dict[str, str] = {}
        for number, (key, shown) in enumerate(found.items()):
            if number % 50 == 49:
                await asyncio.sleep(0)
            try:
                address = parse_address(shown)
            except ValueError:
                continue
            destination = await self._router.resolve(address)
            if destination.kind in ("disabled", "unknown", "loop", "list"):
                log.info("list.left_out", trace=lease.message.trace, member=key, reason=destination.kind)
            elif destination.kind == "local" and destination.account is not None:
                members.setdefault(destination.account.address, shown)
            else:
                members.setdefault(key, shown)
        return members

    def _envelope(self, post: Post, members: Sequence[Address]) -> Envelope:
        message = post.lease.message
        return Envelope(
            Origin(message.trace, "LIST", self._our_name(), "", 0),
            parse_address(post.info.address),
            tuple(Recipient(each) for each in members),
            received_at=post.now,
        )

    # ------------------------------------------------------------------ what comes back

    async def _bounce(self, lease: Lease, info: MailingList, body: Buffer) -> None:
        """Count a bounce against the member that its return path names."""
        return_key, _ = await self._secrets()
        member = await self._named(parse_address(lease.recipient.recipient), info, return_key)
        found = await asyncio.to_thread(read_bounce, body) if member is not None else []
        if member is None or not any(each.hard for each in found):
            return await self._end(lease, "a bounce that counts for nobody")
        people = await self._database.read(lists.people, info.id)
        written = await self._written(info, people["owner"], Word("suspended", member=str(member)))

        def op(tx: Transaction) -> None:
            most, forget = self._settings.now[BOUNCES], self._settings.now[FORGET] * _DAY
            stopped = lists.note_bounce(tx, info.id, member, self._clock(), most, forget, feed=self._feed)
            if stopped:
                self._put(tx, written)
            note = f"a bounce of <{member}>" + (", who gets no more mail" if stopped else "")
            if not self._queue.settle(tx, lease, note):
                raise LeaseLost

        await self._commit(written, op)

    async def _named(self, to: Address, info: MailingList, key: bytes) -> Address | None:
        """The member whose return path this is; None for a made-up one."""
        path = verp.decode(to, [key])
        if path is not None:
            return path.recipient
        mark = _detail(str(to), info).removeprefix(f"{TO_BOUNCES}-")
        members = await self._database.scan(lists.readers, info.id) if len(mark) == MARK else {}

        def look() -> Address | None:
            for each in members:
                if hmac.compare_digest(short_mark(info, each, key).encode(), mark.encode()):
                    return parse_address(each)
            return None

        return await asyncio.to_thread(look)

    # ------------------------------------------------------------------ owners and wishes

    async def _to_owners(self, lease: Lease, info: MailingList, header: bytes) -> None:
        """Mail to those who look after the list, as it is, from the null sender: what comes back goes nowhere."""
        people = await self._database.read(lists.people, info.id)
        message = replace(lease.message, sender="", kind=NOTICE, account_id=None, envid="", deliver_by=0.0)
        rows = await self._rows(people["owner"])

        def op(tx: Transaction) -> None:
            if rows:
                self._bodies.claim(tx, message.body, message.size)
                self._queue.put(tx, replace(message, received_at=self._clock()), rows)
            if not self._queue.settle(tx, lease, f"sent to {len(rows)} owners of list {info.address}"):
                raise LeaseLost

        await self._commit([], op)

    async def _detail_of(self, recipient: str, info: MailingList) -> str:
        """What a row is for: what an alias leads to may be ``list+owner``, and that is no post. Where it leads to the
        list itself, too, its row is the post; the other one has the address ``list+owner``."""
        if detail := _detail(recipient, info):
            return detail
        try:
            destination = await self._router.resolve(parse_address(recipient))
        except ValueError:
            return ""
        return min((place.detail for place in destination.places if place.list_id == info.id), default="")

    async def _command(self, lease: Lease, info: MailingList, what: str, detail: str) -> None:
        """A wish, or the confirmation of one."""
        sender = parse_address(lease.message.sender)
        _, key = await self._secrets()
        wish: Wish | None = None
        word = Word("help")
        if what == "confirm":
            wish = confirmed(
                key,
                info.id,
                await self._database.read(real_key, sender),
                detail.lower().removeprefix(CONFIRM),
                self._clock(),
            )
            if wish is None:
                return await self._end(lease, "a confirmation that is wrong, or too old")
        elif what in ("subscribe", "unsubscribe"):
            asked = cast(Wish, what)
            if what == "subscribe" and info.joining == "closed":
                word = Word("help")
            elif what == "subscribe" or info.joining != "open":
                wish = asked if info.joining == "open" else None
                if wish is None:
                    word = await self._question(info, sender, asked, key)
            else:
                wish = asked
        if wish is not None:
            word = Word("joined" if wish == "subscribe" else "left", member=str(sender))
        written = await self._written(info, [str(sender)], word)

        def op(tx: Transaction) -> None:
            if wish == "subscribe":
                lists.add_members(tx, info, [str(sender)], feed=self._feed)
            elif wish == "unsubscribe":
                lists.leave(tx, info.id, sender, feed=self._feed)
            self._put(tx, written)
            if not self._queue.settle(tx, lease, f"{what} of <{sender}>: answered ({word.about})"):
                raise LeaseLost

        await self._commit(written, op)

    async def _question(self, info: MailingList, sender: Address, wish: Wish, key: bytes) -> Word:
        made_for = await self._database.read(real_key, sender)
        code = confirmation(key, info.id, made_for, wish, self._clock())
        return Word("confirm", member=str(sender), wish=wish, confirm=sub_address(info, CONFIRM + code))

    # ------------------------------------------------------------------ inside

    async def _end(self, lease: Lease, note: str) -> None:
        def op(tx: Transaction) -> None:
            if not self._queue.settle(tx, lease, note):
                raise LeaseLost

        await self._database.run(op)

    async def _secrets(self) -> tuple[bytes, bytes]:
        if self._keys is None:

            def op(tx: Transaction) -> tuple[bytes, bytes]:
                return own_secret(tx, "verp"), own_secret(tx, KEY_NAME)

            self._keys = await self._database.run(op)
        return self._keys

    async def _rows(self, addresses: Sequence[str]) -> list[QueuedRecipient]:
        rows: dict[tuple[str, str], QueuedRecipient] = {}
        for each in addresses:
            for address, destination, account_id in await self._destination_of(parse_address(each)):
                if not destination.startswith(LIST):  # a list as an owner would go in circles
                    row = QueuedRecipient(str(address), destination, account_id, notify="NEVER")
                    rows.setdefault((row.recipient, destination), row)
        return list(rows.values())

    async def _written(self, info: MailingList, to: Sequence[str], word: Word) -> list[Written]:
        """Messages to people, their content spooled."""
        written: list[Written] = []
        now, name = self._clock(), ascii_domain(self._our_name())
        for each in to:
            rows = await self._rows([each])
            if not rows:
                continue
            content = compose(
                info,
                parse_address(each),
                word,
                language=self._settings.now[LANGUAGE],
                message_id=f"<{uuid4()}@{name}>",
                now=now,
            )
            body = self._spool(content, b"", 0)
            message = QueuedMessage(
                self._new_trace(),
                body.digest,
                body.size,
                "",
                now,
                smtputf8=not content.isascii(),
                kind=NOTICE,
            )
            written.append((message, tuple(rows), body))
            if self._journal is not None:
                copies = await self._journal.of_own(message, rows, body)
                written += [(each.notice.message, each.notice.recipients, each.body) for each in copies]
        return written

    def _put(self, tx: Transaction, written: Sequence[Written]) -> None:
        for message, rows, body in written:
            self._bodies.claim(tx, body.digest, body.size)
            self._queue.put(tx, message, rows)

    async def _commit(self, written: Sequence[Written], op: Callable[[Transaction], None]) -> None:
        try:
            await self._durability.commit([body for _, _, body in written], op)
        finally:
            for _, _, body in written:
                body.discard()

    def _spool(self, head: bytes, rest: Buffer, at: int) -> Body:
        spool = self._bodies.spool()
        try:
            spool.write(head)
            for start in range(at, len(rest), _READ):
                spool.write(bytes(rest[start : start + _READ]))
            return spool.finish()
        except BaseException:
            spool.discard()
            raise


def _detail(recipient: str, info: MailingList) -> str:
    """What stands after the list's own name; "" where another name of ours led to it."""
    local, _, _ = recipient.lower().rpartition("@")
    name, _, detail = local.partition("+")
    return detail if name == info.address.rpartition("@")[0] else ""


__all__ = ["ListDelivery"]
