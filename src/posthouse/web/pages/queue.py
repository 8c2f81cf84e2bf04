"""The queue: what waits, why, and trying again."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.manage.errors import ManageError
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit, link


@page("GET", "/admin/queue", open_to="server", nav=Nav(mark("Queue"), "hourglass-split", "mail", 10))
async def listing(visit: Visit) -> Response:
    """The messages that wait, oldest first."""
    found = await visit.perform(
        "queue.list",
        {
            "search": visit.query.get("search", ""),
            "after": visit.query.get("after", ""),
            "limit": PER_PAGE,
        },
    )
    return visit.render("queue/list.html", found=found)


def _id(visit: Visit) -> int:
    text = visit.part("id")
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise ManageError("missing", f"{text[:40]} is no message of the queue.", "See the list.")
    return int(text)


@page("GET", "/admin/queue/{id}", open_to="server")
async def show(visit: Visit) -> Response:
    """One message with everybody it is still owed to."""
    message = await visit.perform("queue.show", {"id": _id(visit)})
    return visit.render("queue/show.html", message=message)


@page("POST", "/admin/queue/{id}/retry", open_to="server")
async def retry(visit: Visit) -> Response:
    """Try everybody of a message now."""
    done = await visit.perform("queue.retry", {"id": _id(visit)})
    text = visit.language.count(
        "{count} recipient is tried now.", "{count} recipients are tried now.", done.recipients
    )
    return visit.done(link("admin", "queue", done.id), text)
