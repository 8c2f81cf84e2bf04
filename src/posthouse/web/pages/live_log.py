"""The live log. The script of the page reads the stream of the API; without it the newest lines are shown."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit

HERE = "/admin/log"
FILTERS = ("level", "protocol", "peer", "account", "session", "trace", "text")
LINES = 200
LONGEST = 300
"""Characters of a filter."""
LEVELS = (
    ("", mark("all")),
    ("info", mark("information")),
    ("warning", mark("warnings")),
    ("error", mark("errors")),
)
PROTOCOLS = ("smtp", "submission", "lmtp", "imap", "pop3", "http")
SWITCHES = {
    "log.smtp": mark("SMTP conversations"),
    "log.imap": mark("IMAP conversations"),
    "log.pop3": mark("POP3 conversations"),
    "log.connections": mark("Connections"),
    "log.delivery": mark("Messages"),
    "log.application": mark("The server's own work"),
    "log.debug": mark("Details"),
}


@page("GET", HERE, open_to="server", nav=Nav(mark("Live log"), "activity", "server", 25))
async def show(visit: Visit) -> Response:
    """The newest lines, filtered; the script goes on from there."""
    wanted = {name: visit.query.get(name, "").strip()[:LONGEST] for name in FILTERS}
    filters = {name: value for name, value in wanted.items() if value}
    found = await visit.attempt("log.tail", {**filters, "count": LINES})
    settings = (await visit.perform("setting.list", {"topic": "log"})).settings
    return visit.render(
        "log/show.html",
        lines=None if found is None else found.lines,
        wanted=wanted,
        filters=filters,
        query=urlencode(filters),
        levels=LEVELS,
        protocols=PROTOCOLS,
        switches=_switches(settings),
    )


def _switches(settings: list[Any]) -> list[tuple[str, str, bool]]:
    """Name, label and whether it is on."""
    values = {each.name: each.value for each in settings}
    return [(name, label, values.get(name) == "true") for name, label in SWITCHES.items()]


@page("POST", HERE + "/switch", open_to="server")
async def switch(visit: Visit) -> Response:
    """Log more, or less."""
    name = visit.form.get("name", "")
    value = "true" if visit.form.get("value") == "true" else "false"
    if name not in SWITCHES:
        visit.complain("", visit.t("This is no switch of the log."))
        return await show(visit)
    await visit.perform("setting.set", {"name": name, "value": value})
    label = visit.t(SWITCHES[name])
    text = visit.t("Logged from now on: {what}", what=label) if value == "true" else ""
    return visit.done(visit.next or HERE, text or visit.t("No longer logged: {what}", what=label))
