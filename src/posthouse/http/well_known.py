"""One register of what answers at ``/.well-known/`` and at other fixed places that are neither page nor API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Place:
    """What answers at a path, or below it where it ends in a slash. ``plain_ok``: over http without TLS, too."""

    handler: Handler
    plain_ok: bool


class WellKnown:
    """Handlers by path. May be added to at any time, also while the server runs."""

    def __init__(self) -> None:
        self._exact: dict[str, Place] = {}
        self._prefixes: dict[str, Place] = {}

    def add(self, path: str, handler: Handler, *, plain_ok: bool = True) -> None:
        """Let ``handler`` answer at ``path``; with a slash at its end, at everything below it.

        These places answer whatever host name was asked for (``mta-sts.``, ``autoconfig.`` and so on): a handler
        that needs the name looks at it itself. Raises ValueError when the place is taken.
        """
        if not path.startswith("/") or path == "/":
            raise ValueError(f"{path!r} is no path of its own")
        places = self._prefixes if path.endswith("/") else self._exact
        if path in places:
            raise ValueError(f"something answers at {path} already")
        places[path] = Place(handler, plain_ok)

    def remove(self, path: str) -> None:
        """Nothing answers there any more. Nothing happens when nothing did."""
        self._exact.pop(path, None)
        self._prefixes.pop(path, None)

    def find(self, path: str) -> Place | None:
        """What answers at this path: the exact one, else the longest prefix."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        found = [prefix for prefix in self._prefixes if path.startswith(prefix)]
        return self._prefixes[max(found, key=len)] if found else None
