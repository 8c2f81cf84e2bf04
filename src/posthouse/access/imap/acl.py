"""Rights on mailboxes as IMAP tells and takes them (RFC 4314).

Identifiers: an address in a domain here, ``$`` and the name of a group, ``anyone``; with ``-`` in front the rights are
taken away. Entries of accounts and groups that are gone are not shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.access.imap.contract import BadCommand, ImapSession, No
from posthouse.access.imap.mailboxes import Place, locate
from posthouse.access.imap.sharing import Sharing, owner_address
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import groups
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.lookup import find_rules
from posthouse.directory.names import own_address
from posthouse.directory.records import SELECT_ACCOUNT, SELECT_ACCOUNT_BY_ID
from posthouse.store import acl
from posthouse.store.contract import Mailbox

GROUP = "$"
"""Before the name of a group."""


@dataclass(frozen=True, slots=True)
class Administered:
    """A mailbox whose rights somebody may look at and change."""

    place: Place
    sharing: Sharing


async def administered(session: ImapSession, name: str) -> Administered:
    """The mailbox of this name, if its rights are this account's to administer. Raises No."""
    place = await locate(session, name, "a")
    if session.sharing is None:
        raise No("Folders are not shared here", b"CANNOT")
    return Administered(place, session.sharing)


def identifier_key(tx: Transaction, text: str, domain_id: int | None = None) -> str | None:
    """The key of an identifier as somebody wrote it, None where nobody is called so; with ``domain_id`` only people
    and groups of that domain are looked for, and groups of the whole server."""
    minus = text.startswith("-")
    name = text.removeprefix("-")
    key: str | None = None
    if name.lower() == acl.ANYONE:
        key = acl.ANYONE
    elif name.startswith(GROUP):
        group = groups.find(tx, name[1:])
        known = group is not None and (domain_id is None or group.domain_id in (None, domain_id))
        key = acl.of_group(group.id) if group is not None and known else None
    else:
        try:
            rows = tx.execute(SELECT_ACCOUNT, {"address": own_address(name).key})
        except DirectoryError:
            rows = []
        if rows and domain_id is not None and rows[0][1] != domain_id:
            rows = []
        key = acl.of_account(int(rows[0][0])) if rows else None
    return None if key is None else ("-" if minus else "") + key


def absent_key(tx: Transaction, text: str, domain_id: int | None = None) -> str | None:
    """The key for an address in the domain, or in any domain here, whoever has it and whether anybody does; None for
    all other identifiers."""
    minus, name = ("-", text[1:]) if text.startswith("-") else ("", text)
    try:
        address = own_address(name)
    except DirectoryError:
        return None
    rules = find_rules(tx, address.domain)
    if rules is None or rules.name != address.domain or domain_id not in (None, rules.id):
        return None
    key = acl.of_address(address.key)
    return minus + key if key else None


@dataclass(frozen=True, slots=True)
class Meant:
    """Who an identifier is about: the key that an entry gets, and another that one may still have, of the time when
    nobody had the address."""

    key: str
    former: str | None

    @property
    def absent(self) -> bool:
        """Whether nobody has the address."""
        return self.key.removeprefix("-").startswith(acl.NAMED)

    def before(self, tx: Transaction, mailbox_id: int) -> str:
        """The rights given so far."""
        entries = dict(acl.entries_in(tx, mailbox_id))
        return acl.in_order(entries.get(self.key, "") + entries.get(self.former or "", ""))

    def put(self, tx: Transaction, mailbox_id: int, rights: str, feed: Feed) -> None:
        """Give rights, in place of all that were given so far."""
        if self.former is not None:
            acl.put_entry(tx, mailbox_id, self.former, "")
        acl.set_entry(tx, mailbox_id, self.key, rights, feed)


def meant(tx: Transaction, text: str, domain_id: int | None = None) -> Meant | None:
    """Who an identifier is about; an address in the domain is, whether anybody has it or not: RFC 4314 does not ask
    identifiers to be known, and so it cannot be learned here who is. None for what is nobody's name."""
    key, absent = identifier_key(tx, text, domain_id), absent_key(tx, text, domain_id)
    if key is not None:
        return Meant(key, absent)
    return None if absent is None else Meant(absent, None)


def identifier_name(tx: Transaction, key: str) -> str:
    """What an identifier is called, "" when it is gone."""
    minus, bare = ("-", key[1:]) if key.startswith("-") else ("", key)
    if bare == acl.ANYONE:
        return minus + bare
    if bare.startswith(acl.NAMED):
        return minus + acl.address_in(bare)
    if bare.startswith("g"):
        group = groups.by_id(tx, int(bare[1:]))
        return f"{minus}{GROUP}{group.name}" if group is not None else ""
    rows = tx.execute(SELECT_ACCOUNT_BY_ID, {"of_id": int(bare[1:])})
    return minus + str(rows[0][2]) if rows else ""


def named_entries(tx: Transaction, mailbox_id: int) -> list[tuple[str, str]]:
    """The entries of a mailbox by name, as far as those they are about are there; one for each name."""
    named: dict[str, str] = {}
    for key, rights in acl.entries_in(tx, mailbox_id):
        name = identifier_name(tx, key)
        named[name] = acl.in_order(named.get(name, "") + rights)
    return [(name, rights) for name, rights in sorted(named.items()) if name]


def change_entry(
    tx: Transaction, sharing: Sharing, user: Account, mailbox: Mailbox, text: str, wanted: str
) -> None:
    """SETACL: set rights, or add (``+``) or take (``-``) some. Raises No and BadCommand. Addresses that may not be
    shared with are answered alike, whether somebody has them or not."""
    mailbox_id, owner = mailbox.id, mailbox.account_id
    who = meant(tx, text, sharing.reach(user))
    if who is None:
        raise No("Nobody with whom you may share is called so", b"NONEXISTENT")
    if who.key.removeprefix("-") == acl.of_account(owner):
        raise No("The owner always has all rights", b"CANNOT")
    sign = wanted[:1] if wanted[:1] in ("+", "-") else ""
    try:
        rights = acl.parse(wanted[len(sign) :])
    except ValueError as problem:
        raise BadCommand(str(problem)) from None
    before = who.before(tx, mailbox_id)
    if sign == "+":
        rights = acl.in_order(before + rights)
    elif sign == "-":
        rights = acl.in_order(set(before) - set(rights))
    who.put(tx, mailbox_id, rights, sharing.feed)
    tell(tx, sharing, user, mailbox, who.key, before, rights)


def tell(
    tx: Transaction, sharing: Sharing, user: Account, mailbox: Mailbox, key: str, before: str, rights: str
) -> None:
    """Let a change of rights be noted."""
    if sharing.noted is not None and before != rights:
        owner = owner_address(tx, mailbox.account_id)
        subject = f"{owner}/{mailbox.name}" if owner else mailbox.name
        sharing.noted(tx, user, subject, identifier_name(tx, key), before, rights)
