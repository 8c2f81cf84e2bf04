"""Certificates that the server keeps itself, the accounts with authorities, and the proofs shown right now. Times
are seconds since 1970; 0 means never."""

from __future__ import annotations

from sqlalchemy import Column, UniqueConstraint, and_, bindparam, delete, insert, or_, select, update

from posthouse.database import schema

certificates = schema.table(
    "certificates",
    Column("id", schema.ident(), primary_key=True),
    Column("hosts", schema.text(), nullable=False),
    Column("kind", schema.ascii_text(10), nullable=False),
    Column("challenge", schema.ascii_text(20), nullable=False),
    Column("chain", schema.text(), nullable=False),
    Column("secret_key", schema.text(), nullable=False),
    Column("not_before", schema.real(), nullable=False),
    Column("not_after", schema.real(), nullable=False),
    Column("made_at", schema.real(), nullable=False),
    Column("retired_at", schema.real(), nullable=False),
    Column("renew_at", schema.real(), nullable=False),
    Column("window_begin", schema.real(), nullable=False),
    Column("window_end", schema.real(), nullable=False),
    Column("look_at", schema.real(), nullable=False),
    Column("failures", schema.big(), nullable=False),
    Column("failed_at", schema.real(), nullable=False),
    Column("last_error", schema.text(), nullable=False),
    Column("next_try", schema.real(), nullable=False),
    Column("order_url", schema.text(), nullable=False),
    Column("order_key", schema.text(), nullable=False),
    Column("order_with", schema.ascii_text(20), nullable=False),
    Column("busy_by", schema.ascii_text(64), nullable=False),
    Column("busy_until", schema.real(), nullable=False),
    sqlite_autoincrement=True,
)
"""``hosts``: host names with a blank between them. ``kind``: ``acme`` or ``given``. ``chain`` is "" until the first
order is done; ``secret_key`` belongs to it. ``retired_at``: removed or replaced then, kept a while so that it can
come back. ``window_*`` and ``look_at``: the authority's suggestion when to renew, and when it is asked again.
``order_*``: an order that is under way, with its key and kind of proof, so that it can be completed after a crash.
``busy_*``: who works on the order, and until when at most."""

accounts = schema.table(
    "acme_accounts",
    Column("id", schema.ident(), primary_key=True),
    Column("directory", schema.key_text(500), nullable=False),
    Column("url", schema.text(), nullable=False),
    Column("secret_key", schema.text(), nullable=False),
    Column("next_key", schema.text(), nullable=False),
    Column("contact", schema.text(), nullable=False),
    Column("made_at", schema.real(), nullable=False),
    UniqueConstraint("directory"),
    sqlite_autoincrement=True,
)
"""One account with each authority, named by its directory URL. ``url`` is "" until the authority has answered.
``next_key``: a key that is just being put in the place of ``secret_key``."""

proofs = schema.table(
    "acme_proofs",
    Column("id", schema.ident(), primary_key=True),
    Column("kind", schema.ascii_text(20), nullable=False),
    Column("host", schema.key_text(255), nullable=False),
    Column("token", schema.ascii_text(400), nullable=False),
    Column("answer", schema.text(), nullable=False),
    Column("made_at", schema.real(), nullable=False),
    UniqueConstraint("kind", "token"),
    sqlite_autoincrement=True,
)
"""What any worker of any node answers with when an authority asks (HTTP-01 by token, TLS-ALPN-01 by host)."""

_OF_ID = certificates.c.id == bindparam("of_id")

SELECT_LIVE = select(certificates).where(certificates.c.retired_at == 0).order_by(certificates.c.id)
SELECT_ONE = select(certificates).where(_OF_ID)
INSERT = insert(certificates).values(
    {column.name: bindparam(column.name) for column in certificates.c if column.name != "id"}
)
ISSUED = (
    update(certificates)
    .where(_OF_ID)
    .values(
        {
            **{
                name: bindparam(f"new_{name}")
                for name in ("chain", "secret_key", "not_before", "not_after", "renew_at")
            },
            **dict.fromkeys(
                ("window_begin", "window_end", "look_at", "failures", "failed_at", "next_try"), 0
            ),
            **dict.fromkeys(("last_error", "order_url", "order_key", "order_with", "busy_by"), ""),
            "busy_until": 0,
        }
    )
)
FAILED = (
    update(certificates)
    .where(_OF_ID)
    .values(
        failures=certificates.c.failures + 1,
        failed_at=bindparam("at"),
        last_error=bindparam("error"),
        next_try=bindparam("again"),
        order_url="",
        order_key="",
        order_with="",
        busy_by="",
        busy_until=0,
    )
)
UNDER_WAY = (
    update(certificates)
    .where(_OF_ID)
    .values(order_url=bindparam("url"), order_key=bindparam("key"), order_with=bindparam("with_kind"))
)
WINDOW = (
    update(certificates)
    .where(_OF_ID)
    .values(
        window_begin=bindparam("begin"),
        window_end=bindparam("end"),
        renew_at=bindparam("renew"),
        look_at=bindparam("look"),
    )
)
LOOK_LATER = update(certificates).where(_OF_ID).values(look_at=bindparam("look"))
CLAIM = (
    update(certificates)
    .where(
        and_(
            _OF_ID,
            certificates.c.retired_at == 0,
            or_(certificates.c.busy_until < bindparam("now"), certificates.c.busy_by == bindparam("by")),
        )
    )
    .values(busy_by=bindparam("by_holder"), busy_until=bindparam("until"))
)
RETIRE = update(certificates).where(_OF_ID, certificates.c.retired_at == 0).values(retired_at=bindparam("at"))
REVIVE = update(certificates).where(_OF_ID).values(retired_at=0)
PURGE = delete(certificates).where(
    certificates.c.retired_at > 0, certificates.c.retired_at < bindparam("before")
)

SELECT_ACCOUNT = select(
    accounts.c.url, accounts.c.secret_key, accounts.c.next_key, accounts.c.contact, accounts.c.made_at
).where(accounts.c.directory == bindparam("of_directory"))
DELETE_ACCOUNT = delete(accounts).where(accounts.c.directory == bindparam("of_directory"))

SELECT_ANSWER = select(proofs.c.answer).where(
    proofs.c.kind == bindparam("of_kind"), proofs.c.token == bindparam("of_token")
)
SELECT_PROOFS = select(proofs.c.host, proofs.c.answer).where(proofs.c.kind == bindparam("of_kind"))
DELETE_PROOF = delete(proofs).where(
    proofs.c.kind == bindparam("of_kind"), proofs.c.token == bindparam("of_token")
)
PURGE_PROOFS = delete(proofs).where(proofs.c.made_at < bindparam("before"))
