"""Accounts whose mail is held because they sent too much at once, or refused because an administrator said so.

All functions are ops. A brake is put on by the worker that notices; an administrator looks, and releases or blocks. A
row that was released stays for a day: what was sent before does not count for the next brake.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from posthouse.cluster import events
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.directory import sending_records as records
from posthouse.directory.versions import DIRECTORY, bump

State = Literal["braked", "blocked", "released"]

KEEP_RELEASED = 86400.0
"""Seconds that a release is remembered; the brake looks no further back than an hour."""


@dataclass(frozen=True, slots=True)
class Brake:
    """The state of an account's sending. ``at`` since when (seconds since 1970), ``changed_by`` who did it ("" the
    brake itself), ``sent`` recipients in the hour before, ``usual`` in its usual busiest hour."""

    account_id: int
    state: State
    at: float
    changed_by: str = ""
    reason: str = ""
    sent: int = 0
    usual: int = 0
    mark: str = ""

    @property
    def holds(self) -> bool:
        """Whether mail is taken and held."""
        return self.state == "braked"

    @property
    def blocks(self) -> bool:
        """Whether mail is refused."""
        return self.state == "blocked"


def find(tx: Transaction, account_id: int) -> Brake | None:
    """The state of an account; None where there is nothing to tell."""
    rows = tx.execute(records.SELECT_BRAKE, {"of_account": account_id})
    return _brake(rows[0]) if rows else None


def put_on(tx: Transaction, brake: Brake, address: str, *, feed: Feed | None = None) -> bool:
    """Brake an account, unless it is braked or blocked already; whether it was done now. Writes the event
    ``sending.braked``: two workers that notice at the same time alert once."""
    mark = uuid4().hex
    values = _values(brake, mark)
    if tx.change(records.BRAKE_AGAIN, {"of_account": brake.account_id, **values}) == 0:
        tx.insert_ignore(records.sending_brakes, {"account_id": brake.account_id, **_row(values)})
        found = find(tx, brake.account_id)
        if found is None or found.mark != mark:
            return False
    data = {"account": address, "text": brake.reason, "sent": brake.sent, "usual": brake.usual}
    events.write(tx, [events.of_address("sending.braked", address, data)])
    bump(tx, DIRECTORY, feed)
    return True


def change(tx: Transaction, brake: Brake, *, feed: Feed | None = None) -> None:
    """Set the state of an account."""
    values = _values(brake, uuid4().hex)
    if tx.change(records.CHANGE_BRAKE, {"of_account": brake.account_id, **values}) == 0:
        tx.upsert(records.sending_brakes, {"account_id": brake.account_id}, _row(values))
    bump(tx, DIRECTORY, feed)


def standing(
    tx: Transaction, domains: Collection[str] | None = None, after: str = "", count: int = 200
) -> list[tuple[str, Brake]]:
    """Accounts that are braked or blocked by address, behind ``after``; of these domains (None: of all)."""
    found = {
        "after": after,
        "count": count,
        "everywhere": int(domains is None),
        "names": sorted(domains or ("",)),
    }
    return [(row[8], _brake(row)) for row in tx.execute(records.SELECT_STANDING, found)]


def untold(tx: Transaction) -> list[tuple[str, Brake]]:
    """Brakes that the postmaster was not written to about, with the address each."""
    return [(row[8], _brake(row)) for row in tx.execute(records.SELECT_UNTOLD)]


def told(tx: Transaction, brake: Brake) -> None:
    """The postmaster was written to."""
    tx.change(records.TELL, {"of_account": brake.account_id, "of_mark": brake.mark})


def released(tx: Transaction) -> list[int]:
    """Accounts that were released within the last day."""
    return [int(row[0]) for row in tx.execute(records.SELECT_RELEASED)]


def remove_old(tx: Transaction, now: float) -> None:
    """Forget releases that are over."""
    tx.change(records.DELETE_RELEASED, {"before": now - KEEP_RELEASED})


def _values(brake: Brake, mark: str) -> dict[str, object]:
    return {
        "new_state": brake.state,
        "new_at": brake.at,
        "new_by": brake.changed_by[:255],
        "new_reason": brake.reason,
        "new_sent": brake.sent,
        "new_usual": brake.usual,
        "new_told": int(brake.state != "braked"),
        "new_mark": mark,
    }


def _row(values: dict[str, object]) -> dict[str, object]:
    names = {"new_by": "changed_by"}
    return {names.get(name, name.removeprefix("new_")): each for name, each in values.items()}


def _brake(row: Row) -> Brake:
    return Brake(int(row[0]), row[1], float(row[2]), row[3], row[4], int(row[5]), int(row[6]), row[7])
