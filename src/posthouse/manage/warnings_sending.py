"""What an administrator should see to of mail that leaves: a pause, a destination that is down, a closed port, a
forward that fails."""

from __future__ import annotations

from collections.abc import Iterator

from posthouse.database.contract import Transaction
from posthouse.directory import forwards
from posthouse.manage import sample_records
from posthouse.queue import destinations, summaries
from posthouse.queue.contract import MX
from posthouse.queue.destinations import EVERYTHING, DestinationState
from posthouse.queue.journal import held as journal_held

MANY = 50
"""Recipients that wait for a destination that is down, from which on it is worth a warning."""
FAILURES = 3
"""Failures in a row from which on a destination counts as down."""
SILENT = 3600
"""Seconds without a single message sent after which several silent servers mean that the port is closed."""
SEVERAL = 3
_NO_ANSWER = ("4.4.1 ", "4.4.7 ")

Trouble = tuple[str, str, str]
"""Code, what is the trouble, what to do about it."""


def troubles(tx: Transaction, now: float) -> tuple[Trouble, ...]:
    """All of it, the gravest first. One unit, bounded however long the queue is."""
    down = destinations.failing(tx, 1)
    return (*_paused(tx), *_port(tx, down, now), *_down(tx, down), *_forwards(tx), *_journal(tx))


def _paused(tx: Transaction) -> Iterator[Trouble]:
    mend = "Let it go on from the queue's page, or by: posthouse queue resume"
    names = destinations.paused(tx, 20)
    if EVERYTHING in names:
        yield "queue.all_paused", "Delivery is paused: mail is taken and waits, nothing is delivered.", mend
    elif names:
        shown = ", ".join(sorted(names)[:5])
        yield "queue.paused", f"Nothing is sent to destinations that are paused: {shown}.", mend


def _port(tx: Transaction, down: list[DestinationState], now: float) -> Iterator[Trouble]:
    silent = [each for each in down if each.destination.startswith(MX) and each.reason.startswith(_NO_ANSWER)]
    if len(silent) < SEVERAL or _sent(tx, now):
        return
    shown = ", ".join(sorted(each.destination.removeprefix(MX) for each in silent)[:5])
    yield (
        "outward.port",
        f"No other server answers ({shown}): port 25 outward seems to be closed.",
        "Have it opened where you rent the machine, or send by a smart host: posthouse route smart-host --help",
    )


def _sent(tx: Transaction, now: float) -> bool:
    """Whether anything went out lately, as far as that is measured."""
    values = {
        "of_topic": "messages.sent",
        "since": int(now - SILENT),
        "until": int(now) + 60,
        "width": SILENT,
    }
    return any(value for _, value in tx.execute(sample_records.SELECT_HISTORY, values))


def _down(tx: Transaction, down: list[DestinationState]) -> Iterator[Trouble]:
    for each in down:
        if each.failures < FAILURES:
            continue
        waiting = summaries.waiting_for(tx, each.destination, MANY)
        if waiting >= MANY:
            name = each.destination.removeprefix(MX)
            what = (
                f"{name} cannot be reached, and mail for {MANY} recipients or more waits: {each.reason[:200]}"
            )
            yield "queue.down", what, "See the destination on the queue's page; it is tried again by itself."


def _forwards(tx: Transaction) -> Iterator[Trouble]:
    for _, target, trouble, stopped in forwards.troubled(tx):
        state = "is given up" if stopped else "fails"
        what = f"A forward to {target} {state}: {trouble[:200]}"
        yield "forward.fails", what, "Its owner was told, and keeps the mail. See the page of the account."


def _journal(tx: Transaction) -> Iterator[Trouble]:
    held = journal_held(tx)
    if held:
        yield (
            "journal.held",
            f"{'A copy' if held == 1 else f'{held} copies'} for the journal could not be delivered and "
            f"{'is' if held == 1 else 'are'} held.",
            "They go to the address that the journal had then. Mend its host, then release them: posthouse queue list "
            "--state held. For another address change the journal, and remove them.",
        )
