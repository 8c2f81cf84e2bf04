"""The table of TLS client certificates that sign in, and its statements."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, insert, select

from posthouse.database import schema
from posthouse.directory.records import accounts

client_certificates = schema.table(
    "client_certificates",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("fingerprint", schema.digest(), nullable=False, unique=True),
    Column("name", schema.text(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Index(None, "account_id"),
    sqlite_autoincrement=True,
)
"""``fingerprint`` is the SHA-256 of the certificate (DER)."""

OF_ACCOUNT = (
    select(*client_certificates.c)
    .where(client_certificates.c.account_id == bindparam("account_id"))
    .order_by(client_certificates.c.id)
)
BY_ID = select(*client_certificates.c).where(client_certificates.c.id == bindparam("of_id"))
OWNER = select(client_certificates.c.account_id).where(
    client_certificates.c.fingerprint == bindparam("fingerprint")
)
INSERT = insert(client_certificates).values(
    {column.name: bindparam(column.name) for column in client_certificates.c if column.name != "id"}
)
REMOVE = delete(client_certificates).where(client_certificates.c.id == bindparam("of_id"))
FORGET = delete(client_certificates).where(client_certificates.c.account_id == bindparam("account_id"))
SWEEP = delete(client_certificates).where(client_certificates.c.account_id.not_in(select(accounts.c.id)))
