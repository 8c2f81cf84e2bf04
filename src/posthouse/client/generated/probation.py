"""Probation. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, path_of


class Probation(msgspec.Struct, frozen=True, kw_only=True):
    """A change that waits to be confirmed. Times in seconds since 1970; `deadline` 0: its time begins when
    the server is started anew."""

    id: int
    at: float
    deadline: float
    use: str
    subject: str
    summary: str
    actor: str


class Probations(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first."""

    changes: list[Probation]


class ProbationCalls(Topic):
    """Calls of the topic Probation."""

    def probation_list(self) -> Probations:
        """List the changes that are taken back unless they are confirmed in time. Right: view."""
        return self._link.ask("GET", "/probation", Probations)

    def probation_confirm(self, id: int, *, idempotency_key: str = "") -> Probation:
        """Keep a change for good, and those of the same thing before it. Needs a sign-in after the change.
        Right: change."""
        return self._link.ask("POST", path_of("/probation/{}/confirm", id), Probation, key=idempotency_key)

    def probation_revert(self, id: int, *, idempotency_key: str = "") -> Probation:
        """Take a change back now, without waiting for its time to pass. Right: change."""
        return self._link.ask("POST", path_of("/probation/{}/revert", id), Probation, key=idempotency_key)
