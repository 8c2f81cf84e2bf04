"""Answers that go on: events on the way to a result, and bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Generic, TypeVar

import httpx2
import msgspec

from posthouse.client.errors import ConnectionLost, Problem, TimedOut, UnexpectedAnswer, error_of

T = TypeVar("T")
E = TypeVar("E")

MAX_EVENT = 64 * 1024 * 1024
"""Bytes of one event. The result of a large restore is the longest."""


class _Open:
    """A response that is read bit by bit and closed at the end, early or not."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    def close(self) -> None:
        """Read no more. The server ends a task that nobody waits for."""
        self._response.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


class Stream(_Open, Generic[E, T]):
    """What a task tells while it runs, to iterate over; then its ``result``. Leave it (``with``, or ``close()``) and
    the server ends the task too."""

    def __init__(self, response: httpx2.Response, kind: type[T], events: Sequence[type[Any]]) -> None:
        super().__init__(response)
        self._kind = kind
        self._by_name = {str(event.__struct_config__.tag): event for event in events}
        self._result: list[T] = []
        self._events = self._read()

    def __enter__(self) -> Stream[E, T]:
        return self

    def __iter__(self) -> Iterator[E]:
        return self._events

    def __next__(self) -> E:
        return next(self._events)

    def wait(self) -> T:
        """Wait for the end and give the result. Raises PosthouseError when there is none."""
        for _ in self._events:
            pass
        return self.result

    @property
    def result(self) -> T:
        """The result of what has come to its end. Raises ValueError before."""
        if not self._result:
            raise ValueError("There is no result yet: iterate to the end, or wait().")
        return self._result[0]

    def _read(self) -> Iterator[E]:
        try:
            for event in httpx2.EventSource(self._response, max_event_size=MAX_EVENT):
                data = event.data.encode()
                if event.event == "result":
                    self._result.append(msgspec.json.decode(data, type=self._kind))
                    return
                if event.event == "problem":
                    raise error_of(msgspec.json.decode(data, type=Problem).status, data)
                found = self._by_name.get(event.event)
                if found is not None:  # a newer server may tell more: what is not known here is left out
                    yield msgspec.json.decode(data, type=found)
        except msgspec.DecodeError as error:
            raise UnexpectedAnswer(f"An event cannot be read: {error}.") from None
        except httpx2.TransportError as error:
            raise _lost(error) from error
        finally:
            self.close()
        raise ConnectionLost("The server ended the answer before its result.")


class Download(_Open):
    """Bytes, to iterate over in pieces or to ``read()`` at once."""

    def __enter__(self) -> Download:
        return self

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_bytes()
        except httpx2.TransportError as error:
            raise _lost(error) from error
        finally:
            self.close()

    def read(self) -> bytes:
        """All of them."""
        return b"".join(self)


def _lost(error: httpx2.TransportError) -> ConnectionLost:
    kind = TimedOut if isinstance(error, httpx2.TimeoutException) else ConnectionLost
    return kind(f"The answer broke off: {error or type(error).__name__}")
