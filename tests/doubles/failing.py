"""A database that fails on demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from posthouse.database.contract import Database, DatabaseUnavailable


class FailingDatabase:
    """Wraps a database. ``fail(n)`` lets the next ``n`` calls raise DatabaseUnavailable (-1: all, until
    ``mend``); ``lose(n)`` lets the next ``n`` writing units be committed and *then* raise, as a lost
    connection does."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self._failing = 0
        self._losing = 0
        self.calls = 0
        self.inline = inner.inline

    def fail(self, times: int = -1) -> None:
        """Refuse the next calls, before anything is done."""
        self._failing = times

    def lose(self, times: int = 1) -> None:
        """Do the next writing units, and pretend not to know."""
        self._losing = times

    def mend(self) -> None:
        """Work again."""
        self._failing = self._losing = 0

    def _check(self) -> None:
        self.calls += 1
        if self._failing:
            self._failing -= 1 if self._failing > 0 else 0
            raise DatabaseUnavailable("told to fail")

    async def run(self, op: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self._check()
        result = await self._inner.run(op, *args, **kwargs)
        if self._losing:
            self._losing -= 1
            raise DatabaseUnavailable("the commit was not confirmed")
        return result

    async def read(self, op: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self._check()
        return await self._inner.read(op, *args, **kwargs)

    async def scan(self, op: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self._check()
        return await self._inner.scan(op, *args, **kwargs)

    async def close(self) -> None:
        await self._inner.close()
