"""The tables of webhooks and what was sent to them, and their statements. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, func, insert, or_, select, update

from posthouse.database import schema

webhooks = schema.table(
    "webhooks",
    Column("id", schema.ident(), primary_key=True),
    Column("url", schema.text(), nullable=False),
    Column("secret", schema.ascii_text(200), nullable=False),
    Column("kinds", schema.text(), nullable=False),
    Column("domain", schema.key_text(255), nullable=False),
    Column("account", schema.key_text(320), nullable=False),
    Column("description", schema.key_text(400), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Column("active", schema.small(), nullable=False),
    Column("off_reason", schema.text(), nullable=False),
    Column("seen_event", schema.big(), nullable=False),
    Column("missed", schema.big(), nullable=False),
    Column("tried_at", schema.real(), nullable=False),
    Column("taken_at", schema.real(), nullable=False),
    Column("failing_since", schema.real(), nullable=False),
    Column("status", schema.big(), nullable=False),
    Column("trouble", schema.text(), nullable=False),
    sqlite_autoincrement=True,
)
"""``kinds`` are beginnings of kinds of events, with blanks between ("" = all); ``domain`` and ``account`` limit it, ""
does not. ``seen_event`` is the last event that was looked at for it: those above still come. ``missed`` counts events
that were thinned before they could be sent. ``failing_since`` is 0.0 while all is well; ``status`` (of HTTP, 0 =
none) and ``trouble`` are of the last attempt; ``off_reason`` says why the server switched it off."""

webhook_deliveries = schema.table(
    "webhook_deliveries",
    Column("id", schema.ident(), primary_key=True),
    Column("webhook_id", schema.big(), nullable=False),
    Column("queue_id", schema.big(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Column("first_event", schema.big(), nullable=False),
    Column("last_event", schema.big(), nullable=False),
    Column("events", schema.big(), nullable=False),
    Column("state", schema.ascii_text(16), nullable=False),
    Column("attempts", schema.big(), nullable=False),
    Column("tried_at", schema.real(), nullable=False),
    Column("status", schema.big(), nullable=False),
    Column("trouble", schema.text(), nullable=False),
    Column("body", schema.text(), nullable=False),
    Index(None, "webhook_id", "id"),
    Index(None, "webhook_id", "state"),
    Index(None, "queue_id"),
    sqlite_autoincrement=True,
)
"""What is or was sent: ``state`` is waiting, taken or dropped. ``body`` is the JSON that is sent, kept while it waits:
it is written with its queue row and needs no file."""

_W, _D = webhooks.c, webhook_deliveries.c

INSERT_WEBHOOK = insert(webhooks).values(
    {each.name: bindparam(each.name) for each in _W if each.name != "id"}
)
SELECT_WEBHOOKS = select(webhooks).order_by(_W.id).limit(500)
SELECT_ACTIVE = select(webhooks).where(_W.active == 1).order_by(_W.id).limit(500)
SELECT_WEBHOOK = select(webhooks).where(_W.id == bindparam("of_id"))
UPDATE_WEBHOOK = (
    update(webhooks)
    .where(_W.id == bindparam("of_id"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("url", "secret", "kinds", "domain", "account", "description", "active", "off_reason")
        }
        | {"seen_event": bindparam("new_seen_event"), "failing_since": bindparam("new_failing_since")}
    )
)
DELETE_WEBHOOK = delete(webhooks).where(_W.id == bindparam("of_id"))
SEEN = (
    update(webhooks)
    .where(_W.id == bindparam("of_id"))
    .values(seen_event=bindparam("seen"), missed=_W.missed + bindparam("lost"))
)
TAKEN = (
    update(webhooks)
    .where(_W.id == bindparam("of_id"))
    .values(
        tried_at=bindparam("now"),
        taken_at=bindparam("now"),
        failing_since=0.0,
        status=bindparam("got"),
        trouble="",
    )
)
FAILED = (
    update(webhooks)
    .where(_W.id == bindparam("of_id"))
    .values(
        tried_at=bindparam("now"),
        failing_since=bindparam("since"),
        status=bindparam("got"),
        trouble=bindparam("why"),
    )
)
SELECT_LAST_SEEN = select(func.max(_W.seen_event))
SWITCH_OFF = update(webhooks).where(_W.id == bindparam("of_id")).values(active=0, off_reason=bindparam("why"))
SELECT_TROUBLED = (
    select(webhooks).where(or_(_W.failing_since > 0.0, _W.off_reason != "")).order_by(_W.id).limit(20)
)

INSERT_DELIVERY = insert(webhook_deliveries).values(
    {each.name: bindparam(each.name) for each in _D if each.name != "id"}
)
_SHOWN = tuple(column for column in _D if column.name != "body")
SELECT_BODY = select(_D.id, _D.body).where(_D.queue_id == bindparam("of_queue"))
SELECT_DELIVERIES = (
    select(*_SHOWN)
    .where(_D.webhook_id == bindparam("of_webhook"), _D.id < bindparam("below"))
    .order_by(_D.id.desc())
    .limit(bindparam("count"))
)
COUNT_STATES = (
    select(_D.state, func.count()).where(_D.webhook_id == bindparam("of_webhook")).group_by(_D.state)
)
NUMBER_DELIVERY = (
    update(webhook_deliveries)
    .where(_D.id == bindparam("of_id"))
    .values(queue_id=bindparam("new_queue"), body=bindparam("new_body"))
)
TRIED = (
    update(webhook_deliveries)
    .where(_D.queue_id == bindparam("of_queue"))
    .values(
        attempts=bindparam("new_attempts"),
        tried_at=bindparam("now"),
        status=bindparam("got"),
        trouble=bindparam("why"),
    )
)
ENDED = (
    update(webhook_deliveries)
    .where(_D.queue_id == bindparam("of_queue"))
    .values(state=bindparam("new_state"), body="")
)
SELECT_WAITING = (
    select(_D.queue_id)
    .where(_D.webhook_id == bindparam("of_webhook"), _D.state == "waiting")
    .order_by(_D.queue_id)
    .limit(500)
)
DROP_WAITING = (
    update(webhook_deliveries)
    .where(_D.webhook_id == bindparam("of_webhook"), _D.state == "waiting")
    .values(state="dropped", body="")
)
SELECT_OLD = (
    select(_D.id, _D.created_at).where(_D.state != "waiting").order_by(_D.id).limit(bindparam("count"))
)
DELETE_DELIVERY = delete(webhook_deliveries).where(_D.id == bindparam("of_id"))
