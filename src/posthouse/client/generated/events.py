"""Events. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from posthouse.client.link import Stream
from posthouse.client.topic import Topic, given


class EventBeat(msgspec.Struct, frozen=True, kw_only=True, tag="beat"):
    """Sent when nothing else was for a while: everything up to the event `id` was looked at."""

    id: int


class EventGap(msgspec.Struct, frozen=True, kw_only=True, tag="gap"):
    """The events after `after` and before `before` are not kept any more: look at the things themselves."""

    after: int
    before: int


class EventLine(msgspec.Struct, frozen=True, kw_only=True, tag="event"):
    """One event. `at` in seconds since 1970; `domain` and `account` are whom it concerns, "" where that is
    the server as a whole; what `data` holds depends on the kind."""

    id: int
    at: float
    kind: str
    domain: str
    account: str
    data: dict[str, Any]


class EventLines(msgspec.Struct, frozen=True, kw_only=True):
    """`next` is the `after` of the page that follows, "" when there is none yet; `last` the id up to which
    everything was looked at: ask after it later."""

    events: list[EventLine]
    next: str = ""
    last: int = 0


class EventsWatched(msgspec.Struct, frozen=True, kw_only=True):
    """How the watch went: events shown, and the id up to which everything was looked at."""

    events: int
    last: int


class EventsCalls(Topic):
    """Calls of the topic Events."""

    def event_watch(
        self,
        *,
        kinds: Sequence[str] = (),
        domain: str = "",
        account: str = "",
        after: str = "",
        seconds: float = 0.0,
    ) -> Stream[EventLine | EventBeat | EventGap, EventsWatched]:
        """Show what happens as it happens: mail, sign-ins, changes, certificates, backups. Right: view. What
        is told on the way can be iterated over; `wait()` gives the result."""
        return self._link.stream(
            "GET",
            "/events",
            EventsWatched,
            (EventLine, EventBeat, EventGap),
            query=given(
                {},
                ("kinds", kinds, ()),
                ("domain", domain, ""),
                ("account", account, ""),
                ("after", after, ""),
                ("seconds", seconds, 0.0),
            ),
        )

    def event_list(
        self,
        *,
        kinds: Sequence[str] = (),
        domain: str = "",
        account: str = "",
        limit: int = 100,
        after: str = "",
        order: Literal["oldest", "newest"] = "oldest",
    ) -> EventLines:
        """List what happened: mail, sign-ins, changes, certificates, backups. Right: view."""
        return self._link.ask(
            "GET",
            "/events/list",
            EventLines,
            query=given(
                {},
                ("kinds", kinds, ()),
                ("domain", domain, ""),
                ("account", account, ""),
                ("limit", limit, 100),
                ("after", after, ""),
                ("order", order, "oldest"),
            ),
        )
