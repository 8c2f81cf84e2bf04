"""One request to the API: who asks, how often, what with, and the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from posthouse.api import errors, idempotent
from posthouse.api.conditions import expected, is_known, tag_of
from posthouse.api.parameters import BadRequest, read
from posthouse.api.route import Route
from posthouse.api.streams import Seats, Stream
from posthouse.api.table import PREFIX, Table
from posthouse.http import csrf, problem
from posthouse.http.rate import Rates, bucket_of
from posthouse.http.who import Asker, ask, ask_again
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Emit, may, perform


@dataclass(frozen=True, slots=True)
class Api:
    """What the endpoints share."""

    context: Context
    rates: Rates
    stopping: asyncio.Event
    table: Table
    seats: Seats = field(default_factory=Seats)

    async def answer(self, request: Request) -> ASGIApp:
        """The answer to a request below :data:`PREFIX`."""
        segments = _segments(request)
        found = self.table.find(segments)
        asker = await ask(request, self.context, "api")
        if wait := self.rates.take(bucket_of(asker)):
            return errors.too_often(wait)
        if not found:
            return problem.response(
                404, "There is nothing at this address.", "See /api/docs for what there is."
            )
        method = "GET" if request.method == "HEAD" else request.method
        route = found.get(method)  # type: ignore[call-overload]
        if route is None:
            return problem.response(
                405,
                f"This address does not take {request.method[:20]}.",
                f"It takes {', '.join(sorted(found))}.",
                headers={"allow": ", ".join(sorted({*found, *(["HEAD"] if "GET" in found else [])}))},
            )
        if asker.actor is None:
            return errors.nobody(asker)
        if not _carries_token(request, asker):
            return problem.response(
                403,
                "The request lacks the token of this session.",
                "Send it in X-CSRF-Token, or use an API token.",
            )
        try:
            return await self._serve(request, route, segments, asker)
        except BadRequest as error:
            return errors.bad(error)

    async def _serve(self, request: Request, route: Route, segments: list[str], asker: Asker) -> ASGIApp:
        wanted = await read(request, route, segments)
        if route.stream and not _wants_json(request, route):
            return self._stream(request, route, asker, _resumed(request, wanted))
        key = request.headers.get(idempotent.HEADER)
        if key is not None and route.method == "POST":
            return await idempotent.once(
                self.context, request, asker, key, lambda: self._perform(request, route, asker, wanted)
            )
        return await self._perform(request, route, asker, wanted)

    def _stream(self, request: Request, route: Route, asker: Asker, wanted: Any) -> ASGIApp:
        assert asker.actor is not None
        actor, expect, who = asker.actor, expected(request), bucket_of(asker)
        if not self.seats.are_free(who):
            return errors.too_many_streams()

        async def run(emit: Emit) -> Any:
            return await perform(self.context, actor, route.use, wanted, emit, expect)

        async def still() -> bool:
            now = (await ask_again(request, self.context, "api")).actor
            return now is not None and may(now, route.use)

        # Work that was begun is finished; what is only watched ends with the right to see it.
        stream = Stream(
            run,
            media_type=route.media_type,
            stopping=self.stopping,
            wanted=wanted,
            still=still if route.method == "GET" else None,
        )
        return self.seats.seated(who, stream)

    async def _perform(self, request: Request, route: Route, asker: Asker, wanted: Any) -> Response:
        assert asker.actor is not None
        expect = "" if route.method == "GET" else expected(request)
        try:
            result = await perform(self.context, asker.actor, route.use, wanted, expect=expect)
        except ManageError as error:
            return errors.managed(error, wanted)
        headers = {}
        if route.etag and route.method == "GET":
            headers["etag"] = tag_of(result)
            if is_known(request, headers["etag"]):
                return Response(status_code=304, headers=headers)
        if link := _next(request, result):
            headers["link"] = link
        if route.status == 204:
            return Response(status_code=204, headers=headers)
        status = 200 if route.stream else route.status  # a stream begins before it is known what comes
        return Response(msgspec.json.encode(result), status, headers, "application/json")


def _carries_token(request: Request, asker: Asker) -> bool:
    """Whether a change with a browser's session carries the session's token. API tokens need none."""
    if request.method in csrf.SAFE or asker.session is None:
        return True
    return csrf.matches(asker.session, request.headers.get(csrf.HEADER, ""))


def _segments(request: Request) -> list[str]:
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return raw.decode("ascii", "replace").removeprefix(PREFIX).strip("/").split("/")


def _wants_json(request: Request, route: Route) -> bool:
    """Long uses can be waited for instead of watched."""
    return (
        not route.media_type
        and request.headers.get("accept", "").partition(";")[0].strip() == "application/json"
    )


def _resumed(request: Request, wanted: Any) -> Any:
    """A client that comes back to a stream of events says which was the last it saw."""
    last = request.headers.get("last-event-id", "")
    return msgspec.structs.replace(wanted, after=last) if last and hasattr(wanted, "after") else wanted


def _next(request: Request, result: Any) -> str:
    """The Link of a page to the next one (RFC 8288): the same query, after this page's last item."""
    cursor = getattr(result, "next", None)
    if cursor in (None, "", 0):
        return ""
    query = parse_qsl(request.scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
    pairs = [(name, value) for name, value in query if name != "after"]
    return f'<{request.scope["path"]}?{urlencode([*pairs, ("after", str(cursor))])}>; rel="next"'
