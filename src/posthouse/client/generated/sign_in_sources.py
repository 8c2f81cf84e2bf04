"""Sign-in sources. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class AccountSource(msgspec.Struct, frozen=True, kw_only=True):
    """`source`: where the account's password is judged, "" for a password of its own."""

    address: str
    source: str


class SourceList(msgspec.Struct, frozen=True, kw_only=True):
    """By name."""

    sources: list[SourceView]


class SourceSynced(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, or would be: addresses to `create`, `update`, `disable` and `enable`, `joins` and
    `leaves` of groups, lists and roles, and what was passed over. `refused`: why nothing would be done."""

    name: str
    create: list[str] = []
    update: list[str] = []
    disable: list[str] = []
    enable: list[str] = []
    joins: list[str] = []
    leaves: list[str] = []
    passed_over: list[str] = []
    refused: str = ""


class SourceTried(msgspec.Struct, frozen=True, kw_only=True):
    """`answer`: accept, refuse, not mine or unavailable; `known_as` and `facts` where the source tells them."""

    answer: str
    reason: str = ""
    known_as: str = ""
    facts: dict[str, str] = {}


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """A source (see adding one). `has_secret` instead of the secret; `accounts` sign in by it; `synced_at`
    in seconds since 1970, 0 for never, and `synced` how it went."""

    name: str
    kind: str
    active: bool
    has_secret: bool
    accounts: int
    synced_at: float
    synced: str
    domains: list[str]
    create: bool
    cache_hours: int
    timeout: int
    connections: int
    servers: list[str]
    plain: bool
    ca_file: str
    bind_template: str
    bind_dn: str
    search_base: str
    search_filter: str
    sync_filter: str
    address_attribute: str
    display_attribute: str
    first_attribute: str
    last_attribute: str
    maps: list[str]
    nested: bool
    sync_minutes: int
    most_disabled: int
    service: str
    query: str
    hash: str
    command: list[str]


class SignInSourcesCalls(Topic):
    """Calls of the topic Sign-in sources."""

    def source_assign(self, address: str, *, source: str) -> AccountSource:
        """Let an account sign in by a source, or by a password of its own again. Asks for a fresh proof of
        the person. Right: change."""
        return self._link.ask(
            "PUT", path_of("/accounts/{}/source", address), AccountSource, body=given({"source": source})
        )

    def source_list(self) -> SourceList:
        """List the sign-in sources, never their secrets. Right: view."""
        return self._link.ask("GET", "/signin-sources", SourceList)

    def source_add(
        self,
        *,
        name: str,
        kind: Literal["ldap", "pam", "sql", "script"],
        active: bool = True,
        secret: str = "",
        domains: Sequence[str] = (),
        create: bool = False,
        cache_hours: int = 0,
        timeout: int = 5,
        connections: int = 8,
        servers: Sequence[str] = (),
        plain: bool = False,
        ca_file: str = "",
        bind_template: str = "",
        bind_dn: str = "",
        search_base: str = "",
        search_filter: str = "(mail={address})",
        sync_filter: str = "(&(objectClass=person)(mail=*))",
        address_attribute: str = "mail",
        display_attribute: str = "displayName",
        first_attribute: str = "givenName",
        last_attribute: str = "sn",
        maps: Sequence[str] = (),
        nested: bool = False,
        sync_minutes: int = 0,
        most_disabled: int = 20,
        service: str = "posthouse",
        query: str = "",
        hash: str = "",
        command: Sequence[str] = (),
        idempotency_key: str = "",
    ) -> SourceView:
        """Add a place where passwords are judged: LDAP, PAM, a database or a script. Asks for a fresh proof
        of the person. Right: change."""
        return self._link.ask(
            "POST",
            "/signin-sources",
            SourceView,
            body=given(
                {"name": name, "kind": kind},
                ("active", active, True),
                ("secret", secret, ""),
                ("domains", domains, ()),
                ("create", create, False),
                ("cache_hours", cache_hours, 0),
                ("timeout", timeout, 5),
                ("connections", connections, 8),
                ("servers", servers, ()),
                ("plain", plain, False),
                ("ca_file", ca_file, ""),
                ("bind_template", bind_template, ""),
                ("bind_dn", bind_dn, ""),
                ("search_base", search_base, ""),
                ("search_filter", search_filter, "(mail={address})"),
                ("sync_filter", sync_filter, "(&(objectClass=person)(mail=*))"),
                ("address_attribute", address_attribute, "mail"),
                ("display_attribute", display_attribute, "displayName"),
                ("first_attribute", first_attribute, "givenName"),
                ("last_attribute", last_attribute, "sn"),
                ("maps", maps, ()),
                ("nested", nested, False),
                ("sync_minutes", sync_minutes, 0),
                ("most_disabled", most_disabled, 20),
                ("service", service, "posthouse"),
                ("query", query, ""),
                ("hash", hash, ""),
                ("command", command, ()),
            ),
            key=idempotency_key,
        )

    def source_remove(self, name: str, *, if_match: str = "") -> SourceView:
        """Remove a sign-in source that no account uses. Asks for a fresh proof of the person. Right: change.
        `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask("DELETE", path_of("/signin-sources/{}", name), SourceView, if_match=if_match)

    def source_show(self, name: str) -> Tagged[SourceView]:
        """Show a sign-in source, never its secret. Right: view."""
        return self._link.tagged("GET", path_of("/signin-sources/{}", name), SourceView)

    def source_change(
        self,
        name: str,
        *,
        active: bool | None = None,
        secret: str | None = None,
        domains: Sequence[str] | None = None,
        create: bool | None = None,
        cache_hours: int | None = None,
        timeout: int | None = None,
        connections: int | None = None,
        servers: Sequence[str] | None = None,
        plain: bool | None = None,
        ca_file: str | None = None,
        bind_template: str | None = None,
        bind_dn: str | None = None,
        search_base: str | None = None,
        search_filter: str | None = None,
        sync_filter: str | None = None,
        address_attribute: str | None = None,
        display_attribute: str | None = None,
        first_attribute: str | None = None,
        last_attribute: str | None = None,
        maps: Sequence[str] | None = None,
        nested: bool | None = None,
        sync_minutes: int | None = None,
        most_disabled: int | None = None,
        service: str | None = None,
        query: str | None = None,
        hash: str | None = None,
        command: Sequence[str] | None = None,
        if_match: str = "",
    ) -> SourceView:
        """Change a sign-in source. Asks for a fresh proof of the person. Right: change. `if_match`: only if
        it is still the version with this `etag`."""
        return self._link.ask(
            "PATCH",
            path_of("/signin-sources/{}", name),
            SourceView,
            body=given(
                {},
                ("active", active, None),
                ("secret", secret, None),
                ("domains", domains, None),
                ("create", create, None),
                ("cache_hours", cache_hours, None),
                ("timeout", timeout, None),
                ("connections", connections, None),
                ("servers", servers, None),
                ("plain", plain, None),
                ("ca_file", ca_file, None),
                ("bind_template", bind_template, None),
                ("bind_dn", bind_dn, None),
                ("search_base", search_base, None),
                ("search_filter", search_filter, None),
                ("sync_filter", sync_filter, None),
                ("address_attribute", address_attribute, None),
                ("display_attribute", display_attribute, None),
                ("first_attribute", first_attribute, None),
                ("last_attribute", last_attribute, None),
                ("maps", maps, None),
                ("nested", nested, None),
                ("sync_minutes", sync_minutes, None),
                ("most_disabled", most_disabled, None),
                ("service", service, None),
                ("query", query, None),
                ("hash", hash, None),
                ("command", command, None),
            ),
            if_match=if_match,
        )

    def source_preview(self, name: str, *, idempotency_key: str = "") -> SourceSynced:
        """Show what a synchronisation with a directory would do, and do nothing. Right: change."""
        return self._link.ask(
            "POST", path_of("/signin-sources/{}/preview", name), SourceSynced, key=idempotency_key
        )

    def source_sync(self, name: str, *, force: bool = False, idempotency_key: str = "") -> SourceSynced:
        """Make, name and switch off accounts as a directory says; none is ever removed. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/signin-sources/{}/sync", name),
            SourceSynced,
            body=given({}, ("force", force, False)),
            key=idempotency_key,
        )

    def source_test(
        self, name: str, *, address: str, password: str, idempotency_key: str = ""
    ) -> SourceTried:
        """Ask a source about an address and a password, and tell what it says. Nobody is signed in, nothing
        is made. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/signin-sources/{}/test", name),
            SourceTried,
            body=given({"address": address, "password": password}),
            key=idempotency_key,
        )
