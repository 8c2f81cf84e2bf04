"""Statements about what is known of a person besides what look-ups need (the columns are in ``records``)."""

from __future__ import annotations

from sqlalchemy import BindParameter, bindparam, select, update

from posthouse.directory.address_records import account_addresses
from posthouse.directory.records import accounts

COLUMNS = (
    accounts.c.first_name,
    accounts.c.last_name,
    accounts.c.display_name,
    accounts.c.language,
    accounts.c.time_zone,
    accounts.c.note,
    accounts.c.max_message,
    accounts.c.protocols,
    accounts.c.networks,
)
"""What can be changed, in the order of ``details.Details``."""

_OF_IDS: BindParameter[int] = bindparam("ids", expanding=True)

SELECT = select(accounts.c.id, *COLUMNS, accounts.c.last_signin).where(accounts.c.id.in_(_OF_IDS))
SELECT_FURTHER = (
    select(account_addresses.c.account_id, account_addresses.c.address)
    .where(account_addresses.c.account_id.in_(_OF_IDS))
    .order_by(account_addresses.c.address)
)
UPDATE = (
    update(accounts)
    .where(accounts.c.id == bindparam("of_id"))
    .values({column.name: bindparam("new_" + column.name) for column in COLUMNS})
)
SIGNED_IN = (
    update(accounts)
    .where(accounts.c.id == bindparam("of_id"), accounts.c.last_signin < bindparam("before"))
    .values(last_signin=bindparam("now"))
)
