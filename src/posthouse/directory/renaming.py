"""A domain gets another name, in one unit: whatever tells it or an address in it by the old name tells the new one.

Accounts, groups and lists are meant by their ids almost everywhere (rights on folders, members of groups, sessions, app
passwords, keys, administrators of domains), and need nothing. What is left stands in ``rename_records.PLACES``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import domains, naming, routes
from posthouse.directory import rename_records as records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name
from posthouse.directory.stored import put_setting, setting_values
from posthouse.directory.versions import DIRECTORY, bump

SETTINGS = (
    "certificates.contact",
    "notices.postmaster",
    "oauth.provider_domains",
    "oidc.domains",
    "sendmail.domain",
    "tlsrpt.contact",
)
"""Settings that hold addresses or domains. Names of hosts (``server.hostname``, certificates) are not domains of mail:
their DNS records have to be there first."""


@dataclass(frozen=True, slots=True)
class Naming:
    """The old name and the new one, in their normal forms."""

    old: str
    new: str
    _word: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        word = re.compile(rf"(?<![^\s,;@]){re.escape(self.old)}(?![^\s,;])")
        object.__setattr__(self, "_word", word)

    def address(self, text: str) -> str:
        """An address (or pattern) of the domain, or its name alone, by the new name; others as they are."""
        local, at, domain = text.rpartition("@")
        return f"{local}{at}{self.new}" if domain == self.old else text

    def each(self, text: str) -> str:
        """The same for all addresses and names in a text, parted by blanks, commas or lines."""
        return self._word.sub(self.new, text)


def rename_domain(
    tx: Transaction, name: str, new: str, *, keep: bool = True, feed: Feed | None = None
) -> Naming:
    """Give a domain another name. ``keep``: the old one stays another name of it, so that mail for it still comes. The
    new name may be one of its other names. Raises DirectoryError."""
    change = Naming(domain_name(name), domain_name(new))
    domain_id = naming.domain_id(tx, change.old)
    if change.new == change.old:
        raise DirectoryError(f"domain {change.old} has this name already", "give another one", "exists")
    others = domains.names_of(tx, domain_id)
    if change.new in others:
        domains.remove_name(tx, change.old, change.new)
    else:
        domains.check_free(tx, change.new)
    tx.change(records.RENAME_DOMAIN, {"of_id": domain_id, "new_name": change.new})
    if keep:
        domains.add_name(tx, change.new, change.old)
    _addresses(tx, change)
    _texts(tx, change)
    _leaves_from(tx, change, keep=keep, feed=feed)
    _settings(tx, change, feed)
    tx.change(records.FORGET_CHECKS, {"of_domain": domain_id})
    bump(tx, DIRECTORY, feed)
    return change


def _addresses(tx: Transaction, change: Naming) -> None:
    values = {"ending": f"%@{change.old}", "old_at": f"@{change.old}", "new_at": f"@{change.new}"}
    for place, statement in records.BULK.items():
        if place in records.TAKEN:
            _make_room(tx, change, place)
        tx.change(statement, values)
        for (text,) in tx.execute(records.ODDS[place], {"ending": values["ending"]}):
            if (then := change.address(text)) != text:
                tx.change(records.ONE[place], {"is_now": text, "is_then": then})
    for statement in records.RENAME_WHOLE:
        tx.change(statement, {"is_now": change.old, "is_then": change.new})


def _make_room(tx: Transaction, change: Naming, place: records.Place) -> None:
    """What stands there by the new name already stays; the same by the old one goes."""
    back = Naming(change.new, change.old)
    for text, *beside in tx.execute(records.TAKEN[place], {"ending": f"%@{change.new}"}):
        values = {f"beside_{number}": value for number, value in enumerate(beside)}
        tx.change(records.DROP[place], {"is_now": back.address(text), **values})


def _texts(tx: Transaction, change: Naming) -> None:
    """Texts that hold several addresses or names."""
    for alias_id, more in tx.execute(records.SELECT_MORE, {"within": f"%@{change.old}%"}):
        lines = "\n".join(change.address(line) for line in more.split("\n"))
        if lines != more:
            tx.change(records.SET_MORE, {"of_id": alias_id, "new_more": lines})
    for token_id, names in tx.execute(records.SELECT_TOKENS):
        if (then := change.each(names)) != names:
            tx.change(records.SET_TOKEN, {"of_id": token_id, "names": then})
    for route_id, names in tx.execute(records.SELECT_ETRN):
        if (then := change.each(names)) != names:
            tx.change(records.SET_ETRN, {"of_id": route_id, "names": then})
    for name, content in tx.execute(records.SELECT_TEMPLATES):
        if then := _json(content, ("catch_all", "postmaster"), change.address):
            tx.change(records.SET_TEMPLATE, {"of_name": name, "new_content": then})
    for source_id, details in tx.execute(records.SELECT_SOURCES):
        if then := _json(details, ("domains",), change.address):
            tx.change(records.SET_SOURCE, {"of_id": source_id, "new": then})


def _json(text: str, keys: tuple[str, ...], swap: Callable[[str], str]) -> str:
    """JSON with texts (or lists of them) below some keys changed; "" where nothing changes."""
    found = json.loads(text)
    then = dict(found)
    for key in keys:
        value = found.get(key)
        if isinstance(value, str):
            then[key] = swap(value)
        elif isinstance(value, list):
            then[key] = [swap(each) for each in value]
    return json.dumps(then) if then != found else ""


def _leaves_from(tx: Transaction, change: Naming, *, keep: bool, feed: Feed | None) -> None:
    """The local address that the domain's mail leaves from."""
    source = routes.source(tx, change.old)
    if source and not routes.source(tx, change.new):
        routes.set_source(tx, change.new, source, feed)
    if source and not keep:
        routes.set_source(tx, change.old, "", feed)


def _settings(tx: Transaction, change: Naming, feed: Feed | None) -> None:
    stored = setting_values(tx)
    for name in SETTINGS:
        value = stored.get(name)
        if isinstance(value, str) and (then := change.each(value)) != value:
            put_setting(tx, name, then, feed=feed)
