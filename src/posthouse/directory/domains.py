"""What a domain is like: its switch, its other names, where mail for nobody goes, its limits, what its new accounts are
given; and the templates new domains are made from. All functions are ops and raise :class:`DirectoryError`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from time import time
from typing import Any

from posthouse.cluster.contract import Feed
from posthouse.database.contract import DuplicateKey, Transaction
from posthouse.directory import details, domain_records, naming, records, removed_records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name, target_address
from posthouse.directory.versions import DIRECTORY, bump

PLUS = "+-_#=~."
"""Characters that may stand before the detail of an address."""

MOST = 2**62
MOST_NAMES = 100
"""Other names of one domain."""

MOST_TEMPLATES = 200
_SIZES = ("max_size", "max_message", "max_account", "quota")
_COUNTS = ("max_accounts", "max_aliases", "max_lists")
LIMITS = (*_SIZES[:3], *_COUNTS)
"""Properties that bound what is done in a domain: only the server's administrator sets them."""


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of a domain; sizes in bytes, limits 0 where there is none.

    ``active``: mail is taken, people may sign in. ``plus``: the character before the detail of an address, "" for none;
    ``plus_folder``: a detail chooses the folder of its name. ``catch_all``: who gets mail for addresses that nobody
    has; ``postmaster``: who gets that for the postmaster where nobody has this very address. ``max_size``: all
    mailboxes together, by what is in them. ``quota``, ``language``, ``time_zone``, ``protocols``: what new accounts are
    given.
    """

    active: bool = True
    plus: str = "+"
    plus_folder: bool = False
    catch_all: str = ""
    postmaster: str = ""
    max_size: int = 0
    max_message: int = 0
    max_account: int = 0
    max_accounts: int = 0
    max_aliases: int = 0
    max_lists: int = 0
    quota: int = 0
    language: str = ""
    time_zone: str = ""
    protocols: tuple[str, ...] = ()


_GIVEN = ("quota", "language", "time_zone", "protocols")
_NAMES = tuple(field.name for field in fields(Properties))


def properties_of(tx: Transaction, domain_id: int) -> Properties:
    """The properties of a domain that is there."""
    row = tx.execute(domain_records.SELECT_PROPERTIES, {"of_id": domain_id})[0]
    given = json.loads(row[11]) if row[11] else {}
    return Properties(
        bool(row[0]),
        row[1],
        bool(row[2]),
        row[3],
        row[4],
        int(row[5]),
        int(row[6]),
        int(row[7]),
        int(row[8]),
        int(row[9]),
        int(row[10]),
        quota=int(given.get("quota", 0)),
        language=given.get("language", ""),
        time_zone=given.get("time_zone", ""),
        protocols=tuple(given.get("protocols", ())),
    )


def change(
    tx: Transaction, name: str, wanted: Mapping[str, Any], *, feed: Feed | None = None
) -> tuple[Properties, Properties]:
    """Change the properties that are given, by their names; what they were and what they are then."""
    domain_id = naming.domain_id(tx, domain_name(name))
    before = properties_of(tx, domain_id)
    after = checked(replace(before, **wanted))
    if after != before:
        _write(tx, domain_id, after)
        bump(tx, DIRECTORY, feed)
    return before, after


def checked(wanted: Properties) -> Properties:
    """Properties in their normal form."""
    if wanted.plus and (len(wanted.plus) != 1 or wanted.plus not in PLUS):
        raise DirectoryError(
            f"{wanted.plus[:20]!r} cannot stand before the detail of an address",
            f"choose one of {' '.join(PLUS)}, or none",
        )
    for name in (*_SIZES, *_COUNTS):
        value = getattr(wanted, name)
        if not 0 <= value <= MOST:
            raise DirectoryError(f"{value} is no limit", "give a positive number, or 0 for none")
    if wanted.max_account and wanted.quota > wanted.max_account:
        raise DirectoryError(
            "the quota of new accounts is larger than an account of this domain may have",
            "give a smaller quota, or a larger limit",
        )
    given = details.clean(
        details.Change(
            language=wanted.language, time_zone=wanted.time_zone, protocols=tuple(wanted.protocols)
        )
    )
    protocols = str(given["protocols"])
    return replace(
        wanted,
        catch_all=_address(wanted.catch_all),
        postmaster=_address(wanted.postmaster),
        language=str(given["language"]),
        time_zone=str(given["time_zone"]),
        protocols=tuple(protocols.split(",")) if protocols else (),
    )


def quota_for_new(tx: Transaction, domain_id: int) -> int:
    """The quota of a new account of which nothing is said: the domain's default, else the most it may have."""
    defaults, most = tx.execute(domain_records.SELECT_DEFAULTS, {"of_id": domain_id})[0]
    given = int(json.loads(defaults).get("quota", 0)) if defaults else 0
    return given or int(most)


def give_defaults(tx: Transaction, domain_id: int, account_id: int) -> None:
    """Give a new account what its domain has for new accounts."""
    found = properties_of(tx, domain_id)
    if found.language or found.time_zone or found.protocols:
        wanted = details.Change(language=found.language, time_zone=found.time_zone, protocols=found.protocols)
        details.change(tx, account_id, wanted)


# ---------------------------------------------------------------------------------------------- other names


def names_of(tx: Transaction, domain_id: int) -> list[str]:
    """The other names of a domain."""
    return [row[0] for row in tx.execute(domain_records.SELECT_NAMES, {"domain_id": domain_id})]


