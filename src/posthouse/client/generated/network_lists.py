"""Network lists. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class CountryState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of countries. `database`: the file of the setting, `kind` what it calls itself, `built`
    when it was made (seconds since 1970), or the `trouble` with it. `rules` by protocol, as in the settings.
    """

    database: str = ""
    kind: str = ""
    built: float = 0.0
    trouble: str = ""
    rules: dict[str, str] = {}
    refused: dict[str, int] = {}


class NetworkListView(msgspec.Struct, frozen=True, kw_only=True):
    """A list (see adding one; `refresh` in seconds) and how it is. `holds`: there is a good copy, of
    `entries` networks and `size` bytes, had or found unchanged at `good_at`; `skipped` lines of it were not
    understood. `tried_at`: the last try; `failures` in a row and the `trouble` of the last one. `refused`:
    connections since the start of the server. Times in seconds since 1970, 0 for never."""

    name: str
    kind: str
    place: str
    refresh: int
    protocols: list[str]
    active: bool
    holds: bool
    entries: int
    skipped: int
    size: int
    good_at: float
    tried_at: float
    failures: int
    trouble: str
    refused: int = 0


class NetworkLists(msgspec.Struct, frozen=True, kw_only=True):
    """By name; and what is known of countries."""

    lists: list[NetworkListView]
    countries: CountryState


class NetworkListsCalls(Topic):
    """Calls of the topic Network lists."""

    def network_list_list(self) -> NetworkLists:
        """List the block lists and allow lists with how they are, and what is known of countries. Right:
        view."""
        return self._link.ask("GET", "/network-lists", NetworkLists)

    def network_list_add(
        self,
        *,
        name: str,
        place: str,
        kind: str = "block",
        refresh: str = "12h",
        protocols: Sequence[str] = (),
        active: bool = True,
        idempotency_key: str = "",
    ) -> NetworkListView:
        """Add a list of networks that may not connect, or that always may, and get it. Right: change."""
        return self._link.ask(
            "POST",
            "/network-lists",
            NetworkListView,
            body=given(
                {"name": name, "place": place},
                ("kind", kind, "block"),
                ("refresh", refresh, "12h"),
                ("protocols", protocols, ()),
                ("active", active, True),
            ),
            key=idempotency_key,
        )

    def network_list_remove(self, name: str, *, if_match: str = "") -> NetworkListView:
        """Remove a list of networks. Right: change. `if_match`: only if it is still the version with this
        `etag`."""
        return self._link.ask(
            "DELETE", path_of("/network-lists/{}", name), NetworkListView, if_match=if_match
        )

    def network_list_show(self, name: str) -> Tagged[NetworkListView]:
        """Show a block list or allow list, and how it is. Right: view."""
        return self._link.tagged("GET", path_of("/network-lists/{}", name), NetworkListView)

    def network_list_change(
        self,
        name: str,
        *,
        place: str | None = None,
        kind: str | None = None,
        refresh: str | None = None,
        protocols: Sequence[str] | None = None,
        active: bool | None = None,
        if_match: str = "",
    ) -> NetworkListView:
        """Change a list of networks; one that leads elsewhere now is got. Right: change. `if_match`: only if
        it is still the version with this `etag`."""
        return self._link.ask(
            "PATCH",
            path_of("/network-lists/{}", name),
            NetworkListView,
            body=given(
                {},
                ("place", place, None),
                ("kind", kind, None),
                ("refresh", refresh, None),
                ("protocols", protocols, None),
                ("active", active, None),
            ),
            if_match=if_match,
        )

    def network_list_refresh(self, name: str, *, idempotency_key: str = "") -> NetworkListView:
        """Get a list of networks now, also where it has not changed. Right: change."""
        return self._link.ask(
            "POST", path_of("/network-lists/{}/refresh", name), NetworkListView, key=idempotency_key
        )
