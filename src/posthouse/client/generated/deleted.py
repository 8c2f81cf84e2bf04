"""Deleted. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.generated.shared import Account, Back, GoneForGood
from posthouse.client.topic import Topic, given, path_of


class DeletedOf(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an account: the number and bytes of messages, the oldest deletion (seconds since 1970,
    0: none), deleted folders by name; `days` and `most` (bytes) limit it."""

    address: str
    messages: int
    size: int
    oldest: int
    folders: list[str]
    days: int
    most: int


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, or is gone for good."""

    name: str


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """An account or a domain (`kind`). `until` is when it goes for good, both in seconds since 1970;
    `purging`: it is going already."""

    kind: str
    name: str
    removed_at: float
    removed_by: str
    until: float
    purging: bool


class RemovedList(msgspec.Struct, frozen=True, kw_only=True):
    """Domains first, then accounts; what was removed last comes first."""

    removed: list[Removed]


class DeletedCalls(Topic):
    """Calls of the topic Deleted."""

    def deleted_purge(self, address: str) -> GoneForGood:
        """Let everything that was deleted in an account go for good, now. Right: change."""
        return self._link.ask("DELETE", path_of("/accounts/{}/deleted", address), GoneForGood)

    def deleted_show(self, address: str) -> DeletedOf:
        """Show how much of an account's deleted mail can be brought back; not what is in it. Right: view."""
        return self._link.ask("GET", path_of("/accounts/{}/deleted", address), DeletedOf)

    def deleted_restore(self, address: str, *, hours: float = 0.0, idempotency_key: str = "") -> Back:
        """Bring back what was deleted in an account, all or that of the last hours. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/accounts/{}/deleted/restore", address),
            Back,
            body=given({}, ("hours", hours, 0.0)),
            key=idempotency_key,
        )

    def removed_list(self, *, domain: str | None = None) -> RemovedList:
        """List the accounts and domains that were removed and can be restored. Right: view."""
        return self._link.ask("GET", "/removed", RemovedList, query=given({}, ("domain", domain, None)))

    def account_purge(self, address: str) -> Gone:
        """Remove a removed account for good, now: nothing but a backup brings it back. Right: change."""
        return self._link.ask("DELETE", path_of("/removed/accounts/{}", address), Gone)

    def account_restore(self, address: str, *, idempotency_key: str = "") -> Account:
        """Restore a removed account with everything it had: its mail, password, role and addresses. Right:
        change."""
        return self._link.ask(
            "POST", path_of("/removed/accounts/{}/restore", address), Account, key=idempotency_key
        )

    def domain_purge(self, name: str) -> Gone:
        """Remove a removed domain for good, now, with all mail in it: nothing but a backup brings it back.
        Right: change."""
        return self._link.ask("DELETE", path_of("/removed/domains/{}", name), Gone)

    def domain_restore(self, name: str, *, idempotency_key: str = "") -> Gone:
        """Restore a removed domain with all accounts and aliases in it. Right: change."""
        return self._link.ask("POST", path_of("/removed/domains/{}/restore", name), Gone, key=idempotency_key)
