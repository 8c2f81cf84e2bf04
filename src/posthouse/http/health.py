"""``/health/live``, ``/health/ready`` and ``/metrics``: for machines that watch the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from posthouse.http import problem
from posthouse.http.well_known import WellKnown
from posthouse.http.who import ask
from posthouse.manage.context import Context
from posthouse.net.peer import plain_address
from posthouse.settings import observe as settings_observe

LIVE, READY, METRICS = "/health/live", "/health/ready", "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
"""Who sends one of these from this machine sends it for somebody else."""

Reasons = Callable[[], Awaitable[list[str]]]
"""Why the server cannot do its work now; empty when it can."""


def register(places: WellKnown, context: Context, reasons: Reasons) -> None:
    """Let the three answer. /metrics and the details of /health/ready are for those in ``metrics.allowed_from`` and
    for holders of a token with the scope view of a server administrator; over plain http, too, as collectors on
    the own network use it."""

    async def live(request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(request: Request) -> Response:
        found = await reasons()
        answer: dict[str, object] = {"status": "ready" if not found else "not ready"}
        if found and await _is_trusted(request, context):
            answer["reasons"] = found
        return JSONResponse(answer, 503 if found else 200, {"cache-control": "no-store"})

    async def metrics(request: Request) -> Response:
        if context.measures is None or not await _is_trusted(request, context):
            return problem.response(
                403,
                "These numbers are for the server's administrator.",
                "Send an API token with the scope view, or add your network to the setting metrics.allowed_from.",
            )
        text = await context.measures.exposition()
        return PlainTextResponse(text, headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    for path, handler in ((LIVE, live), (READY, ready), (METRICS, metrics)):
        places.add(path, _reading(handler))


def _reading(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def only_get(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return problem.response(
                405, "This address is only read.", "Use GET.", headers={"allow": "GET, HEAD"}
            )
        return await handler(request)

    return only_get


async def _is_trusted(request: Request, context: Context) -> bool:
    peer = request.scope["client"][0] if request.scope.get("client") else ""
    try:
        address = plain_address(peer)
        if address.is_loopback and any(name in request.headers for name in FORWARDED):
            raise ValueError("through a proxy on this machine that is not in http.trusted_proxies")
        networks = settings_observe.networks(context.settings.now[settings_observe.METRICS_FROM])
        if any(address.version == network.version and address in network for network in networks):
            return True
    except ValueError:
        pass
    actor = (await ask(request, context, "api")).actor
    return actor is not None and actor.role == "server" and "view" in actor.rights
