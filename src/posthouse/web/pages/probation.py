"""Risky changes on trial: confirm or undo. They stand at the top of every page of a server administrator."""

from __future__ import annotations

import time

from starlette.responses import Response

from posthouse.settings.identity import FRESH_TIME
from posthouse.web.page import page
from posthouse.web.proof import prove_first
from posthouse.web.visit import Visit


@page("POST", "/admin/probation/{id:int}/confirm", open_to="server")
async def confirm(visit: Visit) -> Response:
    """Keep a change. It takes a sign-in after the change: that shows that one still gets in."""
    wanted = int(visit.part("id"))
    found = await visit.perform("probation.list")
    made_at = max((each.at for each in found.changes if each.id == wanted), default=0.0)
    oldest = time.time() - visit.site.context.settings.now[FRESH_TIME]
    if visit.actor.fresh_at <= max(made_at, oldest):
        return prove_first(visit, _back(visit))
    await visit.perform("probation.confirm", {"id": wanted})
    return visit.done(_back(visit), visit.t("The change is confirmed, and stays."))


@page("POST", "/admin/probation/{id:int}/undo", open_to="server")
async def undo(visit: Visit) -> Response:
    """Take a change back at once."""
    await visit.perform("probation.revert", {"id": int(visit.part("id"))})
    return visit.done(_back(visit), visit.t("The change is undone."))


def _back(visit: Visit) -> str:
    """The page on which the button was."""
    return visit.next or "/admin"
