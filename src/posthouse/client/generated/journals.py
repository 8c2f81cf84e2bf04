"""Journals. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from typing import Literal

import msgspec

from posthouse.client.topic import Topic, given, path_of


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """A journal; `of` is `server` or a domain."""

    of: str
    address: str
    mail: Literal["all", "incoming", "outgoing"]
    form: Literal["report", "copy"]
    active: bool


class Journals(msgspec.Struct, frozen=True, kw_only=True):
    """All journals, the server's first."""

    journals: list[Journal]


class JournalsCalls(Topic):
    """Calls of the topic Journals."""

    def journal_list(self) -> Journals:
        """List where copies of all mail are sent. Right: view."""
        return self._link.ask("GET", "/journals", Journals)

    def journal_remove(self, of: str) -> Journal:
        """Send no more copies of the mail of the server or a domain; those in the queue still go. Right:
        change."""
        return self._link.ask("DELETE", path_of("/journals/{}", of), Journal)

    def journal_set(
        self,
        of: str,
        *,
        address: str,
        mail: Literal["all", "incoming", "outgoing"] = "all",
        form: Literal["report", "copy"] = "report",
        active: bool = True,
    ) -> Journal:
        """Send copies of all mail of the server or a domain to an address. Nobody who writes or receives is
        told. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/journals/{}", of),
            Journal,
            body=given(
                {"address": address},
                ("mail", mail, "all"),
                ("form", form, "report"),
                ("active", active, True),
            ),
        )
