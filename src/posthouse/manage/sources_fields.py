"""What is given and shown of sign-in sources."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from posthouse.directory.sources_config import Details, Kind, SourceConfig
from posthouse.manage.use import Private


class NewSource(Private, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A source. ``domains``: whose unknown logins it judges and whom it may bring in; ``create``: an account is made at
    the first sign-in; ``cache_hours``: how long its last password opens an account while it cannot be asked (0: not);
    ``timeout`` in seconds; ``connections``: sign-ins under way at once. ``secret``: the password of ``bind_dn``, or the
    URL of the database.

    ``ldap``: ``servers`` (ldaps://host, or ldap://host with StartTLS, unless ``plain``), ``ca_file``, either
    ``bind_template`` or ``bind_dn`` with ``search_base`` and ``search_filter``, the attributes, ``sync_filter``,
    ``sync_minutes`` (0: never), ``most_disabled`` in percent, ``maps`` (``DN => group:NAME``, ``list:ADDRESS``,
    ``role:server`` or ``role:domain``), ``nested`` (members of members, Active Directory only). ``pam``: ``service``.
    ``sql``: ``query`` and the kind of ``hash``, "" where it says itself what it is. ``script``: ``command``."""

    name: str
    kind: Kind
    active: bool = True
    secret: str = ""
    domains: list[str] = msgspec.field(default_factory=list)
    create: bool = False
    cache_hours: int = 0
    timeout: int = 5
    connections: int = 8
    servers: list[str] = msgspec.field(default_factory=list)
    plain: bool = False
    ca_file: str = ""
    bind_template: str = ""
    bind_dn: str = ""
    search_base: str = ""
    search_filter: str = "(mail={address})"
    sync_filter: str = "(&(objectClass=person)(mail=*))"
    address_attribute: str = "mail"
    display_attribute: str = "displayName"
    first_attribute: str = "givenName"
    last_attribute: str = "sn"
    maps: list[str] = msgspec.field(default_factory=list)
    nested: bool = False
    sync_minutes: int = 0
    most_disabled: int = 20
    service: str = "posthouse"
    query: str = ""
    hash: str = ""
    command: list[str] = msgspec.field(default_factory=list)


class SourceChange(Private, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays as it is (see adding a source). Passwords kept for an outage are forgotten. With other
    servers, or another database, the secret has to be given again."""

    name: str
    active: bool | None = None
    secret: str | None = None
    domains: list[str] | None = None
    create: bool | None = None
    cache_hours: int | None = None
    timeout: int | None = None
    connections: int | None = None
    servers: list[str] | None = None
    plain: bool | None = None
    ca_file: str | None = None
    bind_template: str | None = None
    bind_dn: str | None = None
    search_base: str | None = None
    search_filter: str | None = None
    sync_filter: str | None = None
    address_attribute: str | None = None
    display_attribute: str | None = None
    first_attribute: str | None = None
    last_attribute: str | None = None
    maps: list[str] | None = None
    nested: bool | None = None
    sync_minutes: int | None = None
    most_disabled: int | None = None
    service: str | None = None
    query: str | None = None
    hash: str | None = None
    command: list[str] | None = None


class SourceName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source."""

    name: str


class SourceTrial(Private, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Try a sign-in. With an empty ``password`` nothing is asked."""

    name: str
    address: str
    password: str


class SourceSync(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``force``: also when more accounts would be switched off than the source allows at once."""

    name: str
    force: bool = False


class AccountSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``source``: where the account's password is judged, "" for a password of its own."""

    address: str
    source: str


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """A source (see adding one). ``has_secret`` instead of the secret; ``accounts`` sign in by it; ``synced_at`` in
    seconds since 1970, 0 for never, and ``synced`` how it went."""

    volatile: ClassVar[frozenset[str]] = frozenset(("accounts", "synced_at", "synced"))

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


class SourceList(msgspec.Struct, frozen=True):
    """By name."""

    sources: list[SourceView]


class SourceTried(msgspec.Struct, frozen=True):
    """``answer``: accept, refuse, not mine or unavailable; ``known_as`` and ``facts`` where the source tells them."""

    answer: str
    reason: str = ""
    known_as: str = ""
    facts: dict[str, str] = {}


class SourceSynced(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, or would be: addresses to ``create``, ``update``, ``disable`` and ``enable``, ``joins`` and
    ``leaves`` of groups, lists and roles, and what was passed over. ``refused``: why nothing would be done."""

    name: str
    create: list[str] = msgspec.field(default_factory=list)
    update: list[str] = msgspec.field(default_factory=list)
    disable: list[str] = msgspec.field(default_factory=list)
    enable: list[str] = msgspec.field(default_factory=list)
    joins: list[str] = msgspec.field(default_factory=list)
    leaves: list[str] = msgspec.field(default_factory=list)
    passed_over: list[str] = msgspec.field(default_factory=list)
    refused: str = ""


def details_of(values: Any) -> dict[str, Any]:
    """Those of the settings that were given."""
    return {
        name: getattr(values, name) for name in Details.__struct_fields__ if getattr(values, name) is not None
    }


def view_of(config: SourceConfig, accounts: int) -> SourceView:
    """A source as it is shown."""
    return SourceView(
        name=config.name,
        kind=config.kind,
        active=config.active,
        has_secret=bool(config.secret),
        accounts=accounts,
        synced_at=config.synced_at,
        synced=config.synced,
        **details_of(config.details),
    )


def facts(config: SourceConfig) -> dict[str, Any]:
    """For the audit: never the secret, and of a command only its program."""
    values = details_of(config.details)
    values["command"] = config.details.command[:1] + (["…"] if len(config.details.command) > 1 else [])
    return {"kind": config.kind, "active": config.active, **values}