def check_free(tx: Transaction, name: str) -> None:
    """Refuse a name (in normal form) that a domain has already, as its own or another."""
    if tx.execute(records.SELECT_DOMAIN, {"name": name}):
        raise DirectoryError(f"domain {name} exists already", "list domains to see it", "exists")
    rows = tx.execute(domain_records.SELECT_NAME, {"name": name})
    if rows:
        raise DirectoryError(
            f"{name} is another name of domain {rows[0][1]} already", "take it from there first", "exists"
        )
    if tx.execute(removed_records.SELECT_DOMAIN, {"name": name}):
        raise DirectoryError(
            f"domain {name} was removed and may come back", "restore it, or remove it for good", "exists"
        )


def add_name(tx: Transaction, domain: str, other: str, *, feed: Feed | None = None) -> str:
    """Let a domain have another name; returns it in its normal form."""
    other = domain_name(other)
    domain_id = naming.domain_id(tx, domain_name(domain))
    check_free(tx, other)
    if len(names_of(tx, domain_id)) >= MOST_NAMES:
        raise DirectoryError(
            f"a domain may have {MOST_NAMES} other names", "remove one that is not needed", "refused"
        )
    try:
        values = {"domain_id": domain_id, "name": other, "created_at": time()}
        tx.insert(domain_records.INSERT_NAME, values)
    except DuplicateKey:
        raise DirectoryError(
            f"{other} was just given to another domain", "look at it again", "exists"
        ) from None
    bump(tx, DIRECTORY, feed)
    return other


def remove_name(tx: Transaction, domain: str, other: str, *, feed: Feed | None = None) -> str:
    """Take another name from a domain; returns it in its normal form."""
    other, name = domain_name(other), domain_name(domain)
    naming.domain_id(tx, name)
    rows = tx.execute(domain_records.SELECT_NAME, {"name": other})
    if not rows or rows[0][1] != name:
        raise DirectoryError(f"{other} is no other name of {name}", "show the domain to see them", "missing")
    tx.change(domain_records.DELETE_NAME, {"of_id": rows[0][0]})
    bump(tx, DIRECTORY, feed)
    return other


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """Delete the other names of a domain that is given up."""
    tx.change(domain_records.DELETE_NAMES, {"domain_id": domain_id})


# ---------------------------------------------------------------------------------------------- templates


@dataclass(frozen=True, slots=True)
class Template:
    """Properties by a name, that new domains are made from."""

    name: str
    properties: Properties


def templates(tx: Transaction) -> list[Template]:
    """All templates by name."""
    return [Template(row[0], _loaded(row[1])) for row in tx.execute(domain_records.SELECT_TEMPLATES)]


def template(tx: Transaction, name: str) -> Template:
    """The template of this name."""
    rows = tx.execute(domain_records.SELECT_TEMPLATE, {"name": template_name(name)})
    if not rows:
        raise DirectoryError(
            f"there is no template {name[:80]!r}", "list the templates to see those there are", "missing"
        )
    return Template(rows[0][0], _loaded(rows[0][1]))


def save_template(tx: Transaction, name: str, properties: Properties) -> Template:
    """Keep properties under a name, in place of what is there."""
    wanted = Template(template_name(name), checked(properties))
    content = json.dumps(asdict(wanted.properties), ensure_ascii=True)
    if tx.change(domain_records.UPDATE_TEMPLATE, {"of_name": wanted.name, "new_content": content}):
        return wanted
    if len(tx.execute(domain_records.SELECT_TEMPLATES)) >= MOST_TEMPLATES:
        raise DirectoryError(f"there are {MOST_TEMPLATES} templates already", "remove one first", "refused")
    values = {"name": wanted.name, "content": content, "created_at": time()}
    tx.upsert(
        domain_records.templates,
        {"name": wanted.name},
        {key: values[key] for key in ("content", "created_at")},
    )
    return wanted


def remove_template(tx: Transaction, name: str) -> Template:
    """Remove a template; what was made from it stays as it is."""
    found = template(tx, name)
    tx.change(domain_records.DELETE_TEMPLATE, {"of_name": found.name})
    return found


def template_name(text: str) -> str:
    """The name of a template in its normal form."""
    name = " ".join(text.split())
    if not name or len(name) > 80 or not name.isprintable() or "/" in name:
        raise DirectoryError(
            f"{text[:80]!r} is no name for a template",
            "give up to 80 characters on one line, without a slash",
        )
    return name


def start_with(tx: Transaction, domain_id: int, name: str) -> None:
    """Give a new domain the properties of a template."""
    _write(tx, domain_id, template(tx, name).properties)


def _loaded(content: str) -> Properties:
    """What a template holds; what later versions put into it is left out."""
    found = {name: value for name, value in json.loads(content).items() if name in _NAMES}
    return Properties(**{**found, "protocols": tuple(found.get("protocols", ()))})


def _write(tx: Transaction, domain_id: int, wanted: Properties) -> None:
    values = {f"new_{name}": value for name, value in asdict(wanted).items() if name not in _GIVEN}
    given = {name: getattr(wanted, name) for name in _GIVEN if getattr(wanted, name)}
    values["new_active"], values["new_plus_folder"] = int(wanted.active), int(wanted.plus_folder)
    values["new_defaults"] = json.dumps(given) if given else None
    tx.change(domain_records.UPDATE_PROPERTIES, {"of_id": domain_id, **values})


def _address(text: str) -> str:
    return str(target_address(text)) if text.strip() else ""
