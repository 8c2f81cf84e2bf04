"""Banned networks as units of work. A change reaches every worker within a second (topic ``bans``)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import ban_records as records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.listing import like
from posthouse.directory.versions import bump, version

BANS = "bans"
MOST = 100_000
"""Most networks that may be banned at once."""

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True)
class Ban:
    """A banned network; ``until`` 0 is for ever. ``reason`` is for administrators. ``kind``: "" made by one of them,
    ``sign-in`` made by itself because sign-ins failed."""

    network: str
    reason: str = ""
    until: float = 0.0
    created: float = 0.0
    kind: str = ""


def network_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or network in its plain form; one mapped into IPv6 as the IPv4 network it is. Raises
    DirectoryError, also for whatever includes this machine itself."""
    try:
        found = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise DirectoryError(
            f"{text!r} is no address or network", "write it like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/64"
        ) from None
    if found.version == 6 and found.prefixlen >= 96:
        mapped = found.network_address.ipv4_mapped
        if mapped is not None:
            found = ipaddress.ip_network((mapped, found.prefixlen - 96))
    if any(found.version == own.version and found.overlaps(own) for own in LOOPBACK):
        raise DirectoryError(f"{found} includes this machine itself", "ban a smaller network", "refused")
    return found


def put_ban(
    tx: Transaction,
    network: str,
    reason: str,
    until: float,
    *,
    feed: Feed | None = None,
    created: float = 0.0,
    kind: str = "",
) -> Ban:
    """Ban a network, or change reason and end of a ban. Raises DirectoryError."""
    found = network_of(network)
    known = find_ban(tx, str(found))
    if known is None and int(tx.execute(records.COUNT)[0][0]) >= MOST:
        raise DirectoryError(
            f"{MOST} networks are banned already", "remove some, or ban larger networks", "refused"
        )
    ban = Ban(str(found), reason, until, known.created if known else created or time(), kind)
    tx.upsert(
        records.bans,
        {"network": ban.network},
        {
            "version": found.version,
            "bits": found.prefixlen,
            "first": found.network_address.packed,
            "reason": reason,
            "until": until,
            "created": ban.created,
            "kind": kind,
        },
    )
    bump(tx, BANS, feed)
    return ban


def remove_ban(tx: Transaction, network: str, *, feed: Feed | None = None) -> bool:
    """Lift a ban; whether there was one. ``network`` in its plain form."""
    gone = tx.change(records.DELETE, {"of_network": network}) > 0
    if gone:
        bump(tx, BANS, feed)
    return gone


def find_ban(tx: Transaction, network: str) -> Ban | None:
    """The ban of exactly this network (in its plain form)."""
    rows = tx.execute(records.SELECT_ONE, {"network": network})
    return Ban(*rows[0]) if rows else None


def page_bans(tx: Transaction, search: str, after: str, limit: int) -> tuple[list[Ban], int]:
    """Bans by network, with a piece of text in network or reason; and how many there are in all."""
    found = {"pattern": like(search)}
    rows = tx.execute(records.SELECT_PAGE, {**found, "after": after, "count": limit})
    return [Ban(*row) for row in rows], int(tx.execute(records.COUNT_FOUND, found)[0][0])


def changed_bans(tx: Transaction, known: int) -> tuple[int, Sequence[tuple[int, int, bytes, float]]] | None:
    """The version of the bans and all of them, as ``net.bans`` wants them; None while it is the known one."""
    now = version(tx, BANS)
    if now == known:
        return None
    rows = tx.execute(records.SELECT_ALL)
    return now, [(int(row[0]), int(row[1]), bytes(row[2]), float(row[3])) for row in rows]


def remove_expired(tx: Transaction, *, feed: Feed | None = None) -> int:
    """Forget up to 500 bans whose time has passed; how many went."""
    rows = tx.execute(records.SELECT_EXPIRED, {"now": time()})
    tx.execute_many(records.DELETE, [{"of_network": row[0]} for row in rows])
    if rows:
        bump(tx, BANS, feed)
    return len(rows)
