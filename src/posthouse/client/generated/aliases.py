"""Aliases. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from posthouse.client.generated.shared import Csv
from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """Mail for `address` goes to `target`, and to each of `more`. One that is not `active` is refused like
    an address that nobody has."""

    address: str
    target: str
    more: list[str] = []
    active: bool = True
    note: str = ""


class Aliases(msgspec.Struct, frozen=True, kw_only=True):
    """By address. `next` is the `after` of the page that follows, "" on the last; `total` counts all."""

    aliases: list[Alias]
    next: str = ""
    total: int = 0


class ImportedAliases(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses that were added."""

    added: list[str]


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

    def alias_add(
        self,
        *,
        address: str,
        target: str,
        more: Sequence[str] = (),
        active: bool = True,
        note: str = "",
        idempotency_key: str = "",
    ) -> Alias:
        """Let mail for an address go to another one, or to several. Right: change."""
        return self._link.ask(
            "POST",
            "/aliases",
            Alias,
            body=given(
                {"address": address, "target": target},
                ("more", more, ()),
                ("active", active, True),
                ("note", note, ""),
            ),
            key=idempotency_key,
        )

    def alias_export(self, *, domain: str | None = None, idempotency_key: str = "") -> Csv:
        """Write the aliases, of one domain or of all, as CSV that alias.import reads. Right: view."""
        return self._link.ask(
            "POST", "/aliases/export", Csv, body=given({}, ("domain", domain, None)), key=idempotency_key
        )

    def alias_import(self, *, text: str, idempotency_key: str = "") -> ImportedAliases:
        """Add all aliases of a CSV file with the columns address, targets and, if wanted, active and note.
        All or none is added. Right: change."""
        return self._link.ask(
            "POST", "/aliases/import", ImportedAliases, body=given({"text": text}), key=idempotency_key
        )

    def alias_remove(self, address: str, *, if_match: str = "") -> Alias:
        """Remove an alias. Right: change. `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask("DELETE", path_of("/aliases/{}", address), Alias, if_match=if_match)

    def alias_show(self, address: str) -> Tagged[Alias]:
        """Show where one alias leads. Right: view."""
        return self._link.tagged("GET", path_of("/aliases/{}", address), Alias)

    def alias_change(
        self,
        address: str,
        *,
        targets: Sequence[str] | None = None,
        active: bool | None = None,
        note: str | None = None,
        if_match: str = "",
    ) -> Alias:
        """Change where an alias leads, switch it on or off, or change its note. Right: change. `if_match`:
        only if it is still the version with this `etag`."""
        return self._link.ask(
            "PATCH",
            path_of("/aliases/{}", address),
            Alias,
            body=given({}, ("targets", targets, None), ("active", active, None), ("note", note, None)),
            if_match=if_match,
        )
