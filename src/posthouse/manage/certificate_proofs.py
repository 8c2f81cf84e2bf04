"""Which proofs can be shown for which names, and the ones our own listeners show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory.versions import bump
from posthouse.manage import certificate_records as records
from posthouse.manage.certificate_keeper import POLL_SECONDS, CertificateKeeper
from posthouse.manage.certificate_rows import TOPIC
from posthouse.net.acme.contract import DNS, HTTP, KINDS, TLS_ALPN, Proof, Shower
from posthouse.net.acme.dns_hook import DnsHook
from posthouse.net.acme.dns_update import DnsUpdate
from posthouse.net.acme.errors import AcmeError
from posthouse.observe.log import logger
from posthouse.settings import certificates as settings
from posthouse.settings.config import Listener
from posthouse.settings.contract import Settings

log = logger("certificates")

AUTOMATIC = "automatic"
CHOICES = (AUTOMATIC, *KINDS)
"""What may be wanted for a certificate."""

MOST_TOKEN = 400


@dataclass(frozen=True, slots=True)
class BoardShower:
    """Shows proofs by the listeners of all workers of all nodes, which read them from the database."""

    kind: str
    database: Database
    feed: Feed
    keeper: CertificateKeeper

    async def show(self, proofs: Sequence[Proof]) -> None:
        """See :class:`Shower`."""

        def op(tx: Transaction) -> None:
            for proof in proofs:
                key = {"kind": self.kind, "token": proof.token}
                answer = {"host": proof.host, "answer": proof.key_authorization, "made_at": time.time()}
                tx.upsert(records.proofs, key, answer)
            bump(tx, TOPIC, self.feed)

        try:
            await self.database.run(op)
            await self.keeper.load()
        except DatabaseUnavailable as problem:
            raise AcmeError("challenge", f"the proof cannot be shown ({problem})") from None
        if not self.database.inline:
            await asyncio.sleep(POLL_SECONDS)  # other nodes hear of it within that time

    async def hide(self, proofs: Sequence[Proof]) -> None:
        """See :class:`Shower`."""

        def op(tx: Transaction) -> None:
            for proof in proofs:
                tx.change(records.DELETE_PROOF, {"of_kind": self.kind, "of_token": proof.token})
            bump(tx, TOPIC, self.feed)

        try:
            await self.database.run(op)
        except DatabaseUnavailable as problem:
            log.warning("certificates.proof_left", reason=str(problem))


async def http_answer(database: Database, token: str) -> str:
    """What HTTP-01 shows for this token (RFC 8555 8.3), "" for unknown ones. Raises DatabaseUnavailable."""
    if not token.isascii() or not 0 < len(token) <= MOST_TOKEN:
        return ""

    def op(tx: Transaction) -> str:
        rows = tx.execute(records.SELECT_ANSWER, {"of_kind": HTTP, "of_token": token})
        return str(rows[0][0]) if rows else ""

    return await database.read(op)


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways to prove names: ``showers`` in the order in which they are tried, and why others are not."""

    showers: tuple[Shower, ...]
    reasons: tuple[str, ...]


def ways(
    hosts: Sequence[str],
    wanted: str,
    now: Settings,
    listeners: Sequence[Listener],
    board: Callable[[str], Shower],
) -> Ways:
    """What can work for these names. ``wanted`` is one of CHOICES."""
    showers: list[Shower] = []
    reasons: list[str] = []
    for kind in KINDS if wanted == AUTOMATIC else (wanted,):
        reason = _why_not(kind, hosts, now, listeners)
        if reason:
            reasons.append(f"{kind}: {reason}")
        else:
            showers.append(_dns(now) if kind == DNS else board(kind))
    return Ways(tuple(showers), tuple(reasons))


def _why_not(kind: str, hosts: Sequence[str], now: Settings, listeners: Sequence[Listener]) -> str:
    if kind == DNS:
        if now[settings.DNS_SERVER] or now[settings.DNS_HOOK].strip():
            return ""
        return "neither certificates.dns_server nor certificates.dns_hook is set"
    wild = [host for host in hosts if host.startswith("*.")]
    if wild:
        return f"{wild[0]} is a wildcard, which only dns-01 can prove"
    if kind == HTTP:
        if any(listener.protocol == "http" and listener.tls == "none" for listener in listeners):
            return ""
        return 'no listener with protocol = "http" and tls = "none" (port 80) is configured'
    assert kind == TLS_ALPN
    if any(listener.protocol == "http" and listener.tls == "implicit" for listener in listeners):
        return ""
    return 'no listener with protocol = "http" and tls = "implicit" (port 443) is configured'


def _dns(now: Settings) -> Shower:
    if now[settings.DNS_SERVER]:
        return DnsUpdate(
            server=now[settings.DNS_SERVER].strip(),
            key_name=now[settings.DNS_KEY_NAME].strip(),
            key_secret=now[settings.DNS_KEY_SECRET],
            algorithm=now[settings.DNS_KEY_ALGORITHM],
            patience=now[settings.DNS_WAIT],
        )
    return DnsHook(now[settings.DNS_HOOK], now[settings.DNS_HOOK_TIME])
