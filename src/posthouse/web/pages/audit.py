"""The audit: who changed what, when, from where, and what was before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit

FIELDS = ("actor", "use", "subject")


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that a change touched; None: there was, or is, none."""

    name: str
    before: str | None
    after: str | None


@page("GET", "/admin/audit", open_to="domain", nav=Nav(mark("Audit"), "journal-text", "server", 80))
async def listing(visit: Visit) -> Response:
    """The newest changes, filtered."""
    wanted: dict[str, Any] = {name: visit.query.get(name, "").strip() for name in FIELDS}
    wanted["since"] = _day(visit.query.get("since", ""), 0)
    wanted["until"] = _day(visit.query.get("until", ""), 1)
    found = await visit.perform(
        "audit.list", {**wanted, "after": visit.query.get("after", ""), "limit": PER_PAGE}
    )
    lines = [(line, differences(line.before, line.after)) for line in found.lines]
    return visit.render("audit/list.html", lines=lines, found=found)


def _day(text: str, later: int) -> float:
    """The start of this day in UTC (``later`` days on), 0 when it is none."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return 0.0
    return (day + timedelta(days=later)).timestamp()


def differences(before: str, after: str) -> list[Difference]:
    """What stands in one and not in the other, by name."""
    old, new = _values(before), _values(after)
    names = list(dict.fromkeys([*old, *new]))
    return [Difference(name, old.get(name), new.get(name)) for name in names]


def _values(text: str) -> dict[str, str]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {"": text}
    if not isinstance(found, dict):
        return {"": text}
    return {
        str(name): value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in found.items()
    }
