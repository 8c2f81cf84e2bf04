"""Bans. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, given


class Ban(msgspec.Struct, frozen=True, kw_only=True):
    """A banned network. Times in seconds since 1970, `until` 0: for ever. `probation`: the change to
    confirm, 0 for none. `kind`: "" made by an administrator, `sign-in` by itself because sign-ins failed."""

    network: str
    reason: str = ""
    until: float = 0.0
    created: float = 0.0
    probation: int = 0
    kind: str = ""


class BanList(msgspec.Struct, frozen=True, kw_only=True):
    """By network. `next` is the `after` of the page that follows, "" on the last; `total` counts all."""

    bans: list[Ban]
    next: str = ""
    total: int = 0


class BansCalls(Topic):
    """Calls of the topic Bans."""

    def ban_remove(self, *, network: str) -> Ban:
        """Lift a ban. Right: change."""
        return self._link.ask("DELETE", "/bans", Ban, query=given({"network": network}))

    def ban_list(self, *, search: str = "", limit: int = 200, after: str = "") -> BanList:
        """List the banned networks. Right: view."""
        return self._link.ask(
            "GET",
            "/bans",
            BanList,
            query=given({}, ("search", search, ""), ("limit", limit, 200), ("after", after, "")),
        )

    def ban_add(
        self,
        *,
        network: str,
        reason: str = "",
        duration: str = "",
        now: bool = False,
        idempotency_key: str = "",
    ) -> Ban:
        """Let nobody connect from an address or network any more. On probation: you may ban yourself. Right:
        change."""
        return self._link.ask(
            "POST",
            "/bans",
            Ban,
            body=given(
                {"network": network}, ("reason", reason, ""), ("duration", duration, ""), ("now", now, False)
            ),
            key=idempotency_key,
        )
