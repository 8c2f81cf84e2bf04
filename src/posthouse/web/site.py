"""The pages as routes for the HTTP server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from posthouse.http.rate import Rates
from posthouse.manage.context import Context
from posthouse.web import all as _every_page  # noqa: F401 - registers them
from posthouse.web import static_files
from posthouse.web.dispatch import answer, missing
from posthouse.web.page import Page, pages
from posthouse.web.render import Pages


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages need of the server: its parts for the uses, and how often somebody may ask (None: as often as
    one likes)."""

    context: Context
    rates: Rates | None = None
    pages: Pages = field(default_factory=Pages)


Endpoint = Callable[[Request], Awaitable[Response]]


def routes(site: Site) -> list[BaseRoute]:
    """One route per registered page, the files they load, and an answer for addresses below ours that are not
    there."""
    made: list[BaseRoute] = [Route("/static/{version}/{name:path}", static_files.serve, methods=["GET"])]
    made += [Route(page.path, _endpoint(site, page), methods=[page.method]) for page in pages()]
    lost = not_found(site)
    made += [Route(f"/{top}/{{rest:path}}", lost, methods=["GET", "POST"]) for top in ("admin", "me")]
    return made


def not_found(site: Site) -> Endpoint:
    """Answers any address that is not there with a page that says so."""
    return _endpoint(site, missing())


def _endpoint(site: Site, page: Page) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await answer(site, page, request)

    return endpoint
