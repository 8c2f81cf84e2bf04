"""Certificates of some hosts on probation: which were in service, and back to them."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from posthouse.database.contract import Transaction
from posthouse.manage.certificate_rows import live, retire, revive
from posthouse.manage.probation import Pending, on_probation, undo
from posthouse.manage.use import Call


class FormerCertificates(msgspec.Struct, frozen=True):
    """Which stored certificates for exactly these hosts were in service."""

    hosts: str
    ids: list[int]


def former_certificates(tx: Transaction, hosts: str) -> FormerCertificates:
    """What is in service for exactly these hosts now."""
    same = set(hosts.split())
    return FormerCertificates(hosts, [row.id for row in live(tx) if set(row.names) == same])


def subject_of(hosts: str) -> str:
    """One subject for each set of host names, however long."""
    names = " ".join(sorted(hosts.split()))
    if len(names) <= 300:
        return f"certificate {names}"
    return f"certificate {names[:200]}… {sha256(names.encode()).hexdigest()[:16]}"


def certificates_on_probation(
    tx: Transaction,
    call: Call,
    use_name: str,
    hosts: str,
    summary: str,
    former: FormerCertificates,
    now: bool,
) -> int:
    """Put a change of the certificates of these hosts on probation, within its unit; see ``on_probation``."""
    return on_probation(
        tx,
        call,
        use_name=use_name,
        subject=subject_of(hosts),
        summary=summary,
        undo_name="certificate.back",
        former=former,
        now=now,
    )


@undo("certificate.back")
async def back(call: Call, former: FormerCertificates, row: Pending) -> None:
    """Put those certificates back into service that were there before, and no others for the same hosts."""
    feed = call.context.feed

    def op(tx: Transaction) -> None:
        if not row.settle(tx):
            return
        for stored in live(tx):
            if stored.id not in former.ids and set(stored.names) == set(former.hosts.split()):
                retire(tx, feed, stored.id)
        for row_id in former.ids:
            revive(tx, feed, row_id)

    await call.context.database.run(op)
    if call.context.certificates is not None:
        await call.context.certificates.keeper.load()
