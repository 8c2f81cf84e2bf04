"""Suppressions. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, given


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """An entry. `cause` is `by-hand` or why mail came back, `status` the enhanced status code and `said` the
    words with it (or the reason given by hand). `hits` counts failures for good, `soft_hits` passing ones.
    `active` False: only counted so far. Times in seconds since 1970, `expires` 0: never. `trace`: of the
    last message that failed."""

    address: str
    account: str = ""
    cause: str = ""
    status: str = ""
    said: str = ""
    hits: int = 0
    soft_hits: int = 0
    active: bool = True
    first: float = 0.0
    last: float = 0.0
    expires: float = 0.0
    trace: str = ""


class SuppressionList(msgspec.Struct, frozen=True, kw_only=True):
    """By address. `next` is the `after` of the page that follows, "" on the last; `total` counts all."""

    suppressions: list[Suppression]
    next: str = ""
    total: int = 0


class SuppressionsCalls(Topic):
    """Calls of the topic Suppressions."""

    def suppression_remove(self, *, address: str, account: str = "") -> Suppression:
        """Let mail go to an address again, and forget its failures. Right: change."""
        return self._link.ask(
            "DELETE",
            "/suppressions",
            Suppression,
            query=given({"address": address}, ("account", account, "")),
        )

    def suppression_list(
        self, *, search: str = "", limit: int = 200, after: str = "", counting: bool = False
    ) -> SuppressionList:
        """List the addresses that senders here are refused. Right: view."""
        return self._link.ask(
            "GET",
            "/suppressions",
            SuppressionList,
            query=given(
                {},
                ("search", search, ""),
                ("limit", limit, 200),
                ("after", after, ""),
                ("counting", counting, False),
            ),
        )

    def suppression_add(
        self,
        *,
        address: str,
        account: str = "",
        reason: str = "",
        duration: str = "",
        idempotency_key: str = "",
    ) -> Suppression:
        """Refuse mail from here to an address outside, or to a whole domain. Right: change."""
        return self._link.ask(
            "POST",
            "/suppressions",
            Suppression,
            body=given(
                {"address": address},
                ("account", account, ""),
                ("reason", reason, ""),
                ("duration", duration, ""),
            ),
            key=idempotency_key,
        )
