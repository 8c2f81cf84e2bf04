"""What is set of a sign-in source, and what of it cannot be."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal, get_args

import msgspec
from sansldap import LDAPFilter

from posthouse.database.urls import BadUrl, extra_for, parse
from posthouse.directory.errors import DirectoryError
from posthouse.directory.foreign_hashes import KINDS as HASHES
from posthouse.directory.names import domain_name
from posthouse.net.ldap import parse_url

Kind = Literal["ldap", "pam", "sql", "script"]
KINDS: tuple[str, ...] = get_args(Kind)

NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
LONGEST = 2000
MOST = 50
"""Most servers, domains or mappings of a source."""

_CLAUSE = {"user": "jane", "domain": "example.org", "address": "jane@example.org", "group": "cn=x"}


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a source; which matter depends on its kind. See docs/manual/ldap.md for each."""

    domains: list[str] = []
    create: bool = False
    cache_hours: int = 0
    timeout: int = 5
    connections: int = 8
    servers: list[str] = []
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
    maps: list[str] = []
    nested: bool = False
    sync_minutes: int = 0
    most_disabled: int = 20
    service: str = "posthouse"
    query: str = ""
    hash: str = ""
    command: list[str] = []


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """A source as it is kept."""

    name: str
    kind: str
    active: bool
    details: Details
    secret: str = field(default="", repr=False)
    synced_at: float = 0.0
    synced: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Members of ``group`` (a DN) get a role (``role``: server or domain), come into a group of ours (``group``) or
    onto a list (``list``)."""

    group: str
    kind: str
    name: str


def mapping_of(text: str) -> Mapping:
    """``CN=Staff,DC=example,DC=org => group:staff``. Raises ValueError."""
    group, arrow, into = (part.strip() for part in text.rpartition("=>"))
    kind, colon, name = into.partition(":")
    if not (arrow and group and colon and name) or kind not in ("role", "group", "list"):
        raise ValueError("write it like CN=Staff,DC=example,DC=org => group:staff")
    if kind == "role" and name not in ("server", "domain"):
        raise ValueError("the roles are role:server and role:domain")
    return Mapping(group, kind, name)


def check(config: SourceConfig, own_database: str = "") -> SourceConfig:
    """The settings in their normal form. Raises DirectoryError saying what does not fit."""
    if not config.name or len(config.name) > 40 or not set(config.name) <= NAME:
        raise _bad(f"{config.name[:60]!r} is no name for a source", "use a to z, 0 to 9, - and _, at most 40")
    if config.kind not in KINDS:
        raise _bad(f"{config.kind[:20]!r} is no kind of source", f"give one of {', '.join(KINDS)}")
    _check_sizes(config)
    details = msgspec.structs.replace(
        config.details, domains=sorted({domain_name(each) for each in config.details.domains})
    )
    for number, low, high, what in (
        (details.cache_hours, 0, 720, "cache_hours"),
        (details.timeout, 1, 15, "timeout"),
        (details.connections, 1, 100, "connections"),
        (details.sync_minutes, 0, 10080, "sync_minutes"),
        (details.most_disabled, 0, 100, "most_disabled"),
    ):
        if not low <= number <= high:
            raise _bad(f"{what} {number} is out of range", f"give {low} to {high}")
    if details.create and not details.domains:
        raise _bad("nobody can be taken in without a domain", "name the domains the source speaks for")
    if details.sync_minutes and config.kind != "ldap":
        raise _bad("only LDAP can be synchronised", "set sync_minutes to 0")
    _CHECKS[config.kind](details, config.secret, own_database)
    return SourceConfig(config.name, config.kind, config.active, details, config.secret)


def _check_sizes(config: SourceConfig) -> None:
    for name in Details.__struct_fields__:
        value = getattr(config.details, name)
        each_of = value if isinstance(value, list) else [value]
        if len(each_of) > MOST:
            raise _bad(f"{name} has too many entries", f"give at most {MOST}")
        for each in each_of:
            if isinstance(each, str) and (len(each) > LONGEST or not each.isprintable()):
                raise _bad(f"{name} is too long or holds strange characters", "check what was pasted")
    if len(config.secret) > LONGEST or "\0" in config.secret:
        raise _bad("the secret is too long or holds strange characters", "check what was pasted")


def _check_ldap(details: Details, secret: str, own_database: str) -> None:
    if not details.servers:
        raise _bad("no server is named", "give one such as ldaps://dc1.example.org")
    for each in details.servers:
        try:
            url = parse_url(each)
        except ValueError as problem:
            raise _bad(f"{each[:80]!r} is no LDAP server: {problem}", "correct it") from None
        if details.plain and url.tls:
            raise _bad("plain does not go with ldaps", "leave plain out")
    if details.ca_file and not os.path.isabs(details.ca_file):
        raise _bad("ca_file is no full path", "begin it with /")
    if details.bind_dn and not secret:
        raise _bad("bind_dn has no password", "give the password of the account that searches")
    if details.bind_template:
        _fill("bind_template", details.bind_template, ("user", "address"))
    elif not details.search_base:
        raise _bad("neither bind_template nor search_base is given", "give one of them")
    for name in ("search_filter", "sync_filter"):
        text = _fill(name, getattr(details, name), () if name == "sync_filter" else ("user", "address"))
        try:
            LDAPFilter.from_string(text)
        except ValueError:
            raise _bad(f"{name} is no LDAP filter", "write it like (mail={address})") from None
    if details.sync_minutes and not (details.search_base and details.bind_dn):
        raise _bad("a synchronisation needs search_base and bind_dn", "give both")
    if details.sync_minutes and not details.domains:
        raise _bad("a synchronisation needs domains", "name the domains the source speaks for")
    if not details.address_attribute:
        raise _bad("address_attribute is empty", "it is mail, as a rule")
    for each in details.maps:
        try:
            mapping_of(each)
        except ValueError as problem:
            raise _bad(f"{each[:80]!r} is no mapping: {problem}", "correct it") from None


def _fill(name: str, text: str, one_of: tuple[str, ...]) -> str:
    try:
        filled = text.format_map(_CLAUSE)
    except (KeyError, ValueError, IndexError, AttributeError):
        raise _bad(f"{name} holds unknown braces", "use {user}, {domain} and {address}") from None
    if one_of and not any("{" + each + "}" in text for each in one_of):
        raise _bad(f"{name} would be the same for everybody", "it needs {user} or {address}")
    return filled


def _check_pam(details: Details, secret: str, own_database: str) -> None:
    if not details.service or not set(details.service.lower()) <= NAME:
        raise _bad(f"{details.service[:40]!r} is no PAM service", "name a file of /etc/pam.d")


def _check_sql(details: Details, secret: str, own_database: str) -> None:
    try:
        url = parse(secret)
    except BadUrl as problem:
        raise _bad(str(problem).replace("database_url", "the URL"), "correct it") from None
    if url.get_backend_name() == "sqlite":
        path = os.path.realpath(url.database or "")
        if not os.path.isabs(url.database or ""):
            raise _bad("the file of a SQLite URL needs a full path", "write it with four slashes")
        if own_database and os.path.realpath(own_database) == path:
            raise _bad("that is this server's own database", "name another", "refused")
    elif extra_for(url) == "mssql":
        raise _bad("SQL Server cannot be asked as a source", "use PostgreSQL, MariaDB, MySQL or SQLite")
    words = details.query.split(None, 1)
    if not words or words[0].lower() not in ("select", "with") or ";" in details.query:
        raise _bad("the query is not one SELECT", "write it like SELECT hash FROM users WHERE name = :user")
    if ":user" not in details.query and ":address" not in details.query:
        raise _bad("the query asks for nobody", "it needs :address or :user (and :domain)")
    if details.hash and details.hash not in HASHES:
        raise _bad(f"{details.hash[:20]!r} is no kind of hash", f"give one of {', '.join(HASHES)}, or none")


def _check_script(details: Details, secret: str, own_database: str) -> None:
    if not details.command or not os.path.isabs(details.command[0]):
        raise _bad("the command is no full path", "begin it with /")


_CHECKS = {"ldap": _check_ldap, "pam": _check_pam, "sql": _check_sql, "script": _check_script}


def _bad(text: str, mend: str, kind: Literal["invalid", "refused"] = "invalid") -> DirectoryError:
    return DirectoryError(text, mend, kind)
