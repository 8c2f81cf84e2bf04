"""The way in to a server that has no administrator yet: one link, for one browser.

The token is in memory only, and so is the cookie of the browser that used it: a restart makes a new link. Both are
compared in constant time. The door is for whoever can read what the server prints, or speak with its control socket.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from posthouse.manage.context import ALL_RIGHTS, Actor

FOLDER = "/setup/"
"""Where the link leads: the token follows."""

SESSION_SECONDS = 24 * 3600.0


@dataclass(slots=True)
class SetupDoor:
    """``clock`` tells seconds since 1970."""

    clock: Callable[[], float] = time.time
    _token: str = ""
    _cookie: str = ""
    _until: float = 0.0
    _shut: bool = False
    _later: set[asyncio.Task[Any]] = field(default_factory=set)

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Let something come to its end that nobody waits for. It must not raise."""
        task = asyncio.ensure_future(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def close(self) -> None:
        """End what has not come to its end."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)

    def link(self) -> str:
        """The path of the link. One that was used already is replaced, and the browser that used it is shut out: who
        may ask here is nearer to the server than any browser."""
        if not self._token:
            self._token, self._cookie = secrets.token_urlsafe(24), ""
        self._shut = False
        return FOLDER + self._token

    def enter(self, token: str) -> str:
        """The cookie for the browser that brings the token first; "" for everybody else."""
        if not self._token or self._shut or not _same(token, self._token):
            return ""
        self._token = ""
        self._cookie = secrets.token_urlsafe(32)
        self._until = self.clock() + SESSION_SECONDS
        return self._cookie

    def knows(self, cookie: str) -> bool:
        """Whether this is the browser that came in."""
        return (
            bool(self._cookie)
            and not self._shut
            and self.clock() < self._until
            and _same(cookie, self._cookie)
        )

    def csrf(self, cookie: str) -> str:
        """The secret of this browser's forms."""
        return hmac.new(cookie.encode(), b"set-up form", hashlib.sha256).hexdigest()

    def shut(self) -> None:
        """Set-up is over: neither link nor cookie is good any more."""
        self._shut = True
        self._token = self._cookie = ""


def _same(given: str, kept: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), kept.encode())


def newcomer(peer: str) -> Actor:
    """Who acts in the browser that came in by the link. Not as somebody at the machine itself, who is always fresh."""
    return Actor("set-up", f"web {peer}", ALL_RIGHTS - {"read_mail"}, fresh_at=0.0)
