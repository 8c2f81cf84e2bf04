"""The table of MTA-STS policies, and its statements. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, select, update

from posthouse.database import schema

sts_policies = schema.table(
    "sts_policies",
    Column("domain", schema.key_text(255), primary_key=True),
    Column("ident", schema.ascii_text(32), nullable=False),
    Column("mode", schema.ascii_text(16), nullable=False),
    Column("hosts", schema.text(), nullable=False),
    Column("max_age", schema.big(), nullable=False),
    Column("fetched_at", schema.real(), nullable=False),
    Column("ends_at", schema.real(), nullable=False),
    Column("tried_at", schema.real(), nullable=False),
    Column("used_at", schema.real(), nullable=False),
    Column("failure", schema.ascii_text(40), nullable=False),
    Column("trouble", schema.text(), nullable=False),
    Index(None, "tried_at"),
)
"""``mode`` "" is a domain that announces a policy which could never be fetched; ``hosts`` are separated by blanks.
``failure`` and ``trouble`` are of the last attempt to fetch (at ``tried_at``), "" when it went well."""

_C = sts_policies.c

SELECT = select(sts_policies).where(_C.domain == bindparam("of_domain"))
SELECT_OF = select(sts_policies).where(_C.domain.in_(bindparam("domains", expanding=True)))
SELECT_STALE = (
    select(_C.domain)
    .where(
        _C.tried_at < bindparam("tried_before"),
        _C.ends_at > bindparam("now"),
        _C.used_at > bindparam("used_after"),
    )
    .order_by(_C.tried_at)
    .limit(bindparam("count"))
)
SELECT_OVER = (
    select(_C.domain)
    .where(_C.ends_at < bindparam("now"), _C.tried_at < bindparam("tried_before"))
    .order_by(_C.domain)
    .limit(bindparam("count"))
)
USED = update(sts_policies).where(_C.domain == bindparam("of_domain")).values(used_at=bindparam("now"))
DELETE = delete(sts_policies).where(_C.domain == bindparam("of_domain"))
