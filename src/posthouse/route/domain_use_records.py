"""How much all accounts of a domain hold: the one question that needs the tables of two folders at once."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select

from posthouse.directory.records import accounts
from posthouse.store.records import mailboxes

SELECT_DOMAIN_USE = (
    select(func.coalesce(func.sum(mailboxes.c.size), 0))
    .select_from(accounts.join(mailboxes, mailboxes.c.account_id == accounts.c.id))
    .where(accounts.c.domain_id == bindparam("domain_id"))
)
