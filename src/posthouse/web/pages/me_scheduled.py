"""One's own mail that is to be sent later."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit

HERE = "/me/scheduled"


@page("GET", HERE, open_to="user", nav=Nav(mark("Mail for later"), "calendar3", "me", 45))
async def scheduled(visit: Visit) -> Response:
    """What waits for its time, the next first."""
    found = (await visit.perform("me.scheduled")).messages
    later = sorted(found, key=lambda each: (each.send_at, each.id))
    return visit.render("me/scheduled.html", window=visit.window(later), count=len(later))


@page("POST", HERE + "/{id:int}/cancel", open_to="user")
async def cancel(visit: Visit) -> Response:
    """Take one back."""
    done = await visit.perform("me.cancel", {"id": int(visit.part("id"))})
    text = visit.t(
        "The message is taken back; it does not go to {names}.", names=", ".join(done.recipients[:5])
    )
    return visit.done(HERE, text)
