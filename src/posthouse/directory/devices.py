"""Which mail programs signed in, gathered in memory and written every few seconds, never while somebody
signs in."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from time import time

from sqlalchemy import bindparam, delete, or_, select, update

from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory import details
from posthouse.directory.identity_records import devices
from posthouse.directory.records import accounts
from posthouse.observe.log import logger

_log = logger("directory.devices")

MAIL_PROTOCOLS = frozenset(("smtp", "submission", "imap", "pop3"))
"""What mail programs sign in by; browsers have a list of their own."""

WRITE_SECONDS = 5.0
MOST_WAITING = 5_000
"""Sign-ins that wait to be written; beyond them new ones are not noted."""
WRITE_UNIT = 100
SAME_SECONDS = 600.0
"""A program that comes again within this time is not written again."""
KEEP_SECONDS = 90 * 86400.0
MOST_SHOWN = 100

_OF_ACCOUNT = (
    select(
        devices.c.id,
        devices.c.protocol,
        devices.c.peer,
        devices.c.client,
        devices.c.first_seen,
        devices.c.last_seen,
    )
    .where(devices.c.account_id == bindparam("account_id"))
    .order_by(devices.c.last_seen.desc())
    .limit(MOST_SHOWN)
)
_SEEN = update(devices).where(devices.c.mark == bindparam("of_mark")).values(last_seen=bindparam("now"))
_SWEEP = delete(devices).where(
    or_(devices.c.last_seen < bindparam("before"), devices.c.account_id.not_in(select(accounts.c.id)))
)

Key = tuple[int, str, str, str]
"""Account id, protocol, peer, name of the program ("" while it has not said)."""


@dataclass(frozen=True, slots=True)
class Device:
    """A program that signed in from somewhere."""

    id: int
    protocol: str
    peer: str
    client: str
    first_seen: float
    last_seen: float


def of_account(tx: Transaction, account_id: int) -> list[Device]:
    """The programs that signed in to an account, the latest first."""
    return [Device(*row) for row in tx.execute(_OF_ACCOUNT, {"account_id": account_id})]


def write(tx: Transaction, found: list[tuple[Key, float]]) -> None:
    """Store some sign-ins, and when each account was signed in to last."""
    latest: dict[int, float] = {}
    for (account_id, protocol, peer, client), now in found:
        latest[account_id] = max(now, latest.get(account_id, 0.0))
        mark = hashlib.sha256(f"{account_id}\n{protocol}\n{peer}\n{client}".encode()).digest()
        if not tx.change(_SEEN, {"of_mark": mark, "now": now}):
            values = {"account_id": account_id, "mark": mark, "protocol": protocol, "peer": peer}
            # Another worker may write the same program at this very moment.
            tx.insert_ignore(devices, {**values, "client": client, "first_seen": now, "last_seen": now})
    for account_id in sorted(latest):  # in one order: two workers must not wait for each other
        details.signed_in(tx, account_id, latest[account_id])


def sweep(tx: Transaction, now: float) -> None:
    """Forget programs not seen for 90 days, and those of accounts that are gone."""
    tx.change(_SWEEP, {"before": now - KEEP_SECONDS})


class Devices:
    """The sign-ins of one worker. ``signed_in`` and ``named`` cost a dictionary entry."""

    def __init__(self, database: Database, clock: Callable[[], float] = time) -> None:
        self._database = database
        self._clock = clock
        self._waiting: dict[Key, float] = {}
        self._written: dict[Key, float] = {}

    def signed_in(self, account_id: int, protocol: str, peer: str) -> None:
        """A program signed in."""
        self._note((account_id, protocol, _place(peer), ""))

    def named(self, account_id: int, protocol: str, peer: str, client: str) -> None:
        """A program that has signed in said what it is."""
        name = _plain(client)
        if name:
            self._waiting.pop((account_id, protocol, _place(peer), ""), None)
            self._note((account_id, protocol, _place(peer), name))

    async def run(self) -> None:
        """Write what has gathered, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what has gathered."""
        now = self._clock()
        if len(self._written) > MOST_WAITING:
            self._written = {key: at for key, at in self._written.items() if now - at < SAME_SECONDS}
        while self._waiting:
            some = [(key, self._waiting.pop(key)) for key in list(self._waiting)[:WRITE_UNIT]]
            try:
                await self._database.run(write, some)
            except DatabaseUnavailable as problem:
                _log.warning("devices.unwritten", reason=str(problem), count=len(some))
                return
            self._written.update(some)

    def _note(self, key: Key) -> None:
        now = self._clock()
        if now - self._written.get(key, 0.0) >= SAME_SECONDS and len(self._waiting) < MOST_WAITING:
            self._waiting[key] = now


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:64]


def _place(peer: str) -> str:
    return _plain(peer).encode("ascii", "replace").decode()
