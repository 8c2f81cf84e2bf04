"""The tables of TLS reports (RFC 8460), and their statements. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from posthouse.database import schema

tls_results = schema.table(
    "tls_results",
    Column("id", schema.ident(), primary_key=True),
    Column("day", schema.ascii_text(10), nullable=False),
    Column("domain", schema.key_text(255), nullable=False),
    Column("digest", schema.ascii_text(64), nullable=False),
    Column("kind", schema.ascii_text(16), nullable=False),
    Column("lines", schema.text(), nullable=False),
    Column("hosts", schema.text(), nullable=False),
    Column("host", schema.key_text(255), nullable=False),
    Column("source", schema.ascii_text(45), nullable=False),
    Column("result", schema.ascii_text(40), nullable=False),
    Column("sessions", schema.big(), nullable=False),
    UniqueConstraint("day", "domain", "digest"),
)
"""Our results with others, until they are reported. ``day`` is that of UTC (2026-01-31); ``digest`` is over all that
follows but their number. ``lines`` and ``hosts`` are of the policy, a line each; ``result`` "" is success."""

tls_reports = schema.table(
    "tls_reports",
    Column("id", schema.ident(), primary_key=True),
    Column("digest", schema.ascii_text(64), nullable=False, unique=True),
    Column("received_at", schema.real(), nullable=False),
    Column("domain", schema.key_text(255), nullable=False),
    Column("organisation", schema.key_text(255), nullable=False),
    Column("contact", schema.key_text(320), nullable=False),
    Column("report_id", schema.key_text(255), nullable=False),
    Column("begins_at", schema.real(), nullable=False),
    Column("ends_at", schema.real(), nullable=False),
    Column("good", schema.big(), nullable=False),
    Column("bad", schema.big(), nullable=False),
    Column("details", schema.text(), nullable=False),
    Index(None, "received_at"),
    Index(None, "domain"),
)
"""What others report about one domain of ours. ``digest`` is over domain, organisation and report id: a report that
comes twice counts once. ``details`` is JSON, a list of what failed."""

_R, _T = tls_results.c, tls_reports.c

ADD = (
    update(tls_results)
    .where(
        _R.day == bindparam("of_day"),
        _R.domain == bindparam("of_domain"),
        _R.digest == bindparam("of_digest"),
    )
    .values(sessions=_R.sessions + bindparam("more"))
)
COUNT_OF = (
    select(func.count())
    .select_from(tls_results)
    .where(_R.day == bindparam("of_day"), _R.domain == bindparam("of_domain"))
)
SELECT_DUE = (
    select(_R.day, _R.domain)
    .where(_R.day < bindparam("today"))
    .where(
        or_(
            _R.day > bindparam("after_day"),
            and_(_R.day == bindparam("after_day"), _R.domain > bindparam("after_domain")),
        )
    )
    .group_by(_R.day, _R.domain)
    .order_by(_R.day, _R.domain)
    .limit(bindparam("count"))
)
SELECT_RESULTS = (
    select(_R.kind, _R.lines, _R.hosts, _R.host, _R.source, _R.result, _R.sessions)
    .where(_R.day == bindparam("of_day"), _R.domain == bindparam("of_domain"))
    .order_by(_R.id)
    .limit(1000)
)
DELETE_RESULTS = delete(tls_results).where(_R.day == bindparam("of_day"), _R.domain == bindparam("of_domain"))

SELECT_KNOWN = select(_T.id).where(_T.digest == bindparam("of_digest"))
COUNT_SINCE = select(func.count()).select_from(tls_reports).where(_T.received_at > bindparam("since"))
_FOUND = or_(
    _T.domain.like(bindparam("pattern"), escape="!"),
    func.lower(_T.organisation).like(bindparam("pattern"), escape="!"),
)
SELECT_PAGE = (
    select(tls_reports)
    .where(_T.id < bindparam("below"), _FOUND)
    .order_by(_T.id.desc())
    .limit(bindparam("count"))
)
COUNT_FOUND = select(func.count()).select_from(tls_reports).where(_FOUND)
SELECT_OLD = (
    select(_T.id).where(_T.received_at < bindparam("before")).order_by(_T.id).limit(bindparam("count"))
)
DELETE_REPORT = delete(tls_reports).where(_T.id == bindparam("of_id"))
