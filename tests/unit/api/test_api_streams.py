"""Answers that go on: events, bytes, and clients that leave."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from http_client import Answer, ask

from posthouse.api import streams
from posthouse.api.streams import Stream, event
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Emit, Piece, Progress


class Done(msgspec.Struct):
    """A result."""

    count: int


async def run(
    use: Any, *, media_type: str = "", stopping: asyncio.Event | None = None, **more: Any
) -> Answer:
    stream = Stream(use, media_type=media_type, stopping=stopping or asyncio.Event(), wanted=None)
    return await asyncio.wait_for(ask(stream, "GET", "/", **more), 10)


async def test_events_then_the_result() -> None:
    async def use(emit: Emit) -> Done:
        for number in range(3):
            await emit(Progress(text="line\nbreak", done=number))
        return Done(3)

    answer = await run(use)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.body.decode().split("\n\n")
    assert events[0] == 'event: progress\ndata: {"type":"progress","text":"line\\nbreak","done":0,"total":0}'
    assert events[3] == 'event: result\ndata: {"count":3}'
    assert events[4:] == [""]


async def test_an_early_refusal_is_an_answer_of_its_own() -> None:
    async def use(emit: Emit) -> Done:
        raise ManageError("missing", "It is not there.", "Look elsewhere.")

    answer = await run(use)
    assert (answer.status, answer.json["mend"]) == (404, "Look elsewhere.")


async def test_a_late_failure_is_the_last_event() -> None:
    async def use(emit: Emit) -> Done:
        await emit(Progress(text="x"))
        raise ManageError("unavailable", "Gone.", "Later.")

    answer = await run(use)
    assert answer.status == 200
    assert b'event: problem\ndata: {"type":"urn:posthouse:unavailable"' in answer.body


async def test_bytes_come_whole_or_not_at_all() -> None:
    async def good(emit: Emit) -> Done:
        for _ in range(5):
            await emit(Piece(data=b"\r\nabc"))
        return Done(5)

    async def bad(emit: Emit) -> Done:
        await emit(Piece(data=b"abc"))
        raise ManageError("failed", "The rest is missing.", "Run verify.")

    answer = await run(good, media_type="message/rfc822")
    assert answer.body == b"\r\nabc" * 5
    assert answer.headers["content-disposition"] == "attachment"
    with pytest.raises(ConnectionAbortedError):
        await run(bad, media_type="message/rfc822")


async def test_a_use_ends_when_its_client_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def use(emit: Emit) -> Done:
        try:
            while True:
                await emit(Progress(text="on and on"))
        finally:
            ended.set()

    await run(use, leave_after=3)
    assert ended.is_set()


async def test_silence_is_filled_and_the_end_of_the_server_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(streams, "FIRST_SECONDS", 0.01)
    stopping = asyncio.Event()

    async def use(emit: Emit) -> Done:
        await asyncio.sleep(0.1)
        stopping.set()
        await asyncio.Event().wait()
        return Done(0)

    answer = await run(use, stopping=stopping)
    assert answer.status == 200
    assert answer.pieces.count(b": still here\n\n") >= 2


def test_an_event_with_an_id() -> None:
    class Told(msgspec.Struct, tag="told"):
        """Something."""

        id: int

    assert event(Told(7)) == b'id: 7\nevent: told\ndata: {"type":"told","id":7}\n\n'
