"""The table of what is known of other domains' TLS, and its statements. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, func, or_, select

from posthouse.database import schema

tls_domains = schema.table(
    "tls_domains",
    Column("domain", schema.key_text(255), primary_key=True),
    Column("best", schema.small(), nullable=False),
    Column("best_at", schema.real(), nullable=False),
    Column("last", schema.small(), nullable=False),
    Column("last_at", schema.real(), nullable=False),
    Column("host", schema.key_text(255), nullable=False),
    Column("tls", schema.ascii_text(16), nullable=False),
    Column("source", schema.ascii_text(16), nullable=False),
    Column("good", schema.big(), nullable=False),
    Column("bad", schema.big(), nullable=False),
    Column("trouble", schema.ascii_text(40), nullable=False),
    Column("trouble_host", schema.key_text(255), nullable=False),
    Column("trouble_at", schema.real(), nullable=False),
    Column("downgraded_at", schema.real(), nullable=False),
    Index(None, "last_at"),
    Index(None, "downgraded_at"),
)
"""``best`` and ``last`` are levels: 0 in the clear, 1 encrypted, 2 with a certificate that was checked; ``best_at`` is
when a session was last that good. ``host`` and ``tls`` (the version) are of the last session, ``source`` says who
wanted it so. ``good`` and ``bad`` count sessions. ``trouble`` is a result type of RFC 8460 4.3, "" without any.
``downgraded_at`` is when it first offered less than before, 0.0 while it does not."""

_C = tls_domains.c

SELECT = select(tls_domains).where(_C.domain == bindparam("of_domain"))
_FOUND = or_(_C.domain.like(bindparam("pattern"), escape="!"), _C.host.like(bindparam("pattern"), escape="!"))
SELECT_PAGE = (
    select(tls_domains)
    .where(_C.domain > bindparam("after"), _FOUND)
    .order_by(_C.domain)
    .limit(bindparam("count"))
)
COUNT = select(func.count()).select_from(tls_domains).where(_FOUND)
SELECT_DOWNGRADED = (
    select(_C.domain, _C.best, _C.last, _C.downgraded_at)
    .where(_C.downgraded_at > bindparam("since"))
    .order_by(_C.downgraded_at.desc())
    .limit(20)
)
SELECT_OLD = (
    select(_C.domain).where(_C.last_at < bindparam("before")).order_by(_C.domain).limit(bindparam("count"))
)
DELETE = delete(tls_domains).where(_C.domain == bindparam("of_domain"))
