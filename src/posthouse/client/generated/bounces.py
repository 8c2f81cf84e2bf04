"""Bounces. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, given


class BounceCause(msgspec.Struct, frozen=True, kw_only=True):
    """How many came back for a cause. `hard`: the next message to these addresses would come back too."""

    cause: str
    bounces: int
    hard: bool = False


class BounceCauses(msgspec.Struct, frozen=True, kw_only=True):
    """The most frequent first; `total` is their sum."""

    causes: list[BounceCause]
    total: int = 0


class BounceList(msgspec.Struct, frozen=True, kw_only=True):
    """The newest first. `next` is the `after` of the page that follows, "" on the last; `total` counts all."""

    bounces: list[ReceivedBounce]
    next: str = ""
    total: int = 0


class ReceivedBounce(msgspec.Struct, frozen=True, kw_only=True):
    """What a bounce told of one recipient. `at` in seconds since 1970; `sender`: whose mail came back, from
    `recipient` ("" where it does not tell). `action`: of RFC 3464 2.3.3 (`failed`, `delayed`). `status`: the
    enhanced status code, `said` the words with it. `certain`: nobody made it up. `hard`: the next message
    would come back too. `message_id`: of the message that came back."""

    at: float
    sender: str
    recipient: str
    cause: str
    action: str = "failed"
    status: str = ""
    said: str = ""
    certain: bool = False
    hard: bool = False
    message_id: str = ""


class BouncesCalls(Topic):
    """Calls of the topic Bounces."""

    def bounce_list(
        self,
        *,
        search: str = "",
        cause: str = "",
        sender: str = "",
        days: int = 0,
        limit: int = 200,
        after: str = "",
    ) -> BounceList:
        """List the bounces that came back to addresses here. Right: view."""
        return self._link.ask(
            "GET",
            "/bounces",
            BounceList,
            query=given(
                {},
                ("search", search, ""),
                ("cause", cause, ""),
                ("sender", sender, ""),
                ("days", days, 0),
                ("limit", limit, 200),
                ("after", after, ""),
            ),
        )

    def bounce_causes(self, *, days: int = 30) -> BounceCauses:
        """Count the bounces that came back, by cause. Right: view."""
        return self._link.ask("GET", "/bounces/causes", BounceCauses, query=given({}, ("days", days, 30)))
