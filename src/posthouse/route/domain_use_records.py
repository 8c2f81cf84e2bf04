"""How much all accounts of a domain hold: the one question that needs the tables of two folders at once."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select

from posthouse.directory.records import accounts, domains
from posthouse.store.records import mailboxes

_SUM = func.coalesce(func.sum(mailboxes.c.size), 0)
SELECT_NEARLY_FULL = (
    select(domains.c.name, domains.c.max_size, _SUM)
    .select_from(
        domains.join(accounts, accounts.c.domain_id == domains.c.id).join(
            mailboxes, mailboxes.c.account_id == accounts.c.id
        )
    )
    .where(domains.c.max_size > 0, domains.c.active == 1)
    .group_by(domains.c.id, domains.c.name, domains.c.max_size)
    .having(domains.c.max_size * bindparam("level") <= _SUM * 100)
    .order_by(domains.c.name)
    .limit(bindparam("count"))
)
"""Domains whose accounts hold so many per cent of what they may."""
SELECT_DOMAIN_USE = (
    select(func.coalesce(func.sum(mailboxes.c.size), 0))
    .select_from(accounts.join(mailboxes, mailboxes.c.account_id == accounts.c.id))
    .where(accounts.c.domain_id == bindparam("domain_id"))
)
