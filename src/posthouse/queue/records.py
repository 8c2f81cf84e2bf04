"""The tables of the queue and of the traces, and their statements. Times are seconds since 1970.

A leased row carries the lease's token, and its ``due_at`` is moved to the end of the lease: an expired
lease is found by the same scan as any other due row. Ids are never used again, so that a trace names one
message for ever.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from posthouse.database import schema
from posthouse.queue.contract import EVENTS, WEBHOOK

queue_messages = schema.table(
    "queue_messages",
    Column("id", schema.ident(), primary_key=True),
    Column("trace", schema.ascii_text(64), nullable=False),
    Column("body", schema.digest(), nullable=False),
    Column("size", schema.big(), nullable=False),
    Column("sender", schema.key_text(320), nullable=False),
    Column("received_at", schema.real(), nullable=False),
    Column("ret", schema.ascii_text(8), nullable=False),
    Column("envid", schema.key_text(255), nullable=False),
    Column("smtputf8", schema.small(), nullable=False),
    Column("body_type", schema.ascii_text(16), nullable=False),
    Column("priority", schema.big(), nullable=False),
    schema.since("0003", Column("account_id", schema.big(), nullable=True)),
    schema.since("0003", Column("kind", schema.ascii_text(16), nullable=False, server_default="")),
    schema.since("0003", Column("deliver_by", schema.real(), nullable=False, server_default="0")),
    schema.since("0003", Column("by_mode", schema.ascii_text(4), nullable=False, server_default="")),
    schema.since("0003", Column("require_tls", schema.small(), nullable=False, server_default="0")),
    Index(None, "body"),
    schema.since("0003", Index(None, "account_id")),
    schema.since("0003", Index(None, "sender", "id")),
    schema.since("0003", Index(None, "deliver_by")),
    sqlite_autoincrement=True,
)

queue_recipients = schema.table(
    "queue_recipients",
    Column("id", schema.ident(), primary_key=True),
    Column("message_id", schema.big(), ForeignKey("queue_messages.id"), nullable=False),
    Column("recipient", schema.key_text(400), nullable=False),
    Column("destination", schema.key_text(400), nullable=False),
    Column("account_id", schema.big(), nullable=True),
    Column("notify", schema.ascii_text(40), nullable=False),
    Column("orcpt", schema.text(), nullable=False),
    Column("due_at", schema.real(), nullable=False),
    Column("expires_at", schema.real(), nullable=False),
    Column("attempts", schema.big(), nullable=False),
    Column("held", schema.small(), nullable=False),
    Column("reason", schema.text(), nullable=False),
    Column("lease_token", schema.ascii_text(40), nullable=False),
    Column("lease_owner", schema.key_text(255), nullable=False),
    Column("lease_until", schema.real(), nullable=False),
    schema.since("0003", Column("priority", schema.big(), nullable=False, server_default="0")),
    schema.since("0003", Column("not_before", schema.real(), nullable=False, server_default="0")),
    schema.since("0003", Column("hold", schema.ascii_text(16), nullable=False, server_default="")),
    schema.since("0003", Column("delay_told", schema.small(), nullable=False, server_default="0")),
    schema.since("0003", Column("status", schema.ascii_text(16), nullable=False, server_default="")),
    schema.since("0003", Column("remote", schema.key_text(255), nullable=False, server_default="")),
    schema.since("0003", Column("lane", schema.small(), nullable=False, server_default="0")),
    Index(None, "message_id"),
    Index(None, "held", "due_at"),
    schema.since("0003", Index(None, "lease_owner")),
    schema.since("0003", Index(None, "held", "destination", "priority", "lane", "due_at")),
    schema.since("0003", Index(None, "held", "destination", "due_at", "id")),
    schema.since("0003", Index(None, "held", "expires_at")),
    sqlite_autoincrement=True,
)

traces = schema.table(
    "traces",
    Column("id", schema.ident(), primary_key=True),
    Column("trace", schema.ascii_text(64), nullable=False),
    Column("at", schema.real(), nullable=False),
    Column("queue_id", schema.big(), nullable=False),
    Column("message_id", schema.big(), nullable=False),
    Column("header_id", schema.key_text(255), nullable=False),
    Column("entries", schema.text(), nullable=False),
    Index(None, "trace"),
    Index(None, "at"),
    Index(None, "queue_id"),
    Index(None, "message_id"),
    Index(None, "header_id"),
)
"""``entries`` is a JSON list of [stage, text]. ``queue_id`` and ``message_id`` (a copy in the store) are 0
and ``header_id`` (the Message-ID field) is empty where a row has nothing to do with one."""

_MESSAGE = tuple(column for column in queue_messages.c if column.name != "id")
_R = queue_recipients.c

# putting
INSERT_MESSAGE = insert(queue_messages).values({column.name: bindparam(column.name) for column in _MESSAGE})
INSERT_RECIPIENT = insert(queue_recipients).values(
    {column.name: bindparam(column.name) for column in _R if column.name != "id"}
)

# leasing
SELECT_DUE = (
    select(_R.id, _R.lease_token)
    .where(_R.held == 0, _R.due_at <= bindparam("now"))
    .order_by(_R.due_at, _R.id)
    .limit(bindparam("count"))
)
SELECT_NEXT_DUE = select(func.min(_R.due_at)).where(_R.held == 0)
# Each destination class has its own workers. Those of mail pass over the others; the others know their messages by
# id, so that they never look through the mail that waits.
_MAIL = _R.destination.not_like(f"{WEBHOOK}%")
SELECT_DUE_MAIL = SELECT_DUE.where(_MAIL)
SELECT_NEXT_MAIL = SELECT_NEXT_DUE.where(_MAIL)
SELECT_OF = select(_R.id, _R.lease_token, _R.due_at, _R.held, _R.message_id).where(
    _R.message_id.in_(bindparam("messages", expanding=True))
)
DELETE_RECIPIENTS_OF = delete(queue_recipients).where(_R.message_id == bindparam("of_message"))
TAKE = (
    update(queue_recipients)
    .where(
        _R.id == bindparam("of_id"),
        _R.held == 0,
        _R.lease_token == bindparam("seen_token"),
        _R.due_at <= bindparam("now"),
    )
    .values(
        lease_token=bindparam("new_token"),
        lease_owner=bindparam("new_owner"),
        lease_until=bindparam("until"),
        due_at=bindparam("until"),
        attempts=_R.attempts + 1,
    )
)
SELECT_LEASED = (
    select(
        _R.id,
        _R.message_id,
        _R.recipient,
        _R.destination,
        _R.account_id,
        _R.notify,
        _R.orcpt,
        _R.reason,
        _R.attempts,
        _R.expires_at,
        _R.not_before,
        _R.delay_told,
        *_MESSAGE,
    )
    .join(queue_messages, queue_messages.c.id == _R.message_id)
    .where(_R.id == bindparam("of_id"))
)

# giving back
LOCK_MESSAGE = select(queue_messages.c.id).where(queue_messages.c.id == bindparam("of_id"))
DELETE_RECIPIENT = delete(queue_recipients).where(
    _R.id == bindparam("of_id"), _R.lease_token == bindparam("token")
)
DELETE_MESSAGE = delete(queue_messages).where(
    queue_messages.c.id == bindparam("of_id"),
    ~exists(select(_R.id).where(_R.message_id == bindparam("of_id"))),
)
_FREED: dict[str, object] = {"lease_token": "", "lease_owner": "", "lease_until": 0.0}
_HELD_BY = (_R.id == bindparam("of_id"), _R.lease_token == bindparam("token"))
GIVE_BACK = (
    update(queue_recipients)
    .where(*_HELD_BY)
    .values(
        **_FREED,
        due_at=bindparam("new_due_at"),
        reason=bindparam("new_reason"),
        status=bindparam("new_status"),
        remote=bindparam("new_remote"),
        delay_told=bindparam("new_told"),
        attempts=bindparam("new_attempts"),
    )
)
HOLD = (
    update(queue_recipients)
    .where(*_HELD_BY)
    .values(
        **_FREED,
        due_at=bindparam("new_due_at"),
        held=1,
        hold=bindparam("new_hold"),
        reason=bindparam("new_reason"),
    )
)
MOVE = (
    update(queue_recipients)
    .where(*_HELD_BY)
    .values(**_FREED, due_at=bindparam("now"), destination=bindparam("new_destination"))
)
FREE_OWNER = (
    update(queue_recipients)
    .where(_R.lease_owner == bindparam("owner"))
    .values(lease_token="", lease_owner="", lease_until=0.0, due_at=bindparam("now"))
)

# looking
SELECT_BODY = select(queue_messages.c.id).where(queue_messages.c.body == bindparam("body")).limit(1)
SELECT_BODIES = (
    select(queue_messages.c.id, queue_messages.c.body)
    .where(queue_messages.c.id > bindparam("after"), queue_messages.c.body_type != EVENTS)
    .order_by(queue_messages.c.id)
    .limit(bindparam("count"))
)
# Ids are given out in the order in which messages come.
SELECT_OLDEST = (
    select(queue_messages.c.received_at)
    .where(queue_messages.c.body_type != EVENTS)
    .order_by(queue_messages.c.id)
    .limit(1)
)
COUNT_MESSAGES = select(func.count()).select_from(queue_messages)
COUNT_RECIPIENTS = select(func.count()).select_from(queue_recipients)
COUNT_HELD = select(func.count()).select_from(queue_recipients).where(_R.held == 1)
SELECT_MESSAGE = select(queue_messages.c.id, *_MESSAGE).where(queue_messages.c.id == bindparam("of_id"))

# traces
INSERT_TRACE = insert(traces).values(
    {column.name: bindparam(column.name) for column in traces.c if column.name != "id"}
)
_TRACE = tuple(column for column in traces.c if column.name != "id")
_BY_ID = traces.c.id
SELECT_TRACE = select(*_TRACE).where(traces.c.trace == bindparam("trace")).order_by(_BY_ID).limit(500)
SELECT_TRACE_OF_MESSAGE = (
    select(traces.c.trace).where(traces.c.message_id == bindparam("message_id")).order_by(_BY_ID).limit(50)
)
SELECT_TRACE_OF_HEADER = (
    select(traces.c.trace).where(traces.c.header_id == bindparam("header_id")).order_by(_BY_ID).limit(50)
)
NEWEST_TRACE = select(func.max(traces.c.id))
# A look through the text of a stretch of rows, for what no index knows; the newest come first.
SELECT_TRACES_WITH = (
    select(traces.c.trace, traces.c.entries)
    .where(traces.c.id > bindparam("after"))
    .where(traces.c.id <= bindparam("upto"))
    .where(func.lower(traces.c.entries).like(bindparam("pattern"), escape="!"))
    .order_by(traces.c.id.desc())
    .limit(1000)
)
SELECT_OLD_TRACES = (
    select(traces.c.id)
    .where(traces.c.at < bindparam("before"))
    .order_by(traces.c.at)
    .limit(bindparam("count"))
)
DELETE_TRACE = delete(traces).where(traces.c.id == bindparam("of_id"))
