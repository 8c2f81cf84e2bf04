"""Putting everything back onto an empty server, exactly: every row with its ids, UIDs and modseqs, every body.

In units of bounded size; each records how far it came, so that a restore that was cut off goes on where it was. The
directory comes last: until then nobody can sign in, and no mail is taken.

Two things are not as they were. UIDNEXT and the highest modseq of each mailbox, and the last UIDVALIDITY given, jump
ahead: mail and mailboxes that came after the backup were seen by mail programs under numbers that must not be given to
others. And queue rows have no leases.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from sqlalchemy import Table, bindparam, delete, func, insert, select, update
from sqlalchemy.sql import Executable

from posthouse.bodies.contract import BodyMissing
from posthouse.bodies.records import SELECT_KNOWN
from posthouse.bodies.side import SideRecord
from posthouse.cluster.event_records import events
from posthouse.database.contract import Transaction
from posthouse.database.sequences import advance
from posthouse.deliver.webhook_records import SELECT_LAST_SEEN
from posthouse.directory.records import accounts, domains, versions
from posthouse.directory.versions import DIRECTORY, SETTINGS, bump
from posthouse.manage.audit import note
from posthouse.manage.backup.access import Work, get_state, put_state
from posthouse.manage.backup.contents import Contents
from posthouse.manage.backup.known import newest_good
from posthouse.manage.backup.manifest import BodyEntry, TablePieces
from posthouse.manage.backup.tables import every_table
from posthouse.manage.errors import ManageError
from posthouse.manage.records import audit
from posthouse.manage.use import Call
from posthouse.observe import steps
from posthouse.queue.records import queue_messages
from posthouse.store.boxes import MAX_UID
from posthouse.store.contract import DELETED, SEEN
from posthouse.store.putback import note_rows
from posthouse.store.records import mailboxes, messages

GAP = 100_000
"""UIDs and modseqs skipped in each mailbox, and UIDVALIDITYs."""
UNIT = 250
"""Rows put in by one unit."""
BODIES_UNIT = 50
SIDE_BY_SIDE = 4
"""Bodies fetched at the same time."""

STATE = "restoring"
RESTORED = "restored"
"""Changed by every restore that came to its end: rows came in under old modseqs, so that a replica looks at all."""
LAST = (
    "settings_values",
    "queue_messages",
    "queue_recipients",
    "domains",
    "domain_names",
    "dkim_keys",
    "accounts",
    "aliases",
    "account_addresses",
    "masked_addresses",
    "source_accounts",
)
"""Put in after everything else, in this order: what lets mail in, and what refers to it."""

_EMPTY = (domains, accounts, mailboxes, messages, queue_messages)
_COUNTS: list[Executable] = [select(func.count()).select_from(table) for table in _EMPTY]
_ALL_VERSIONS = select(versions.c.topic)
_AUDIT_BEFORE = select(audit).order_by(audit.c.id).limit(500)

_WITHOUT = (
    update(mailboxes)
    .where(mailboxes.c.id == bindparam("of_id"))
    .values(
        messages=mailboxes.c.messages - 1,
        unseen=mailboxes.c.unseen - bindparam("less_unseen"),
        deleted=mailboxes.c.deleted - bindparam("less_deleted"),
        deleted_size=mailboxes.c.deleted_size - bindparam("less_deleted_size"),
        size=mailboxes.c.size - bindparam("less_size"),
    )
)
"""The counters of a mailbox one of whose messages is left out."""

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


def is_empty(tx: Transaction) -> bool:
    """Whether the server has nothing of its own: no domain, account, mailbox or message."""
    return not any(tx.execute(count)[0][0] for count in _COUNTS)


async def restore_exactly(call: Call, contents: Contents, work: Work, in_thread: InThread) -> None:
    """Put everything back. The caller holds the hold on bodies. Raises ManageError."""
    database = call.context.database
    state = await database.scan(get_state, STATE)
    if state is not None and state["backup"] != contents.manifest.id:
        raise ManageError(
            "refused",
            f"The restore of backup {state['backup']} has not ended.",
            "Run that one again; it goes on where it was cut off.",
        )
    await in_thread(lambda: contents.check_rows(work.tell))
    await _bodies(call, contents, work, in_thread)
    if state is None:
        await database.run(_begin, {"backup": contents.manifest.id, "tables": {}})
    tables = every_table()
    found = {table.name: table for table in contents.manifest.tables}
    order = [name for name in tables if name in found and name not in LAST]
    for name in (*order, *(name for name in LAST if name in found)):
        await _table(call, contents, tables[name], found[name], work, in_thread)
    for table in contents.manifest.tables:
        await database.run(advance, tables[table.name], table.last_id)
    # Receivers of webhooks tell events apart by their ids.
    await database.run(advance, events, await database.scan(_last_event) + GAP)
    good = await in_thread(lambda: newest_good(contents.repository))
    await database.run(_end, call, contents, good)


def _last_event(tx: Transaction) -> int:
    """The highest id of an event that a webhook has seen."""
    return int(tx.execute(SELECT_LAST_SEEN)[0][0] or 0)


def _begin(tx: Transaction, state: dict[str, Any]) -> None:
    """Make room: what an empty server has by itself goes. Its own audit lines are kept for the end."""
    if not is_empty(tx):
        raise ManageError("refused", "The server is not empty any more.", "Restore by merging.")
    rows = [list(row)[1:] for row in tx.execute(_AUDIT_BEFORE)]
    for table in reversed(list(every_table().values())):
        tx.execute(_delete(table))
    put_state(tx, STATE, {**state, "audit": rows})


_deletes: dict[str, Executable] = {}
_inserts: dict[tuple[str, ...], Executable] = {}


def _delete(table: Table) -> Executable:
    return _deletes.setdefault(table.name, delete(table))


def _insert(table: Table, columns: list[str]) -> Executable:
    key = (table.name, *columns)
    if key not in _inserts:
        _inserts[key] = insert(table).values({name: bindparam(name) for name in columns})
    return _inserts[key]


async def _bodies(call: Call, contents: Contents, work: Work, in_thread: InThread) -> None:
    done, total = 0, contents.manifest.bodies
    for piece in contents.manifest.body_lists:
        entries = await in_thread(partial(contents.entries, piece))
        for start in range(0, len(entries), BODIES_UNIT):
            batch = [
                entry for entry in entries[start : start + BODIES_UNIT] if entry.digest not in contents.lost
            ]
            await keep_bodies(call, contents, batch, in_thread)
            done += len(entries[start : start + BODIES_UNIT])
            work.tell("Messages", done, total)
            steps.step("restore.body")


async def keep_bodies(call: Call, contents: Contents, batch: list[BodyEntry], in_thread: InThread) -> None:
    """See to it that these bodies are kept, with live rows. Nobody removes bodies meanwhile (the hold)."""
    database, bodies = call.context.database, call.context.bodies
    keys = {"digests": [entry.digest for entry in batch]}
    known = (
        await database.scan(lambda tx: {bytes(row[0]) for row in tx.execute(SELECT_KNOWN, keys)})
        if batch
        else set()
    )
    missing = [entry for entry in batch if entry.digest not in known]
    for _ in range(2):
        for start in range(0, len(missing), SIDE_BY_SIDE):
            await asyncio.gather(
                *(
                    in_thread(partial(contents.fetch, bodies, entry.digest, entry.size))
                    for entry in missing[start : start + SIDE_BY_SIDE]
                )
            )
        try:
            await database.run(
                _claim, bodies, [entry for entry in batch if entry.digest not in contents.lost]
            )
            return
        except BodyMissing:
            missing = batch  # rows without their files: fetch all of them
    raise ManageError("failed", "A message just put back is not there.", "Check the disk of the data folder.")


def _claim(tx: Transaction, bodies: Any, batch: list[BodyEntry]) -> None:
    for entry in batch:
        bodies.claim(tx, entry.digest.hex(), entry.size)


async def _table(
    call: Call, contents: Contents, table: Table, found: TablePieces, work: Work, in_thread: InThread
) -> None:
    database = call.context.database
    state = await database.scan(get_state, STATE)
    reached = int(state["tables"].get(table.name, 0))
    statement = _insert(table, found.columns)
    number = 0
    for piece in found.pieces:
        if number + piece.rows <= reached:
            number += piece.rows
            continue
        rows = await in_thread(partial(contents.piece, found, piece))
        for start in range(0, len(rows), UNIT):
            part = rows[start : start + UNIT]
            if number >= reached:
                changed = [
                    _changed(table.name, dict(zip(found.columns, values, strict=True)), contents)
                    for values in part
                ]
                ready = [row for row, good in changed if good]
                lost = [row for row, good in changed if not good and table.name == "messages"]
                side = call.context.side
                await database.run(_put, side, statement, ready, lost, table.name, number + len(part))
                steps.step("restore.rows")
            number += len(part)
            work.tell(f"Rows of {table.name}", number, found.rows)


def _put(
    tx: Transaction,
    side: SideRecord | None,
    statement: Executable,
    rows: list[dict[str, Any]],
    lost: list[dict[str, Any]],
    name: str,
    upto: int,
) -> None:
    if rows:
        tx.execute_many(statement, rows)
        if side is not None:
            note_rows(tx, side, name, rows)
    for row in lost:
        deleted = int(bool(row["flags"] & DELETED))
        tx.execute(
            _WITHOUT,
            {
                "of_id": row["mailbox_id"],
                "less_unseen": int(not row["flags"] & SEEN),
                "less_deleted": deleted,
                "less_deleted_size": deleted * row["size"],
                "less_size": row["size"],
            },
        )
    state = get_state(tx, STATE)
    state["tables"][name] = upto
    put_state(tx, STATE, state)


def _changed(name: str, row: dict[str, Any], contents: Contents) -> tuple[dict[str, Any], bool]:
    """The row as it is put in, and whether it is."""
    if name in ("messages", "deleted_messages", "queue_messages") and row["body"] in contents.lost:
        if name == "queue_messages":
            contents.lost_queue.add(row["id"])
        return row, False
    if name == "mailboxes":
        row["uidnext"] = min(row["uidnext"] + GAP, MAX_UID)
        row["highest_modseq"] += GAP
        row["tombstones_from"] = row["highest_modseq"]  # mail programs are told every UID that is missing
    elif name == "counters" and row["name"] == "uidvalidity":
        row["value"] += GAP  # (it runs ahead of the clock where many mailboxes were made at once)
    elif name == "queue_recipients":
        if row["message_id"] in contents.lost_queue:
            return row, False
        row |= {"lease_token": "", "lease_owner": "", "lease_until": 0.0}
    return row, True


def _end(tx: Transaction, call: Call, contents: Contents, good: dict[str, Any] | None) -> None:
    state = get_state(tx, STATE)
    names = [column.name for column in audit.columns if column.name != "id"]
    statement = _insert(audit, names)
    for values in (state or {}).get("audit", []):
        tx.execute(statement, dict(zip(names, values, strict=True)))
    topics = {row[0] for row in tx.execute(_ALL_VERSIONS)} | {DIRECTORY, SETTINGS}
    for topic in sorted(topics):
        bump(tx, topic, call.context.feed)
    put_state(tx, STATE, None)
    put_state(tx, RESTORED, {"of": contents.manifest.id, "at": time.time()})
    put_state(tx, "good", good)  # what is remembered of backups is in none of them
    note(
        tx,
        call.actor,
        "backup.restore",
        contents.manifest.id,
        after={
            "mode": "exact",
            "of": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(contents.manifest.started)),
        },
    )
