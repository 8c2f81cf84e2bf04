"""Accounts. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.generated.shared import (
    Account,
    Csv,
    Forward,
    Masked,
    MaskedList,
    ShownArchive,
    ShownAutoReply,
    ShownSignature,
)
from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class Accounts(msgspec.Struct, frozen=True, kw_only=True):
    """By address. `next` is the `after` of the page that follows, "" on the last; `total` counts all."""

    accounts: list[Account]
    next: str = ""
    total: int = 0


class AppPasswordsOnly(msgspec.Struct, frozen=True, kw_only=True):
    """Whether mail programs of this account must use an app password."""

    address: str
    only: bool


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """How many factors and recovery codes were removed."""

    address: str
    removed: int


class Emptied(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages went."""

    address: str
    messages: int


class FurtherAddress(msgspec.Struct, frozen=True, kw_only=True):
    """`signin`: the account may be signed in to with it."""

    address: str
    signin: bool


class FurtherAddresses(msgspec.Struct, frozen=True, kw_only=True):
    """The further addresses of an account, by address."""

    address: str
    addresses: list[FurtherAddress]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses that were added, and how many lines were passed over."""

    added: list[str]
    skipped: int = 0


class SendAsList(msgspec.Struct, frozen=True, kw_only=True):
    """The patterns of addresses that an account may send as besides its own."""

    address: str
    patterns: list[str]


class SignedOut(msgspec.Struct, frozen=True, kw_only=True):
    """How many browsers were signed out, and how many connections of mail programs ended."""

    address: str
    browsers: int
    connections: int


class TakenOver(msgspec.Struct, frozen=True, kw_only=True):
    """Whose hash was taken over."""

    address: str


class WithoutKeys(msgspec.Struct, frozen=True, kw_only=True):
    """An account that cannot use SCRAM. `why`: `imported` (a hash of another server, not used yet), `source`
    (its password is judged outside) or `app password` (it has one that has not expired)."""

    address: str
    why: str


class WithoutScram(msgspec.Struct, frozen=True, kw_only=True):
    """By address. `next` is the `after` of the page that follows, "" on the last; `total` counts all of
    them. `announced`: whether SCRAM is announced all the same, or just now (see the setting signin.scram)."""

    accounts: list[WithoutKeys]
    next: str = ""
    total: int = 0
    announced: bool = True


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
        self,
        *,
        address: str,
        password: str,
        quota: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        display_name: str | None = None,
        language: str | None = None,
        time_zone: str | None = None,
        note: str | None = None,
        max_message: str | None = None,
        protocols: Sequence[str] | None = None,
        networks: Sequence[str] | None = None,
        idempotency_key: str = "",
    ) -> Account:
        """Add an account with its mailboxes. Right: change."""
        return self._link.ask(
            "POST",
            "/accounts",
            Account,
            body=given(
                {"address": address, "password": password},
                ("quota", quota, None),
                ("first_name", first_name, None),
                ("last_name", last_name, None),
                ("display_name", display_name, None),
                ("language", language, None),
                ("time_zone", time_zone, None),
                ("note", note, None),
                ("max_message", max_message, None),
                ("protocols", protocols, None),
                ("networks", networks, None),
            ),
            key=idempotency_key,
        )

    def account_without_scram(self, *, limit: int = 200, after: str = "") -> WithoutScram:
        """List the accounts that keep SCRAM from being announced (see `signin.scram`). Right: view."""
        return self._link.ask(
            "GET",
            "/accounts-without-scram",
            WithoutScram,
            query=given({}, ("limit", limit, 200), ("after", after, "")),
        )

    def account_export(self, *, domain: str | None = None, idempotency_key: str = "") -> Csv:
        """Write the accounts, of one domain or of all, as CSV with the columns that account.import reads.
        Passwords cannot be read back: add a column for them before such a file is imported elsewhere. Right:
        view."""
        return self._link.ask(
            "POST", "/accounts/export", Csv, body=given({}, ("domain", domain, None)), key=idempotency_key
        )

    def account_import(self, *, text: str, skip: bool = False, idempotency_key: str = "") -> Imported:
        """Add all accounts of a CSV file. Everything is checked first: with any problem nothing is added.
        Right: change."""
        return self._link.ask(
            "POST",
            "/accounts/import",
            Imported,
            body=given({"text": text}, ("skip", skip, False)),
            key=idempotency_key,
        )

    def account_remove(
        self, address: str, *, force: bool = False, purge: bool = False, if_match: str = ""
    ) -> Account:
        """Remove an account and all its mail. It can be restored for some days, unless it is removed for
        good at once. Right: change. `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask(
            "DELETE",
            path_of("/accounts/{}", address),
            Account,
            query=given({}, ("force", force, False), ("purge", purge, False)),
            if_match=if_match,
        )

    def account_show(self, address: str) -> Tagged[Account]:
        """Show one account: its quota and what it holds, whether it is active, its role. Right: view."""
        return self._link.tagged("GET", path_of("/accounts/{}", address), Account)

    def account_change(
        self,
        address: str,
        *,
        first_name: str | None = None,
        last_name: str | None = None,
        display_name: str | None = None,
        language: str | None = None,
        time_zone: str | None = None,
        note: str | None = None,
        max_message: str | None = None,
        protocols: Sequence[str] | None = None,
        networks: Sequence[str] | None = None,
        if_match: str = "",
    ) -> Account:
        """Change what is known of an account: names, language, time zone, note, the largest message it
        takes, and by which protocols and from which networks it may be signed in to. Right: change.
        `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask(
            "PATCH",
            path_of("/accounts/{}", address),
            Account,
            body=given(
                {},
                ("first_name", first_name, None),
                ("last_name", last_name, None),
                ("display_name", display_name, None),
                ("language", language, None),
                ("time_zone", time_zone, None),
                ("note", note, None),
                ("max_message", max_message, None),
                ("protocols", protocols, None),
                ("networks", networks, None),
            ),
            if_match=if_match,
        )

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

    def account_rename(self, address: str, *, new: str, keep: bool = True, if_match: str = "") -> Account:
        """Give an account another address; its mail, password and everything else stay. What leads to the
        old address still gets there while that is kept. Right: change. `if_match`: only if it is still the
        version with this `etag`."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/address", address),
            Account,
            body=given({"new": new}, ("keep", keep, True)),
            if_match=if_match,
        )

    def account_addresses(self, address: str) -> FurtherAddresses:
        """List the further addresses of an account. Right: view."""
        return self._link.ask("GET", path_of("/accounts/{}/addresses", address), FurtherAddresses)

    def account_address_add(
        self, address: str, *, further: str, signin: bool | None = None, idempotency_key: str = ""
    ) -> FurtherAddresses:
        """Give an account a further address: mail for it is the account's, and it may send as it. Right:
        change."""
        return self._link.ask(
            "POST",
            path_of("/accounts/{}/addresses", address),
            FurtherAddresses,
            body=given({"further": further}, ("signin", signin, None)),
            key=idempotency_key,
        )

    def account_address_remove(self, address: str, further: str) -> FurtherAddresses:
        """Take a further address away from an account; mail for it is refused from then on. Right: change."""
        return self._link.ask(
            "DELETE", path_of("/accounts/{}/addresses/{}", address, further), FurtherAddresses
        )

    def account_app_passwords_only(self, address: str, *, only: bool) -> AppPasswordsOnly:
        """Let an account's own password open only the pages, so that mail programs need app passwords; or
        let it be. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/app-passwords-only", address),
            AppPasswordsOnly,
            body=given({"only": only}),
        )

    def account_archive_clear(self, address: str) -> ShownArchive:
        """Remove the archive rule of an account; what was archived stays where it is. Right: change."""
        return self._link.ask("DELETE", path_of("/accounts/{}/archive", address), ShownArchive)

    def account_archive(self, address: str) -> ShownArchive:
        """Show the archive rule of an account. Right: view."""
        return self._link.ask("GET", path_of("/accounts/{}/archive", address), ShownArchive)

    def account_archive_set(
        self,
        address: str,
        *,
        mail: Literal["all", "received", "sent"] = "all",
        action: Literal["copy", "move"] = "move",
        days: int = 365,
        folder: str = "Archive/%YEAR%/%MONTH%",
        active: bool = True,
    ) -> ShownArchive:
        """Set the archive rule of an account. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/archive", address),
            ShownArchive,
            body=given(
                {},
                ("mail", mail, "all"),
                ("action", action, "move"),
                ("days", days, 365),
                ("folder", folder, "Archive/%YEAR%/%MONTH%"),
                ("active", active, True),
            ),
        )

    def account_auto_reply_clear(self, address: str) -> ShownAutoReply:
        """Remove the automatic reply of an account. Right: change."""
        return self._link.ask("DELETE", path_of("/accounts/{}/auto-reply", address), ShownAutoReply)

    def account_auto_reply(self, address: str) -> ShownAutoReply:
        """Show what an account answers automatically. Right: view."""
        return self._link.ask("GET", path_of("/accounts/{}/auto-reply", address), ShownAutoReply)

    def account_auto_reply_set(
        self,
        address: str,
        *,
        plain: str = "",
        html: str = "",
        subject: str = "",
        active: bool = True,
        starts_at: float = 0.0,
        ends_at: float = 0.0,
        days: int = 7,
        audience: Literal["everyone", "domain", "outside"] = "everyone",
    ) -> ShownAutoReply:
        """Set what an account answers automatically. When its words change everybody may get it once more.
        Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/auto-reply", address),
            ShownAutoReply,
            body=given(
                {},
                ("plain", plain, ""),
                ("html", html, ""),
                ("subject", subject, ""),
                ("active", active, True),
                ("starts_at", starts_at, 0.0),
                ("ends_at", ends_at, 0.0),
                ("days", days, 7),
                ("audience", audience, "everyone"),
            ),
        )

    def account_empty(self, address: str, *, if_match: str = "", idempotency_key: str = "") -> Emptied:
        """Remove all messages of an account; its folders stay. Where removed mail is kept for a while, its
        owner can have it back. Asks for a fresh proof of the person. Right: change. `if_match`: only if it
        is still the version with this `etag`."""
        return self._link.ask(
            "POST", path_of("/accounts/{}/empty", address), Emptied, if_match=if_match, key=idempotency_key
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
        self,
        address: str,
        *,
        targets: Sequence[str],
        keep: bool = True,
        active: bool = True,
        not_spam: bool = False,
        sender: str = "",
        recipient: str = "",
        subject: str = "",
        max_size: int = 0,
        starts_at: float = 0.0,
        ends_at: float = 0.0,
    ) -> Forward:
        """Forward the mail of an account. Where that fails, the mail is kept in its mailbox and its owner is
        told. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/forward", address),
            Forward,
            body=given(
                {"targets": targets},
                ("keep", keep, True),
                ("active", active, True),
                ("not_spam", not_spam, False),
                ("sender", sender, ""),
                ("recipient", recipient, ""),
                ("subject", subject, ""),
                ("max_size", max_size, 0),
                ("starts_at", starts_at, 0.0),
                ("ends_at", ends_at, 0.0),
            ),
        )

    def account_masked(self, address: str) -> MaskedList:
        """List the masked addresses that the owner of an account made. Right: view."""
        return self._link.ask("GET", path_of("/accounts/{}/masked", address), MaskedList)

    def account_masked_remove(self, address: str, masked: str) -> Masked:
        """Throw a masked address of an account away; mail for it is refused from then on. Right: change."""
        return self._link.ask("DELETE", path_of("/accounts/{}/masked/{}", address, masked), Masked)

    def account_masked_switch(self, address: str, masked: str, *, active: bool) -> Masked:
        """Switch a masked address of an account on or off. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/masked/{}/active", address, masked),
            Masked,
            body=given({"active": active}),
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

    def account_import_hash(
        self,
        address: str,
        *,
        password_hash: str,
        kind: Literal["plain", "blowfish", "md5", "sha256", "phc", "scheme"] | None = None,
    ) -> TakenOver:
        """Take over the hash of an account's password from another server; it is replaced at the first
        sign-in. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/password-hash", address),
            TakenOver,
            body=given({"password_hash": password_hash}, ("kind", kind, None)),
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

    def account_sign_out(self, address: str, *, idempotency_key: str = "") -> SignedOut:
        """Sign an account out everywhere: its browsers, and the connections of its mail programs (a locked
        POP3 mailbox is free again). With the password they may come again. Right: change."""
        return self._link.ask(
            "POST", path_of("/accounts/{}/sign-out", address), SignedOut, key=idempotency_key
        )

    def account_signature(self, address: str) -> ShownSignature:
        """Show the signature of an account. Right: view."""
        return self._link.ask("GET", path_of("/accounts/{}/signature", address), ShownSignature)

    def account_signature_set(
        self,
        address: str,
        *,
        plain: str = "",
        html: str = "",
        active: bool = True,
        replies: bool = False,
        within: bool = True,
    ) -> ShownSignature:
        """Set or remove the signature of an account. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/accounts/{}/signature", address),
            ShownSignature,
            body=given(
                {},
                ("plain", plain, ""),
                ("html", html, ""),
                ("active", active, True),
                ("replies", replies, False),
                ("within", within, True),
            ),
        )
