"""IP ranges as units of work. A change reaches every worker within a second (topic ``ranges``)."""

from __future__ import annotations

from collections.abc import Sequence
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.directory import ranges_records as records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.versions import bump, version
from posthouse.net.ranges import CONNECT, INTERNET, THIS_COMPUTER, Option, Range, rank, span

RANGES = "ranges"
MOST = 1000
"""Most ranges there may be; single addresses to keep out are bans, and thousands of them belong in a block list."""
MOST_PRIORITY = 10_000

DEFAULTS = (
    ("Internet (IPv4)", "0.0.0.0/0", 10, INTERNET),
    ("Internet (IPv6)", "::/0", 10, INTERNET),
    ("This computer (IPv4)", "127.0.0.0/8", 30, THIS_COMPUTER),
    ("This computer (IPv6)", "::1/128", 30, THIS_COMPUTER),
)


def make_defaults(tx: Transaction, *, feed: Feed | None = None) -> bool:
    """Make the ranges a server begins with, where there is none at all: at the first start, and at the first one of
    a data folder from before there were ranges. Whether it was done."""
    if int(tx.execute(records.COUNT)[0][0]):
        return False
    for name, addresses, priority, options in DEFAULTS:
        tx.insert_ignore(records.ip_ranges, _row(Range(name, *span(addresses), priority, int(options))))
    bump(tx, RANGES, feed)
    return True


def put_range(tx: Transaction, wanted: Range, *, feed: Feed | None = None) -> None:
    """Add a range, or change the one of its name. Raises DirectoryError."""
    make_defaults(tx)
    if find_range(tx, wanted.name) is None and int(tx.execute(records.COUNT)[0][0]) >= MOST:
        raise DirectoryError(
            f"{MOST} ranges are there already", "remove some, or use a block list", "refused"
        )
    values = _row(wanted)
    tx.upsert(records.ip_ranges, {"name": values.pop("name")}, values)
    bump(tx, RANGES, feed)


def remove_range(tx: Transaction, name: str, *, feed: Feed | None = None) -> None:
    """Remove a range. Raises DirectoryError for the last one: without any, nobody could connect."""
    if find_range(tx, name) is not None and int(tx.execute(records.COUNT)[0][0]) == 1:
        raise DirectoryError(
            "this is the last range; without one nobody could connect", "add another first", "refused"
        )
    tx.change(records.DELETE, {"of_name": name})
    bump(tx, RANGES, feed)


def find_range(tx: Transaction, name: str) -> Range | None:
    """The range of this name."""
    rows = tx.execute(records.SELECT_ONE, {"of_name": name})
    return _range(rows[0]) if rows else None


def all_ranges(tx: Transaction) -> list[Range]:
    """All of them, in the order in which they rule."""
    return sorted((_range(row) for row in tx.execute(records.SELECT_ALL)), key=rank)


def changed_ranges(tx: Transaction, known: int) -> tuple[int, Sequence[Range]] | None:
    """The version of the ranges and all of them; None while it is the known one."""
    now = version(tx, RANGES)
    return None if now == known else (now, all_ranges(tx))


def remove_expired(tx: Transaction, *, feed: Feed | None = None) -> int:
    """Forget ranges whose time has passed, but never the last; how many went."""
    found = all_ranges(tx)
    gone = [each.name for each in found if each.until and each.until <= time()]
    if len(gone) == len(found):
        gone = gone[:-1]
    tx.execute_many(records.DELETE, [{"of_name": name} for name in gone])
    if gone:
        bump(tx, RANGES, feed)
    return len(gone)


def troubles(tx: Transaction) -> list[tuple[str, str, str]]:
    """What an administrator should know of the ranges: code, trouble, mend."""
    found = [each for each in all_ranges(tx) if not each.until or each.until > time()]
    told: list[tuple[str, str, str]] = []
    for each in found:
        relays = each.options & Option.DELIVER_EE and not each.options & Option.SIGN_IN_EE
        if relays and each.options & Option.SMTP:
            told.append(
                (
                    "ranges.relay",
                    f"The IP range {each.name} lets anybody in it send from anywhere to anywhere without signing in.",
                    "Let it demand a sign-in for mail from outside to outside.",
                )
            )
    for version_, name, address in ((4, "127.0.0.1", 0x7F000001), (6, "::1", 1)):
        ruler = _ruler(found, version_, address)
        if ruler is not None and ruler.options & CONNECT != CONNECT:
            told.append(
                (
                    "ranges.localhost",
                    f"Programs on this computer ({name}) may not use every protocol: the IP range {ruler.name}.",
                    "Allow this computer all connections, in a range of its own with a higher priority.",
                )
            )
    if found and not any(each.version == 6 for each in found):
        told.append(
            (
                "ranges.ipv6",
                "There is no IP range for IPv6: everybody who comes by it is refused.",
                "Add one for ::/0 if this server is to be reached by IPv6.",
            )
        )
    return told


def _ruler(ranges: Sequence[Range], version_: int, address: int) -> Range | None:
    return next(
        (each for each in ranges if each.version == version_ and each.first <= address <= each.last), None
    )


def _row(wanted: Range) -> dict[str, object]:
    width = 4 if wanted.version == 4 else 16
    return {
        "name": wanted.name,
        "version": wanted.version,
        "first": wanted.first.to_bytes(width, "big"),
        "last": wanted.last.to_bytes(width, "big"),
        "priority": wanted.priority,
        "options": wanted.options,
        "until": wanted.until,
        "connections": wanted.connections,
        "connection_rate": wanted.connection_rate,
        "message_rate": wanted.message_rate,
    }


def _range(row: Row) -> Range:
    return Range(
        name=row[0],
        version=int(row[1]),
        first=int.from_bytes(bytes(row[2]), "big"),
        last=int.from_bytes(bytes(row[3]), "big"),
        priority=int(row[4]),
        options=int(row[5]),
        until=float(row[6]),
        connections=int(row[7]),
        connection_rate=int(row[8]),
        message_rate=int(row[9]),
    )
