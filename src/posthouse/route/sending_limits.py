"""How much somebody may send (``receive.contract.SendingLimits``): limits that refuse, and a brake that holds.

Limits are for an account, for all accounts of its domain, and for a stranger's address. The brake is for accounts:
one that suddenly writes to far more people than it usually does was most likely taken over, or runs wild. Its further
mail is taken and held until an administrator looked at it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from posthouse.cluster import events
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.directory import brakes, sending, sending_counts
from posthouse.directory.brakes import Brake
from posthouse.directory.cache import VersionedCache
from posthouse.directory.sending import Sender
from posthouse.directory.sending_counts import DAY_SLOTS, HOUR_SLOTS, slot_of
from posthouse.mail.address import Address
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal, our_fault
from posthouse.observe.log import logger
from posthouse.queue.contract import HOLD_BURST
from posthouse.route.sending_allowed import Allowed, of_account, of_domain, of_stranger
from posthouse.route.tally import Tally, Use
from posthouse.settings import sending_limits as settings_limits
from posthouse.settings.contract import CurrentSettings, Settings

_log = logger("route.limits")

FLUSH_SECONDS = 1.0
MOST_KNOWN = 20_000
"""Accounts remembered."""

_BLOCKED = Refusal(
    550, "5.7.1", "Sending from this account is blocked; ask your administrator", cause="blocked"
)


@dataclass(frozen=True, slots=True)
class _Party:
    """Somebody whose mail is counted: ``name`` is for people."""

    scope: str
    name: str
    allowed: Allowed


class SendingDesk:
    """Counts and decides. ``run`` it while it is used. ``clock`` in seconds since 1970."""

    def __init__(
        self,
        database: Database,
        feed: Feed,
        settings: CurrentSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._feed = feed
        self._settings = settings
        self._clock = clock
        self._cache = VersionedCache(database, feed)
        self._tally = Tally(database, clock)
        self._known: dict[int, tuple[Sender, Settings, list[_Party]]] = {}
        self._stranger = settings.now, of_stranger(settings.now)

    def close(self) -> None:
        """Stop listening to the feed."""
        self._cache.close()

    async def run(self) -> None:
        """Write down what is counted, until cancelled."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted and read what others counted; what cannot be written now is written later."""
        try:
            await self._tally.flush()
        except DatabaseUnavailable as problem:
            _log.warning("limits.not_written", reason=str(problem))
        except Exception:
            _log.exception("limits.not_written")

    async def check(self, origin: Origin, sender: Address | None, recipients: int, size: int) -> None:
        """At RCPT: whether a message to so many may be sent. Raises Refusal."""
        try:
            who, parties = await self._parties(origin)
            if who is not None and who.brake is not None and who.brake.blocks:
                raise _BLOCKED
            uses = await self._tally.of_all([party.scope for party in parties])
        except DatabaseUnavailable as problem:
            raise our_fault(str(problem)) from problem
        self._compare(parties, uses, recipients)

    async def take(self, origin: Origin, sender: Address | None, recipients: int, size: int) -> str:
        """Count a message that is complete; ``HOLD_BURST`` when it is to be held. Raises Refusal."""
        try:
            who, parties = await self._parties(origin)
            if not parties:
                return ""
            if who is not None and who.brake is not None and who.brake.blocks:
                raise _BLOCKED
            usual = await self._usual(who) if who is not None else 0
            uses = await self._tally.of_all([party.scope for party in parties])
            # No wait from here until it is counted, or two sessions would both be let through.
            self._compare(parties, uses, recipients)
            held, brake = False, None
            if who is not None:
                held = who.brake is not None and who.brake.holds
                brake = None if held else self._burst(who, uses[0], usual, recipients)
            for party in parties:
                self._tally.add(party.scope, recipients)
            if brake is not None and who is not None:
                await self._brake(brake, who)
            return HOLD_BURST if held or brake is not None else ""
        except DatabaseUnavailable as problem:
            raise our_fault(str(problem)) from problem

    async def _parties(self, origin: Origin) -> tuple[Sender | None, list[_Party]]:
        """Who sends, and whose limits count. Local programs (no account and no address) have none. Raises Refusal for
        an account that was removed while it was signed in."""
        settings = self._settings.now
        if origin.account_id:
            key = ("sender", origin.account_id)
            who = await self._cache.get(key, sending.find_sender, origin.account_id)
            if who is None:
                raise Refusal(550, "5.7.1", "This account is no more")
            return who, self._parties_of(who, settings)
        if self._stranger[0] is not settings:
            self._stranger = settings, of_stranger(settings)
        allowed = self._stranger[1]
        name = network_of(origin.address) if allowed.any and origin.account_id is None else ""
        return None, [_Party(f"o{name}", name, allowed)] if name else []

    def _parties_of(self, who: Sender, settings: Settings) -> list[_Party]:
        """The account, and its domain where that has limits; worked out again when anything of it changed."""
        known = self._known.get(who.account_id)
        if known is not None and known[0] is who and known[1] is settings:
            return known[2]
        parties = [_Party(sending.of_account(who.account_id), who.address, of_account(settings, who.own))]
        domain = of_domain(settings, who.of_domain)
        if domain.any:
            parties.append(_Party(sending.of_domain(who.domain_id), who.domain, domain))
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[who.account_id] = (who, settings, parties)
        return parties

    async def _usual(self, who: Sender) -> int:
        day = int(self._clock() // 86400)
        key = ("usual", who.account_id, day)
        return await self._cache.get(key, sending_counts.usual, sending.of_account(who.account_id), day)

    def _compare(self, parties: Sequence[_Party], uses: Sequence[Use], recipients: int) -> None:
        """Raises Refusal when it is too much for anybody."""
        now = self._clock()
        slot = slot_of(now)
        for party, use in zip(parties, uses, strict=True):
            allowed, sums = party.allowed, use.sums(slot)
            for used, wanted, most, what, window in (
                (sums.messages_hour, 1, allowed.messages_hour, "messages", HOUR_SLOTS),
                (sums.recipients_hour, recipients, allowed.recipients_hour, "recipients", HOUR_SLOTS),
                (sums.messages_day, 1, allowed.messages_day, "messages", DAY_SLOTS),
                (sums.recipients_day, recipients, allowed.recipients_day, "recipients", DAY_SLOTS),
            ):
                if most and used + wanted > most:
                    again = use.room_at(slot, window, int(what == "recipients"), most, wanted)
                    raise _too_much(party, most, what, window, again, now)

    def _burst(self, who: Sender, use: Use, usual: int, recipients: int) -> Brake | None:
        """The brake to put on, when this message is one too many."""
        settings = self._settings.now
        floors = who.own.burst_hour, who.own.burst_minutes
        of_hour = settings[settings_limits.BURST_HOUR] if floors[0] is None else floors[0]
        of_minutes = settings[settings_limits.BURST_MINUTES] if floors[1] is None else floors[1]
        now = self._clock()
        after = slot_of(who.brake.at) if who.brake is not None else -1  # what was released counts no more
        hour, minutes = use.since(slot_of(now), after)
        most = settings[settings_limits.BURST_FACTOR] * usual
        if of_hour and hour + recipients > max(of_hour, most):
            span, sent = "an hour", hour + recipients
        elif of_minutes and minutes + recipients > max(of_minutes, most):
            span, sent = "a few minutes", minutes + recipients
        else:
            return None
        compared = f"its usual busiest hour has {usual}" if usual else "it is not known to send much"
        return Brake(
            who.account_id, "braked", now, "", f"{sent} recipients in {span}; {compared}", sent, usual
        )

    async def _brake(self, brake: Brake, who: Sender) -> None:
        if await self._database.run(brakes.put_on, brake, who.address, feed=self._feed):
            _log.warning("sending.braked", account=who.address, reason=brake.reason)


def network_of(address: str) -> str:
    """The address of origin as it is counted: an IPv4 address or an IPv6 /64; "" for this machine itself and for what
    is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback:
        return ""
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False).network_address)


def _too_much(party: _Party, most: int, what: str, window: int, again: float, now: float) -> Refusal:
    name = party.name if party.name.isascii() and len(party.name) < 200 else "this sender"
    span = "in an hour" if window == HOUR_SLOTS else "within 24 hours"
    if again:
        minutes = max(1, round((again - now) / 60))
        wait = f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"
        text = f"again from {time.strftime('%H:%M', time.gmtime(again))} UTC on (in {wait})"
    else:
        text = "this message alone has more"
    events.gathered.note(
        events.of_address("sending.limited", party.name, {"of": party.name, "most": most, "what": what}),
        party.scope,
    )
    return Refusal(
        450, "4.7.1", f"{name} may send {most} {what} {span}; {text}", cause=f"limit of {party.scope}"
    )
