"""The place where members leave a distribution list with one click, without a sign-in (RFC 8058).

A GET only asks, because mail scanners follow links; a POST does it. The token in the path is the proof.
"""

from __future__ import annotations

from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from posthouse.cluster.agreement import Agreement
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver.lists_header import UNSUBSCRIBE_PATH
from posthouse.directory import lists
from posthouse.directory.lists_tokens import KEY_NAME, read_token
from posthouse.directory.own_secrets import own_secret
from posthouse.http.rate import Rates
from posthouse.mail.address import parse_address
from posthouse.net.limits import source
from posthouse.observe.log import logger
from posthouse.server.built import Built

log = logger("lists")

MAX_BODY: Final = 4096

_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title}</title><h1>{title}</h1>{content}</html>"
)
_FORM = '<form method="post"><button name="List-Unsubscribe" value="One-Click">Leave the list</button></form>'
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


class LeavingDesk:
    """Answers below :data:`UNSUBSCRIBE_PATH`. ``agreement``: who has left is a stranger to the list on every worker."""

    def __init__(
        self, database: Database, feed: Feed, rates: Rates, agreement: Agreement | None = None
    ) -> None:
        self._database = database
        self._feed = feed
        self._rates = rates
        self._agreement = agreement

    async def answer(self, request: Request) -> Response:
        """The page that asks, or its doing."""
        peer = request.client.host if request.client is not None else ""
        wait = self._rates.take(f"lists {source(peer)}")
        if wait:
            return PlainTextResponse(
                "Too many requests.\n", 429, headers={"Retry-After": str(int(wait) + 1), **_SAFE}
            )
        if request.method not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("Use GET or POST.\n", 405, headers={"Allow": "GET, HEAD, POST", **_SAFE})
        try:
            return await self._answer(request)
        except DatabaseUnavailable:
            return PlainTextResponse("Please try again later.\n", 503, headers=_SAFE)

    async def _answer(self, request: Request) -> Response:
        key = await self._database.run(own_secret, KEY_NAME)
        found = read_token(key, request.url.path.removeprefix(UNSUBSCRIBE_PATH))
        info = await self._database.read(lists.by_id, found[0]) if found is not None else None
        if found is None or info is None:
            return _page("This link is not valid", "<p>Nothing was done.</p>", 404)
        member = found[1]
        about = f"{escape(member)} &middot; {escape(info.address)}"
        if request.method != "POST":
            return _page("Leave this list?", f"<p>{about}</p>{_FORM}")

        def op(tx: Transaction) -> bool:
            return lists.leave(tx, found[0], parse_address(member), feed=self._feed)

        before = self._agreement.changes if self._agreement is not None else 0
        left = await self._database.run(op)
        if self._agreement is not None:
            await self._agreement.reach(before)
        if left:
            log.info("list.left", list=info.address, member=member)
        return _page("You have left the list", f"<p>{about}</p>")


def _page(title: str, content: str, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(title=title, content=content), status, headers=_SAFE)


async def attach(built: Built) -> None:
    """Let members leave by a link, in the worker that has the HTTP listeners. Before ``with_http``."""
    if built.first:
        desk = LeavingDesk(built.database, built.feed, Rates(built.settings), built.context.agreement)
        built.http.well_known.add(UNSUBSCRIBE_PATH, desk.answer, plain_ok=False)
