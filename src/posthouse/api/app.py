"""The API as routes for the HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from posthouse.api.docs_page import page, style
from posthouse.api.endpoint import Api
from posthouse.api.openapi import document
from posthouse.api.table import PREFIX, Table, every_route
from posthouse.http.rate import Rates
from posthouse.manage.context import Context

OPENAPI_PATH = f"{PREFIX}/openapi.json"
DOCS_PATH = "/api/docs"


def routes(context: Context, rates: Rates, stopping: asyncio.Event) -> list[BaseRoute]:
    """The API, its OpenAPI document and its readable page. ``stopping`` ends streams."""
    api = Api(context, rates, stopping, Table(every_route()))

    async def everything(scope: Scope, receive: Receive, send: Send) -> None:
        response = await api.answer(Request(scope, receive))
        await response(scope, receive, send)

    return [
        Route(OPENAPI_PATH, _openapi(), methods=["GET"]),
        Route(DOCS_PATH, page, methods=["GET"]),
        Route(f"{DOCS_PATH}.css", style, methods=["GET"]),
        Mount(PREFIX, app=everything),
    ]


def _openapi() -> Callable[[Request], Awaitable[Response]]:
    made: list[bytes] = []

    async def openapi(request: Request) -> Response:
        if not made:
            made.append(document())
        return Response(made[0], media_type="application/json")

    return openapi
