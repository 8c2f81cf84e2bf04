"""Risky changes apply on probation: unless they are confirmed in time, they are taken back.

How a use takes part:

1. It says how its subject gets back to what it was::

       class FormerBan(msgspec.Struct, frozen=True): ...

       @undo("ban.restore")
       async def restore(call: Call, former: FormerBan, row: Pending) -> None:
           def op(tx):
               if row.settle(tx):          # in the unit of the undoing; False: nothing is to be done any more
                   ...put the former state back...
           await call.context.database.run(op)

   Where the state is not in the database: ``if await row.is_due(): put it back``, then ``await row.settled()``.
   Such an undo may run twice (after a crash in between), so it puts a state back rather than stepping.

2. In the unit of its change it calls :func:`on_probation` with the former state, and gives the id it returns to
   the caller as ``probation`` in its result (0: the change is for good at once).

The former state is that of the whole ``subject`` (all listeners; one ban; the role of one account), so that
changes which overlap are undone rightly in any order. They stand on one another like a pile: the newest holds the
subject's state now. Taking back the newest puts the former state back. Taking back one further down changes
nothing now: its former state is handed to the one above, which would go back to that. Confirming one confirms all
below it, for they are part of what was confirmed. A change of the subject that needs no probation ends those that
wait (:func:`absorb`). Changes of the same subject outside the database hold ``call.context.changing``.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, get_type_hints

import msgspec

from posthouse.database.contract import Transaction
from posthouse.manage import probation_records as records
from posthouse.manage.audit import note
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import is_local
from posthouse.manage.use import Call, Nothing, nobody_listens, use
from posthouse.observe.log import logger
from posthouse.settings import manage as settings_manage

log = logger("manage.probation")

MOST = 200
"""Most changes that wait at once."""

CLOCK_SLACK = 5.0
"""Seconds by which a deadline may lie later than one given now would."""

UndoBody = Callable[[Call, Any, "Pending"], Awaitable[None]]

_undos: dict[str, tuple[type[msgspec.Struct], UndoBody]] = {}


class Probation(msgspec.Struct, frozen=True):
    """A change that waits to be confirmed. Times in seconds since 1970; ``deadline`` 0: its time begins when the
    server is started anew."""

    id: int
    at: float
    deadline: float
    use: str
    subject: str
    summary: str
    actor: str


class Probations(msgspec.Struct, frozen=True):
    """Oldest first."""

    changes: list[Probation]


class ProbationId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change that waits, by its id."""

    id: int


class Entry(NamedTuple):
    """A row of ``probation_records.probations``."""

    id: int
    at: float
    deadline: float
    use: str
    subject: str
    summary: str
    undo: str
    parameters: str
    actor: str
    actor_id: int


@dataclass(frozen=True, slots=True)
class Pending:
    """The row of a change that is being taken back."""

    context: Context
    actor: Actor
    id: int

    def last(self, tx: Transaction) -> bool:
        """Whether the change still waits and is the newest of its subject."""
        entry = _entry(tx, self.id)
        return entry is not None and _newer(tx, entry) is None

    def settle(self, tx: Transaction) -> bool:
        """Take the row away and write the audit line; whether the caller has to put the former state back, in
        this very unit."""
        entry = _entry(tx, self.id)
        if entry is None:
            return False  # confirmed, or taken back by somebody else
        newer = _newer(tx, entry)
        if newer is not None:
            handed = {"of_id": newer, "new_undo": entry.undo, "new_parameters": entry.parameters}
            tx.change(records.HAND_DOWN, handed)
        tx.change(records.DELETE, {"of_id": self.id})
        note(
            tx,
            self.actor,
            "probation.revert",
            entry.subject,
            before={"change": entry.summary, "by": entry.actor},
            after={"taken_back": newer is None, "newer_change": newer is not None},
        )
        return newer is None

    async def is_due(self) -> bool:
        """As :meth:`settle` will answer; for a former state that is not in the database."""
        return await self.context.database.run(self.last)

    async def settled(self) -> None:
        """:meth:`settle` in a unit of its own."""
        await self.context.database.run(self.settle)


def undo(name: str) -> Callable[[UndoBody], UndoBody]:
    """Register how a subject gets back to a former state; the state's Struct is read from the annotations."""

    def register(body: UndoBody) -> UndoBody:
        if name in _undos:
            raise ValueError(f"undo {name} registered twice")
        _undos[name] = (get_type_hints(body)[list(inspect.signature(body).parameters)[1]], body)
        return body

    return register


def on_probation(
    tx: Transaction,
    call: Call,
    *,
    use_name: str,
    subject: str,
    summary: str,
    undo_name: str,
    former: msgspec.Struct,
    now: bool = False,
    at_start: bool = False,
) -> int:
    """Let the change that this unit makes wait for confirmation; the id to confirm it by, or 0 where it is for
    good: the setting says so, the server is stopped (nobody is locked out who can do that), or ``now`` was said on
    the machine itself. ``at_start``: it takes effect at the next start, and its time begins then. Raises
    ManageError."""
    if undo_name not in _undos:
        raise ValueError(f"there is no undo {undo_name}")
    if now and not is_local(call.actor):
        raise ManageError(
            "refused",
            "Only the command on the machine itself may skip the time of probation.",
            "Leave `now` out, and confirm the change after signing in again.",
        )
    seconds = call.context.settings.now[settings_manage.PROBATION_TIME]
    if now or not seconds or not call.context.running:
        absorb(tx, subject)
        return 0
    if int(tx.execute(records.COUNT)[0][0]) >= MOST:
        raise ManageError(
            "refused", f"{MOST} changes wait to be confirmed already.", "Confirm or take back some first."
        )
    began = time.time()
    return tx.insert(
        records.INSERT,
        {
            "at": began,
            "deadline": 0.0 if at_start else began + seconds,
            "use": use_name,
            "subject": subject[:400],
            "summary": summary[:1000],
            "undo": undo_name,
            "parameters": msgspec.json.encode(former).decode(),
            "actor": call.actor.name[:255],
            "actor_id": call.actor.account_id,
        },
    )


