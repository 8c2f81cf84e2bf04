"""Quotas. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, given, path_of


class AccountLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that limits an account: `quota` in bytes and `messages` of its own, `message` (bytes) the
    largest message by account or domain, `domain` (bytes) all accounts of its domain together; 0 = no limit.
    `used`, `held` and `domain_used` are what is there."""

    address: str
    quota: int
    used: int
    messages: int
    held: int
    message: int
    domain: int
    domain_used: int


class Full(msgspec.Struct, frozen=True, kw_only=True):
    """An account that was warned: at which level (per cent) last and when, and what it holds now (bytes)."""

    address: str
    level: int
    warned_at: int
    quota: int
    used: int


class FullList(msgspec.Struct, frozen=True, kw_only=True):
    """The fullest first. `levels` are those at which owners are warned, in per cent."""

    accounts: list[Full]
    levels: list[int]


class QuotasCalls(Topic):
    """Calls of the topic Quotas."""

    def quota_show(self, address: str) -> AccountLimits:
        """Show every limit that holds for an account, and what is there. Right: view."""
        return self._link.ask("GET", path_of("/accounts/{}/limits", address), AccountLimits)

    def quota_messages(self, address: str, *, messages: int) -> AccountLimits:
        """Set how many messages an account may hold. What is over it is kept; new mail is refused. Right:
        change."""
        return self._link.ask(
            "PUT", path_of("/accounts/{}/limits", address), AccountLimits, body=given({"messages": messages})
        )

    def quota_warned(self) -> FullList:
        """List the accounts whose owners were warned that their mailbox is nearly full. Right: view."""
        return self._link.ask("GET", "/quotas/warned", FullList)
