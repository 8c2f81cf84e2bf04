"""The signature below a message that somebody submitted: whose it is, and the message with it.

It happens before acceptance, so that the message that is kept is the one that is signed (DKIM) and sent, to every
recipient alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from time import time
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from posthouse.directory import lookup, signatures
from posthouse.directory.contract import Target
from posthouse.directory.signatures import OwnSignature, Person, Scope
from posthouse.mail.address import Address
from posthouse.mail.envelope import Origin
from posthouse.mail.mime import Buffer
from posthouse.mail.signature import edits, growth, pieces
from posthouse.mail.signature_leaf import Edit
from posthouse.mail.signature_parts import is_reply
from posthouse.mail.signature_words import Signature, joined
from posthouse.observe.log import logger
from posthouse.receive.contract import Body, Spool
from posthouse.settings import smtp
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.signatures import ENABLED, INJECTED

log = logger("receive.signatures")

IN_THREAD = 64 * 1024
T = TypeVar("T")


class Knows(Protocol):
    """What is asked of the directory."""

    async def target(self, address: Address) -> Target: ...

    async def cached(self, key: Any, op: Callable[..., T], *args: Any) -> T:
        """The result of a reading op, from the directory's cache. Raises DatabaseUnavailable."""


class SignatureDesk:
    """Signs (``receive.contract.Signatures``). ``spool`` begins a body, ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        directory: Knows,
        settings: CurrentSettings,
        spool: Callable[[], Spool],
        clock: Callable[[], float] = time,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._spool = spool
        self._clock = clock

    async def sign(
        self,
        origin: Origin,
        sender: Address | None,
        recipients: Sequence[Address],
        body: Body,
        *,
        injected: bool = False,
    ) -> Body | None:
        """The message with its signature as a new body; None where it stays as it is. The caller discards both. Raises
        DatabaseUnavailable and, when there is no room, Refusal or OSError."""
        settings = self._settings.now
        if sender is None or not settings[ENABLED] or (injected and not settings[INJECTED]):
            return None
        wanted = await self._wanted(origin, sender, recipients, body)
        if wanted.empty:
            return None
        try:
            found = await _edits(body, wanted)
        except Exception:
            log.exception("signature.failed", trace=origin.trace)  # better unsigned than not sent
            return None
        if not found or body.size + growth(found) > settings[smtp.MAX_MESSAGE_SIZE]:
            return None
        return await self._written(body.buffer(), found)

    async def _wanted(
        self, origin: Origin, sender: Address, recipients: Sequence[Address], body: Body
    ) -> Signature:
        """The words to be added, with their variables filled in."""
        rules = await self._directory.cached(("rules", sender.domain), lookup.find_rules, sender.domain)
        if rules is None:
            return Signature()
        account_id = await self._account(origin, sender)
        own = await self._find("account", account_id) if account_id else None
        domain = await self._find("domain", rules.id)
        chosen = _chosen(own, domain)
        if not chosen:
            return Signature()
        if not all(each.replies for each in chosen) and is_reply(body.buffer()):
            chosen = [each for each in chosen if each.replies]
        if not all(each.within for each in chosen) and await self._stays(rules.id, recipients):
            chosen = [each for each in chosen if each.within]
        person = await self._person(account_id) if account_id else None
        names = names_of(person, str(sender), rules.name, self._clock())
        return joined(Signature(each.plain, each.html).filled(names) for each in chosen)

    async def _account(self, origin: Origin, sender: Address) -> int:
        """Whose signature it is: that of the account whose address is in MAIL FROM, else of who signed in."""
        target = await self._directory.target(sender)
        if target.kind == "account" and target.account is not None:
            return target.account.id
        return origin.account_id or 0

    async def _find(self, scope: Scope, of_id: int) -> OwnSignature | None:
        found = await self._directory.cached(("signature", scope, of_id), signatures.find, scope, of_id)
        return found if found is not None and found.active else None

    async def _person(self, account_id: int) -> Person | None:
        return await self._directory.cached(("person", account_id), signatures.person, account_id)

    async def _stays(self, domain_id: int, recipients: Sequence[Address]) -> bool:
        """Whether every recipient is in the sender's domain."""
        for name in {each.domain for each in recipients}:
            rules = await self._directory.cached(("rules", name), lookup.find_rules, name)
            if rules is None or rules.id != domain_id:
                return False
        return True

    async def _written(self, buffer: Buffer, found: Sequence[Edit]) -> Body:
        spool = self._spool()
        try:
            for piece in pieces(buffer, found):
                spool.write(piece)
                await asyncio.sleep(0)  # others have their turn during a large message
            return spool.finish()
        except BaseException:
            spool.discard()
            raise


def names_of(person: Person | None, address: str, domain: str, now: float) -> dict[str, str]:
    """The values of variables. Without an account there are no names, and their variables stay as they are; a display
    name that nobody gave is made of the other names, or is the address."""
    zone = _zone(person.time_zone if person is not None else "")
    names = {
        "user.address": address,
        "domain": domain,
        "date": datetime.fromtimestamp(now, zone).strftime("%Y-%m-%d"),
    }
    if person is not None:
        names["user.firstname"] = person.first_name
        names["user.lastname"] = person.last_name
        full = f"{person.first_name} {person.last_name}".strip()
        names["user.displayname"] = person.display_name or full or address
    return names


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, OSError, ValueError):  # not known here, or no name of a zone at all
        return UTC


def _chosen(own: OwnSignature | None, domain: OwnSignature | None) -> list[OwnSignature]:
    """Which signatures are put below, in order."""
    if domain is None:
        return [own] if own is not None else []
    if own is None or domain.method == "overwrite":
        return [domain]
    return [own, domain] if domain.method == "append" else [own]


async def _edits(body: Body, wanted: Signature) -> list[Edit]:
    if body.size <= IN_THREAD:
        return edits(body.buffer(), wanted)
    return await asyncio.to_thread(lambda: edits(body.buffer(), wanted))
