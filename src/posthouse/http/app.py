"""The one application behind all HTTP listeners, put together from the faces' routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from posthouse.http import problem
from posthouse.http.doors import HEALTH, Doors
from posthouse.http.parts import HttpParts
from posthouse.http.rate import Rates
from posthouse.settings.contract import CurrentSettings

Page = Callable[[Request], Awaitable[Response]]


def build(
    *,
    parts: HttpParts,
    settings: CurrentSettings,
    names: Callable[[], frozenset[str]],
    hostname: Callable[[], str],
    secure_port: int,
    rates: Rates | None = None,
    api: Sequence[BaseRoute],
    web: Sequence[BaseRoute],
    lost: Page | None = None,
) -> ASGIApp:
    """All routes behind the doors.

    ``names`` are the host names we answer to, ``hostname`` tells our own, ``secure_port`` is the port of https (0 where
    there is none). ``lost`` answers a browser at an address where nothing is.
    """

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404 and lost is not None and not request.url.path.startswith("/api/"):
            return await lost(request)
        return _problem(request, error)

    inner = Starlette(
        routes=[Route(HEALTH, _health, methods=["GET"]), *api, *web],
        exception_handlers={HTTPException: refuse, Exception: _failed},
    )
    inner.router.redirect_slashes = False
    return Doors(
        inner,
        parts=parts,
        settings=settings,
        names=names,
        hostname=hostname,
        secure_port=secure_port,
        rates=rates,
    )


async def _health(request: Request) -> Response:
    """The program runs and answers."""
    return JSONResponse({"status": "ok"})


async def _failed(request: Request, error: Exception) -> Response:
    """The error itself is logged by the doors."""
    return problem.response(500, "Something failed inside the server.", "The server's log has the details.")


def _problem(request: Request, error: HTTPException) -> Response:
    """What the router itself says no to (404, 405)."""
    words = {404: "There is nothing at this address.", 405: "This address does not take that method."}
    mend = "See /api/docs for what there is." if request.url.path.startswith("/api/") else ""
    detail = words.get(error.status_code, error.detail)
    return problem.response(error.status_code, detail, mend, headers=dict(error.headers or {}))
