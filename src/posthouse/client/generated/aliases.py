"""Aliases. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """Mail for `address` goes to `target`."""

    address: str
    target: str


class Aliases(msgspec.Struct, frozen=True, kw_only=True):
    """By address. `next` is the `after` of the page that follows, "" on the last; `total` counts all."""

    aliases: list[Alias]
    next: str = ""
    total: int = 0


class AliasesCalls(Topic):
    """Calls of the topic Aliases."""

    def alias_list(
        self, *, domain: str | None = None, search: str = "", limit: int = 200, after: str = ""
    ) -> Aliases:
        """List the aliases, of one domain or of all. Right: view."""
        return self._link.ask(
            "GET",
            "/aliases",
            Aliases,
            query=given(
                {},
                ("domain", domain, None),
                ("search", search, ""),
                ("limit", limit, 200),
                ("after", after, ""),
            ),
        )

    def alias_add(self, *, address: str, target: str, idempotency_key: str = "") -> Alias:
        """Let mail for an address go to another one. Right: change."""
        return self._link.ask(
            "POST", "/aliases", Alias, body=given({"address": address, "target": target}), key=idempotency_key
        )

    def alias_remove(self, address: str, *, if_match: str = "") -> Alias:
        """Remove an alias. Right: change. `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask("DELETE", path_of("/aliases/{}", address), Alias, if_match=if_match)

    def alias_show(self, address: str) -> Tagged[Alias]:
        """Show where one alias leads. Right: view."""
        return self._link.tagged("GET", path_of("/aliases/{}", address), Alias)
