"""The table of app passwords and its statements. Times are seconds since 1970; of a password only its SHA-256."""

from __future__ import annotations

from sqlalchemy import Column, Index, and_, bindparam, delete, func, insert, or_, select, update

from posthouse.database import schema
from posthouse.directory.records import accounts
from posthouse.directory.removed_records import PRESENT

app_passwords = schema.table(
    "app_passwords",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("prefix", schema.ascii_text(8), nullable=False),
    Column("secret", schema.digest(), nullable=False, unique=True),
    Column("name", schema.text(), nullable=False),
    Column("protocols", schema.ascii_text(80), nullable=False),
    Column("networks", schema.ascii_text(1600), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Column("expires_at", schema.real(), nullable=False),
    Column("used_at", schema.real(), nullable=False),
    Column("used_peer", schema.ascii_text(64), nullable=False),
    Index(None, "account_id"),
    sqlite_autoincrement=True,
)
"""``prefix`` are the first letters, by which one is found; ``protocols`` and ``networks`` as in ``admission``.
``expires_at`` 0 = never. No foreign key: as with tokens, ids of accounts are never used again."""

_COLUMNS = tuple(app_passwords.c)
OF_LOGIN = (
    select(*_COLUMNS)
    .join(accounts, accounts.c.id == app_passwords.c.account_id)
    .where(accounts.c.address == bindparam("address"))
    .order_by(app_passwords.c.id)
)
"""By the address that signs in, so that a login nobody has costs the same statement."""
OF_ACCOUNT = (
    select(*_COLUMNS)
    .where(app_passwords.c.account_id == bindparam("account_id"))
    .order_by(app_passwords.c.id)
)
BY_ID = select(*_COLUMNS).where(app_passwords.c.id == bindparam("of_id"))
INSERT = insert(app_passwords).values(
    {column.name: bindparam(column.name) for column in app_passwords.c if column.name != "id"}
)
USED = (
    update(app_passwords)
    .where(app_passwords.c.id == bindparam("of_id"), app_passwords.c.used_at < bindparam("now"))
    .values(used_at=bindparam("now"), used_peer=bindparam("peer"))
)
REMOVE = delete(app_passwords).where(app_passwords.c.id == bindparam("of_id"))
FORGET = delete(app_passwords).where(app_passwords.c.account_id == bindparam("account_id"))
SWEEP = delete(app_passwords).where(app_passwords.c.account_id.not_in(select(accounts.c.id)))
_HAS_ONE = (
    select(app_passwords.c.id)
    .where(
        app_passwords.c.account_id == accounts.c.id,
        or_(app_passwords.c.expires_at == 0, app_passwords.c.expires_at > bindparam("now")),
    )
    .correlate(accounts)
    .exists()
)
_UNEVEN = or_(
    accounts.c.source != "", and_(accounts.c.scram_stored_key == "", accounts.c.password_hash != "")
)
_WITHOUT_SCRAM = (*PRESENT, accounts.c.active == 1, or_(_UNEVEN, _HAS_ONE))
"""Who has no password that a program could use otherwise than by SCRAM is not in its way."""
ANY_UNEVEN = select(accounts.c.id).where(_UNEVEN).limit(1)
"""Active or not: which accounts are there is not to be told of either."""
ANY_WITHOUT_SCRAM = select(accounts.c.id).where(*_WITHOUT_SCRAM).limit(1)
COUNT_WITHOUT_SCRAM = select(func.count()).select_from(accounts).where(*_WITHOUT_SCRAM)
SELECT_WITHOUT_SCRAM = (
    select(accounts.c.address, accounts.c.scram_stored_key, accounts.c.source)
    .where(*_WITHOUT_SCRAM, accounts.c.address > bindparam("after"))
    .order_by(accounts.c.address)
    .limit(bindparam("count"))
)
