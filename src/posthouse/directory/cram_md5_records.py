"""The table of keys for CRAM-MD5 and its statements. It is empty while the setting signin.cram_md5 is off."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, select

from posthouse.database import schema
from posthouse.directory.records import accounts

cram_md5_keys = schema.table(
    "cram_md5_keys",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("password_hash", schema.ascii_text(255), nullable=False),
    Column("secret", schema.digest(), nullable=False),
)
"""``secret`` is as good as the password for whoever signs in by CRAM-MD5 (``wire.sasl.cram_md5``). ``password_hash`` is
the account's at the time: with another one the key is of a password that is no more. A table of its own, so that
neither backups nor anything else that takes accounts takes it along."""

_HOLDS = (accounts.c.id == cram_md5_keys.c.account_id) & (
    accounts.c.password_hash == cram_md5_keys.c.password_hash
)

KEPT = (
    select(cram_md5_keys.c.secret)
    .join(accounts, _HOLDS)
    .where(cram_md5_keys.c.account_id == bindparam("account_id"), accounts.c.source == "")
)
PASSWORD_HASH = select(accounts.c.password_hash).where(
    accounts.c.id == bindparam("account_id"), accounts.c.source == ""
)
FORGET = delete(cram_md5_keys).where(cram_md5_keys.c.account_id == bindparam("account_id"))
SWEEP = delete(cram_md5_keys).where(~select(accounts.c.id).where(_HOLDS).correlate(cram_md5_keys).exists())
SELECT_SOME = (
    select(cram_md5_keys.c.account_id).order_by(cram_md5_keys.c.account_id).limit(bindparam("count"))
)
CLEAR_TO = delete(cram_md5_keys).where(cram_md5_keys.c.account_id <= bindparam("last"))
