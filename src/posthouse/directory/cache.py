"""A cache of directory look-ups that is checked against the directory's version at most one second old."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, Transaction
from posthouse.directory.versions import DIRECTORY, version

P = ParamSpec("P")
T = TypeVar("T")

MAX_AGE = 1.0
"""Seconds a version may be trusted without asking again."""

MAX_ENTRIES = 20_000
"""Answers kept; strangers can ask for any address, so there is an end to it."""


class VersionedCache:
    """Answers by key, dropped all together when the directory changes."""

    def __init__(self, database: Database, feed: Feed, clock: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._answers: dict[Hashable, Any] = {}
        self._version = -1
        self._checked_at = -math.inf
        self._told = -1
        self._unsubscribe = feed.subscribe(DIRECTORY, None, self._noticed)

    async def get(
        self,
        key: Hashable,
        op: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The answer kept under ``key``, else the result of this reading op. Raises DatabaseUnavailable."""
        now = self._clock()
        if now - self._checked_at >= MAX_AGE:
            self._settle(await self._database.read(version, DIRECTORY), now)
        try:
            return cast(T, self._answers[key])
        except KeyError:
            pass
        now = self._clock()

        def both(tx: Transaction) -> tuple[int, T]:
            # The version is read first: if a change slips in between, the answer is newer than its label and
            # is dropped at the next check, never the other way round.
            return version(tx, DIRECTORY), op(tx, *args, **kwargs)

        label, answer = await self._database.read(both)
        self._settle(label, now)
        if label == self._version:
            if len(self._answers) >= MAX_ENTRIES:
                self._answers.clear()
            self._answers[key] = answer
        return answer

    def close(self) -> None:
        """Stop listening to the feed."""
        self._unsubscribe()

    def _settle(self, label: int, asked_at: float) -> None:
        """Take notice of a version read at ``asked_at``; an older one than known was overtaken on its way."""
        if label > self._version:
            self._answers.clear()
            self._version = label
        if label >= self._told:  # else it was asked before the change that we were told of
            self._checked_at = max(self._checked_at, asked_at)

    def _noticed(self, topic: str, key: int, label: int) -> None:
        self._told = max(self._told, label)
        if label > self._version:
            self._checked_at = -math.inf
