"""Accounts. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.generated.shared import Forward
from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `quota` and `used` in bytes, quota 0 = none. `domains` are those that a domain
    administrator looks after. `probation` is the id of a change that must be confirmed, 0 for none."""

    address: str
    quota: int = 0
    used: int = 0
    messages: int = 0
    active: bool = True
    role: Literal["server", "domain", "user"] = "user"
    domains: list[str] = []
    probation: int = 0


class Accounts(msgspec.Struct, frozen=True, kw_only=True):
    """By address. `next` is the `after` of the page that follows, "" on the last; `total` counts all."""

    accounts: list[Account]
    next: str = ""
    total: int = 0


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """How many factors and recovery codes were removed."""

    address: str
    removed: int


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses that were added."""

    added: list[str]


class SendAsList(msgspec.Struct, frozen=True, kw_only=True):
    """The patterns of addresses that an account may send as besides its own."""

    address: str
    patterns: list[str]


class AccountsCalls(Topic):
    """Calls of the topic Accounts."""

    def account_list(
        self, *, domain: str | None = None, search: str = "", limit: int = 200, after: str = ""
    ) -> Accounts:
        """List the accounts, of one domain or of all, with what they hold. Right: view."""
        return self._link.ask(
            "GET",
            "/accounts",
            Accounts,
            query=given(
                {},
                ("domain", domain, None),
                ("search", search, ""),
                ("limit", limit, 200),
                ("after", after, ""),
            ),
        )

    def account_add(
        self, *, address: str, password: str, quota: str = "none", idempotency_key: str = ""
    ) -> Account:
        """Add an account with its mailboxes. Right: change."""
        return self._link.ask(
            "POST",
            "/accounts",
            Account,
            body=given({"address": address, "password": password}, ("quota", quota, "none")),
            key=idempotency_key,
        )

    def account_import(self, *, text: str, idempotency_key: str = "") -> Imported:
        """Add all accounts of a CSV file. Everything is checked first: with any problem nothing is added.
        Right: change."""
        return self._link.ask(
            "POST", "/accounts/import", Imported, body=given({"text": text}), key=idempotency_key
        )

    def account_remove(self, address: str, *, force: bool = False, if_match: str = "") -> Account:
        """Remove an account and all its mail, for good. Right: change. `if_match`: only if it is still the
        version with this `etag`."""
        return self._link.ask(
            "DELETE",
            path_of("/accounts/{}", address),
            Account,
            query=given({}, ("force", force, False)),
            if_match=if_match,
        )

    def account_show(self, address: str) -> Tagged[Account]:
        """Show one account: its quota and what it holds, whether it is active, its role. Right: view."""
        return self._link.tagged("GET", path_of("/accounts/{}", address), Account)

    def account_active(
        self, address: str, *, active: bool, force: bool = False, now: bool = False, if_match: str = ""
    ) -> Account:
        """Let an account be used, or not: an inactive one receives no mail and nobody signs in to it. Your
        own is changed on probation. Right: change. `if_match`: only if it is still the version with this
        `etag`."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/active", address),
            Account,
            body=given({"active": active}, ("force", force, False), ("now", now, False)),
            if_match=if_match,
        )

    def account_factors_clear(self, address: str) -> Cleared:
        """Remove all second factors of an account, whose owner lost the phone: the password alone signs in
        again. Right: change."""
        return self._link.ask("DELETE", path_of("/accounts/{}/factors", address), Cleared)

    def account_forward_clear(self, address: str) -> Forward:
        """Remove the forward of an account; its mail stays in its mailbox. Right: change."""
        return self._link.ask("DELETE", path_of("/accounts/{}/forward", address), Forward)

    def account_forward(self, address: str) -> Forward:
        """Show where the mail of an account is forwarded to, and whether that works. Right: view."""
        return self._link.ask("GET", path_of("/accounts/{}/forward", address), Forward)

    def account_forward_set(
        self, address: str, *, targets: Sequence[str], keep: bool = True, active: bool = True
    ) -> Forward:
        """Forward the mail of an account. Where that fails, the mail is kept in its mailbox and its owner is
        told. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/forward", address),
            Forward,
            body=given({"targets": targets}, ("keep", keep, True), ("active", active, True)),
        )

    def account_password(self, address: str, *, password: str, if_match: str = "") -> Account:
        """Set an account's password; remembered sign-ins with the old one end within a second. That of an
        administrator asks for a fresh proof of the person. Right: change. `if_match`: only if it is still
        the version with this `etag`."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/password", address),
            Account,
            body=given({"password": password}),
            if_match=if_match,
        )

    def account_quota(self, address: str, *, quota: str, if_match: str = "") -> Account:
        """Set the most an account may hold. Mail over a lowered quota is kept; new mail is refused. Right:
        change. `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/quota", address),
            Account,
            body=given({"quota": quota}),
            if_match=if_match,
        )

    def account_role(
        self,
        address: str,
        *,
        role: Literal["server", "domain", "user"],
        domains: Sequence[str] = (),
        force: bool = False,
        now: bool = False,
        if_match: str = "",
    ) -> Account:
        """Make an account a server administrator, an administrator of some domains, or an ordinary user.
        Your own is changed on probation. Asks for a fresh proof of the person. Right: change. `if_match`:
        only if it is still the version with this `etag`."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/role", address),
            Account,
            body=given(
                {"role": role}, ("domains", domains, ()), ("force", force, False), ("now", now, False)
            ),
            if_match=if_match,
        )

    def account_remove_send_as(self, address: str, *, pattern: str) -> SendAsList:
        """Take the right to send as another address back. Right: change."""
        return self._link.ask(
            "DELETE", path_of("/accounts/{}/send-as", address), SendAsList, query=given({"pattern": pattern})
        )

    def account_send_as(self, address: str) -> SendAsList:
        """List the addresses that an account may send as, besides its own and the aliases that lead to it.
        Right: view."""
        return self._link.ask("GET", path_of("/accounts/{}/send-as", address), SendAsList)

    def account_add_send_as(self, address: str, *, pattern: str, idempotency_key: str = "") -> SendAsList:
        """Let an account send as another address, in the envelope and in From. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/accounts/{}/send-as", address),
            SendAsList,
            body=given({"pattern": pattern}),
            key=idempotency_key,
        )
