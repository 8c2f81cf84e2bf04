"""Audit. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, given


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit; see `records.audit`."""

    id: int
    at: float
    actor: str
    source: str
    use: str
    subject: str
    before: str
    after: str


class AuditLines(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first. `next` is the `after` of the page that follows, "" on the last; `total` counts all up to
    ten thousand."""

    lines: list[AuditLine]
    next: str = ""
    total: int = 0


class AuditCalls(Topic):
    """Calls of the topic Audit."""

    def audit_list(
        self,
        *,
        limit: int = 100,
        after: str = "",
        actor: str = "",
        use: str = "",
        subject: str = "",
        since: float = 0.0,
        until: float = 0.0,
    ) -> AuditLines:
        """List the newest changes: who made them, when, from where, and what was before and after. Right:
        view."""
        return self._link.ask(
            "GET",
            "/audit",
            AuditLines,
            query=given(
                {},
                ("limit", limit, 100),
                ("after", after, ""),
                ("actor", actor, ""),
                ("use", use, ""),
                ("subject", subject, ""),
                ("since", since, 0.0),
                ("until", until, 0.0),
            ),
        )
