"""A hold on the kept bodies: while it lasts, the removal job unlinks nothing.

A backup takes it before its picture of the rows and keeps extending it until it has read the last body; a restore,
until something refers to the bodies it put there. It is a lease, so what a crash leaves behind ends by itself. The
removal job asks within the unit that unlinks: whatever it took away before the hold was committed was condemned in
every picture taken later.
"""

from __future__ import annotations

from posthouse.cluster import leases
from posthouse.cluster.records import SELECT
from posthouse.database.contract import Transaction

NAME = "bodies.hold"


def hold_in(tx: Transaction, holder: str, now: float, seconds: float) -> bool:
    """Take or extend the hold. False while another has it. Times in seconds since 1970."""
    return leases.take(tx, NAME, holder, now, seconds)


def let_go_in(tx: Transaction, holder: str) -> None:
    """End the hold, if it is ours."""
    leases.give_back(tx, NAME, holder)


def held_in(tx: Transaction, now: float) -> bool:
    """Whether bodies must stay."""
    rows = tx.execute(SELECT, {"of_name": NAME})
    return bool(rows) and bool(rows[0][1] > now)
