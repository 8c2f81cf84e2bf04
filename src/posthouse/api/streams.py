"""Answers that go on: what a use emits as server-sent events, or the bytes of its Pieces."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from posthouse.api.errors import as_problem, managed
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Emit, Piece
from posthouse.observe.log import logger

log = logger("api")

HEARTBEAT_SECONDS = 15.0
"""A comment is sent when nothing else was, so that a client that has gone is noticed and proxies keep the line."""

FIRST_SECONDS = 0.3
"""How long an early refusal is waited for before the stream begins with 200."""

MOST_STREAMS = 20
"""Streams that one token, session or address may have open at once: each holds a connection and a task."""

ASK_AGAIN_SECONDS = 15.0
"""How often it is asked whether who watches still may: tokens are removed and sessions end meanwhile."""

Still = Callable[[], Awaitable[bool]]

Run = Callable[[Emit], Awaitable[Any]]


class Seats:
    """How many streams each asker has open. Event loop only."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def are_free(self, who: str) -> bool:
        """Whether one more may begin."""
        return self._taken[who] < MOST_STREAMS

    def seated(self, who: str, stream: ASGIApp) -> ASGIApp:
        """The stream, counted while it is open."""

        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            self._taken[who] += 1
            try:
                await stream(scope, receive, send)
            finally:
                self._taken[who] -= 1
                if not self._taken[who]:
                    del self._taken[who]

        return run


class Stream:
    """An ASGI answer that runs a use and sends what it emits. ``media_type`` "" means server-sent events."""

    def __init__(
        self, run: Run, *, media_type: str, stopping: asyncio.Event, wanted: Any, still: Still | None = None
    ) -> None:
        self._run = run
        self._still = still
        self._media_type = media_type
        self._stopping = stopping
        self._wanted = wanted
        # One value at a time: a use does not run ahead of a slow reader.
        self._values: asyncio.Queue[bytes] = asyncio.Queue(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["streaming"] = True  # http.connection ends it at once when the client leaves
        work = asyncio.ensure_future(self._run(self._emit))
        watch = asyncio.ensure_future(_gone(receive))
        ends: set[asyncio.Future[Any]] = {watch, asyncio.ensure_future(self._stopping.wait())}
        if self._still is not None:
            ends.add(asyncio.ensure_future(_until_not(self._still)))
        try:
            await self._send(scope, receive, send, work, ends)
        finally:
            await _end(work, *ends)

    async def _emit(self, value: Any) -> None:
        await self._values.put(value.data if isinstance(value, Piece) else event(value))

    async def _send(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        work: asyncio.Future[Any],
        ends: set[asyncio.Future[Any]],
    ) -> None:
        begun = False
        while True:
            taking = asyncio.ensure_future(self._values.get())
            seconds = HEARTBEAT_SECONDS if begun else FIRST_SECONDS
            try:
                await asyncio.wait(
                    {taking, work, *ends}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
                )
                found = taking.result() if taking.done() else None
            finally:
                taking.cancel()
            if any(end.done() for end in ends):
                break
            if found is None and work.done() and self._values.empty():
                if not begun and (error := work.exception()) is not None:
                    await _refusal(error, self._wanted)(scope, receive, send)
                    return
                await self._last(send, work, begun)
                return
            if not begun:
                await self._begin(send)
                begun = True
            if found is not None:
                await _body(send, found)
            elif not self._media_type:
                await _body(send, b": still here\n\n")
        if begun:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin(self, send: Send) -> None:
        kind = self._media_type or "text/event-stream; charset=utf-8"
        headers = [(b"content-type", kind.encode()), (b"x-accel-buffering", b"no")]
        if self._media_type:
            # Mail of strangers must never become a page of ours.
            headers.append((b"content-disposition", b"attachment"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _last(self, send: Send, work: asyncio.Future[Any], begun: bool) -> None:
        error = work.exception()
        if not begun:
            await self._begin(send)
        if self._media_type:
            if error is not None:
                log.warning("api.stream_broken", reason=str(error))
                raise ConnectionAbortedError(
                    "the rest of the answer cannot be sent"
                )  # the client sees it cut off
            last = b""
        elif error is None:
            last = event(work.result(), "result")
        elif isinstance(error, ManageError):
            last = event(as_problem(error, self._wanted), "problem")
        else:
            last = b""
        await send({"type": "http.response.body", "body": last, "more_body": False})


def event(value: Any, name: str = "") -> bytes:
    """One server-sent event. Its name is the tag of the value's type; its id the value's ``id`` field, if it has
    one (a client that comes back says so in Last-Event-ID)."""
    name = name or str(getattr(getattr(value, "__struct_config__", None), "tag", None) or "message")
    ident = getattr(value, "id", None)
    # One line: JSON has no raw line breaks.
    head = f"id: {ident}\nevent: {name}\n" if isinstance(ident, int) else f"event: {name}\n"
    return head.encode() + b"data: " + msgspec.json.encode(value) + b"\n\n"


def _refusal(error: BaseException, wanted: Any) -> Response:
    if isinstance(error, ManageError):
        return managed(error, wanted)
    raise error


async def _body(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _gone(receive: Receive) -> None:
    """Returns when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until_not(still: Still) -> None:
    """Returns when who watches may not any more, or that cannot be asked."""
    while True:
        await asyncio.sleep(ASK_AGAIN_SECONDS)
        try:
            if not await still():
                return
        except ManageError as error:
            log.warning("api.stream_ended", reason=error.what)
            return


async def _end(*futures: asyncio.Future[Any]) -> None:
    for future in futures:
        future.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*futures, return_exceptions=True)
