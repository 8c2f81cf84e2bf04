"""Who is connected over all workers, and ending connections."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.manage.errors import ManageError
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit

HERE = "/admin/sessions"
PROTOCOLS = ("smtp", "submission", "lmtp", "imap", "pop3", "http")
NAMED = 10
"""Sessions that are named when asking."""
FILTERS = ("protocol", "account", "peer")


@page("GET", HERE, open_to="domain", nav=Nav(mark("Sessions"), "plug", "server", 20))
async def listing(visit: Visit) -> Response:
    """The open connections, newest first, filtered."""
    wanted: dict[str, Any] = {name: visit.query.get(name, "").strip() for name in FILTERS}
    wanted |= {"after": visit.query.get("after", ""), "limit": PER_PAGE}
    found = await visit.attempt("session.list", wanted)
    return visit.render("sessions/list.html", found=found, protocols=PROTOCOLS)


@page("GET", HERE + "/disconnect", open_to="domain")
async def ask(visit: Visit) -> Response:
    """Ask before one connection, or all of an account, are ended."""
    id, account = visit.query.get("id", ""), visit.query.get("account", "")
    if bool(id) == bool(account):
        return visit.go(HERE)
    found = await visit.perform("session.list", {"id": id, "account": account, "limit": NAMED})
    if not found.sessions:
        raise ManageError(
            "missing",
            visit.t("There is no such session."),
            visit.t("It has ended already; see the list of those that are open."),
        )
    return visit.render("sessions/disconnect.html", found=found, id=id, account=account)


@page("POST", HERE + "/disconnect", open_to="domain")
async def disconnect(visit: Visit) -> Response:
    """End them."""
    wanted = {"id": visit.form.get("id", ""), "account": visit.form.get("account", "")}
    done = await visit.perform("session.disconnect", wanted)
    return visit.done(HERE, _said(visit, len(done.sessions)))


@page("POST", "/me/sessions/mail", open_to="user")
async def disconnect_own(visit: Visit) -> Response:
    """End a connection of one's own mail program."""
    done = await visit.perform("session.disconnect", {"id": visit.form.get("id", "")})
    return visit.done("/me/sessions", _said(visit, len(done.sessions)))


def _said(visit: Visit, count: int) -> str:
    return visit.language.count("{count} session is ended.", "{count} sessions are ended.", count)