def absorb(tx: Transaction, subject: str) -> None:
    """The subject got a new state that is for good: what waited about it waits no more."""
    tx.change(records.DELETE_SUBJECT, {"of_subject": subject[:400]})


@use("probation.list", right="view")
async def list_pending(call: Call, wanted: Nothing) -> Probations:
    """List the changes that are taken back unless they are confirmed in time."""

    def op(tx: Transaction) -> Probations:
        return Probations([_view(Entry(*row)) for row in tx.execute(records.SELECT_ALL)])

    return await call.context.database.scan(op)


@use("probation.confirm", right="change")
async def confirm(call: Call, wanted: ProbationId) -> Probation:
    """Keep a change for good, and those of the same thing before it. Needs a sign-in after the change."""

    def op(tx: Transaction) -> Probation:
        entry = _find(tx, wanted.id)
        _check_fresh(call, entry.at)
        tx.change(records.DELETE_UPTO, {"of_subject": entry.subject, "upto": wanted.id})
        note(tx, call.actor, "probation.confirm", entry.subject, after={"change": entry.summary})
        return _view(entry)

    async with call.context.changing:
        return await call.context.database.run(op)


@use("probation.revert", right="change")
async def revert(call: Call, wanted: ProbationId) -> Probation:
    """Take a change back now, without waiting for its time to pass."""
    entry = await call.context.database.run(_find, wanted.id)
    await take_back(call.context, wanted.id, call.actor)
    return _view(entry)


async def take_back(context: Context, probation_id: int, actor: Actor) -> None:
    """Put back what was before a change; nothing when it no longer waits. Raises what the undoing raises: the
    change then still waits."""
    async with context.changing:
        entry = await context.database.run(_entry, probation_id)
        if entry is None:
            return
        struct, body = _undos[entry.undo]
        former = msgspec.json.decode(entry.parameters, type=struct)
        await body(Call(context, actor, nobody_listens), former, Pending(context, actor, probation_id))


async def take_back_due(context: Context) -> None:
    """Take back what was not confirmed in time. One that fails does not hold up the others; it is tried again at
    the next call."""
    actor = Actor("probation", "server")
    now = time.time()
    latest = now + max(context.settings.now[settings_manage.PROBATION_TIME], 1.0)

    def op(tx: Transaction) -> tuple[list[int], float | None]:
        return [int(row[0]) for row in tx.execute(records.SELECT_DUE, {"now": now})], last_deadline(tx)

    due, last = await context.database.read(op)
    if last is not None and last > latest + CLOCK_SLACK:
        # The clock was set back: whoever locked themselves out does not wait for the time it went back by.
        await context.database.run(_bring_forward, latest)
    for probation_id in due:
        try:
            await take_back(context, probation_id, actor)
            log.warning("probation.taken_back", id=probation_id)
        except Exception:
            log.exception("probation.failed", id=probation_id)


def _bring_forward(tx: Transaction, latest: float) -> None:
    tx.change(records.BRING_FORWARD, {"latest": latest, "new_deadline": latest})


def begin_waiting(tx: Transaction, deadline: float) -> None:
    """The server starts: changes that take effect now have until ``deadline``."""
    tx.change(records.BEGIN, {"new_deadline": deadline})


def next_deadline(tx: Transaction) -> float | None:
    """When the first change is due; None when none waits."""
    found = tx.execute(records.SELECT_NEXT)[0][0]
    return None if found is None else float(found)


def last_deadline(tx: Transaction) -> float | None:
    """When the last change is due; None when none waits."""
    found = tx.execute(records.SELECT_LAST)[0][0]
    return None if found is None else float(found)


def _entry(tx: Transaction, probation_id: int) -> Entry | None:
    rows = tx.lock(records.SELECT_ONE, {"of_id": probation_id})
    return Entry(*rows[0]) if rows else None


def _newer(tx: Transaction, entry: Entry) -> int | None:
    """The id of the change that stands right above this one."""
    rows = tx.execute(records.SELECT_NEWER, {"subject": entry.subject, "of_id": entry.id})
    return int(rows[0][0]) if rows else None


def _find(tx: Transaction, probation_id: int) -> Entry:
    entry = _entry(tx, probation_id)
    if entry is None:
        raise ManageError(
            "missing",
            f"No change {probation_id} waits to be confirmed.",
            "It was confirmed or taken back already; `posthouse audit list` tells.",
        )
    return entry


def _view(entry: Entry) -> Probation:
    return Probation(entry.id, entry.at, entry.deadline, entry.use, entry.subject, entry.summary, entry.actor)


def _check_fresh(call: Call, changed_at: float) -> None:
    """Whoever confirms has shown that one can still get in: by a sign-in after the change, or by being on the
    machine."""
    actor = call.actor
    if is_local(actor):
        return
    mend = "Give your password or passkey again now, then confirm."
    if actor.token:
        raise ManageError(
            "refused",
            "An API token cannot confirm a risky change.",
            "Confirm it in the browser, or on the machine with `posthouse probation confirm`.",
        )
    if actor.fresh_at <= changed_at:
        what = "Confirming asks for a sign-in after the change: it shows that you still get in."
        raise ManageError("refused", what, mend)
    if time.time() - actor.fresh_at > call.context.settings.now[settings_manage.FRESH_TIME]:
        raise ManageError("refused", "Your last sign-in is too long ago to confirm this.", mend)
