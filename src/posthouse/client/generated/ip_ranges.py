"""IP ranges. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from posthouse.client.topic import Topic, given


class IpRange(msgspec.Struct, frozen=True, kw_only=True):
    """A range. `until` in seconds since 1970, 0 for ever. `probation`: the change to confirm, 0 for none."""

    name: str
    addresses: str
    priority: int
    rules: list[str]
    until: float = 0.0
    connections: int = 0
    connection_rate: int = 0
    message_rate: int = 0
    probation: int = 0


class Permitted(msgspec.Struct, frozen=True, kw_only=True):
    """What an address may do: the `range` it is in ("" for none, and nothing is permitted), its `rules`, and
    whether it is `banned`. `judged`: what block lists, allow lists and countries say of it, by protocol
    (`list NAME NETWORK` or `country XX`), and `refused`: the protocols it may not use because of that.
    `above`: its range decides before all lists; `spared`: lists never keep it out. `country` "" where none
    is known."""

    address: str
    range: str
    rules: list[str]
    banned: bool = False
    country: str = ""
    judged: dict[str, str] = {}
    refused: list[str] = []
    above: bool = False
    spared: bool = False


class RangeList(msgspec.Struct, frozen=True, kw_only=True):
    """In the order in which they rule."""

    ranges: list[IpRange]


class IpRangesCalls(Topic):
    """Calls of the topic IP ranges."""

    def range_remove(self, *, name: str, now: bool = False) -> IpRange:
        """Remove an IP range. On probation: you may lock yourself out. Right: change."""
        return self._link.ask("DELETE", "/ranges", IpRange, query=given({"name": name}, ("now", now, False)))

    def range_list(self) -> RangeList:
        """List the IP ranges in the order in which they rule. Right: view."""
        return self._link.ask("GET", "/ranges", RangeList)

    def range_put(
        self,
        *,
        name: str,
        addresses: str,
        priority: int = 20,
        rules: Sequence[str] | None = None,
        duration: str = "",
        connections: int = 0,
        connection_rate: int = 0,
        message_rate: int = 0,
        now: bool = False,
    ) -> IpRange:
        """Add an IP range, or replace the one of this name. On probation: you may lock yourself out. Right:
        change."""
        return self._link.ask(
            "PUT",
            "/ranges",
            IpRange,
            body=given(
                {"name": name, "addresses": addresses},
                ("priority", priority, 20),
                ("rules", rules, None),
                ("duration", duration, ""),
                ("connections", connections, 0),
                ("connection_rate", connection_rate, 0),
                ("message_rate", message_rate, 0),
                ("now", now, False),
            ),
        )

    def range_try(self, *, address: str) -> Permitted:
        """Tell what an address may do and why: which range it is in, what that permits, whether it is
        banned, and what lists and countries say of it. Right: view."""
        return self._link.ask("GET", "/ranges/try", Permitted, query=given({"address": address}))
