"""Where is my mail? What is known of a message, from its first byte to the mailbox."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.manage.errors import ManageError
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit, trouble_of


@page("GET", "/admin/trace", open_to="server", nav=Nav(mark("Where is my mail?"), "compass", "mail", 20))
async def search(visit: Visit) -> Response:
    """Search by address, Message-ID or trace id; one message found is told at once."""
    name = visit.query.get("message", "").strip()
    traces = []
    if name:
        try:
            traces = (await visit.perform("message.trace", {"message": _with_brackets(name)})).traces
        except ManageError as error:
            if error.kind == "failed":
                raise
            visit.trouble = trouble_of(error, "message", visit.query)
    return visit.render("trace/search.html", name=name, traces=traces)


def _with_brackets(name: str) -> str:
    """A Message-ID copied without its angle brackets cannot be told from an address: a bare ``…@…`` is one."""
    return name if name.startswith("<") else name.removesuffix(">")
