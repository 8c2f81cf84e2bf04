"""LDAP and Active Directory: whether somebody can bind, who there is, and who is in which group."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import own_address
from posthouse.directory.sources_check import Checked, parts
from posthouse.directory.sources_config import SourceConfig, mapping_of
from posthouse.directory.sources_people import Person, Staff
from posthouse.net.ldap import (
    INVALID_CREDENTIALS,
    INVALID_DN,
    NO_SUCH_OBJECT,
    SUCCESS,
    Entry,
    LdapConnection,
    LdapUnavailable,
    client_context,
    escape_dn,
    escape_filter,
    parse_url,
)
from posthouse.observe.log import logger

_log = logger("directory.ldap")

MOST_PEOPLE = 200_000
"""Most entries one synchronisation reads."""
AWAY_SECONDS = 30.0
"""A server that failed is asked after all others for so long."""
IN_CHAIN = "1.2.840.113556.1.4.1941"
"""Active Directory's matching rule for members of members."""
_DISABLED = 2
"""ACCOUNTDISABLE of userAccountControl."""
_AD_REASONS = {
    "525": "no such user",
    "52e": "wrong password",
    "530": "not at this time",
    "531": "not from this machine",
    "532": "the password has expired",
    "533": "the account is disabled",
    "701": "the account has expired",
    "773": "the password must be changed first",
    "775": "the account is locked",
}

T = TypeVar("T")


class LdapSource:
    """Asks the servers of one source, in their order, those that failed lately last."""

    def __init__(self, config: SourceConfig, clock: Callable[[], float] = monotonic) -> None:
        self._name = config.name
        self._details = config.details
        self._secret = config.secret
        self._clock = clock
        self._away: dict[str, float] = {}
        self._context: ssl.SSLContext | None = None

    async def check(self, login: str, password: str) -> Checked:
        """See ``sources_check.Backend``."""
        try:
            return await self._somewhere(lambda line: self._check(line, login, password))
        except LdapUnavailable as problem:
            return Checked("unavailable", str(problem))

    async def find(self, login: str) -> Checked:
        """See ``sources_check.Register``: the service looks for them, where it may search."""
        if self._details.bind_template:
            return Checked("not mine", "it cannot be searched")
        try:
            return await self._somewhere(lambda line: self._find(line, login))
        except LdapUnavailable as problem:
            return Checked("unavailable", str(problem))

    async def people(self) -> Staff:
        """Everybody there is, with their groups. Raises LdapUnavailable, also when that would be a part only."""
        return await self._somewhere(self._people)

    async def _check(self, line: LdapConnection, login: str, password: str) -> Checked:
        details, words = self._details, parts(login)
        entry: Entry | None = None
        if details.bind_template:
            is_dn = "=" in details.bind_template
            name = details.bind_template.format_map(
                {key: escape_dn(value) if is_dn else value for key, value in words.items()}
            )
        else:
            found = await self._search(line, login)
            if len(found) != 1:
                return _not_one(found)
            entry = found[0]
            name = entry.dn
            if not name:
                raise LdapUnavailable("the server found an entry without a name")
        result = await line.bind(name, password)
        if result.code in (INVALID_CREDENTIALS, NO_SUCH_OBJECT, INVALID_DN):
            return Checked("refuse", _reason(result.text))
        if result.code != SUCCESS:
            raise LdapUnavailable(f"the bind was declined ({result.code}: {result.text[:100]})")
        if entry is not None and _is_disabled(entry):
            return Checked("refuse", "the account is disabled")
        if entry is None:
            return Checked("accept")
        return Checked("accept", "", _address(entry.text(details.address_attribute)), self._facts(entry))

    async def _find(self, line: LdapConnection, login: str) -> Checked:
        found = await self._search(line, login)
        if len(found) != 1:
            return _not_one(found)
        entry = found[0]
        if _is_disabled(entry):
            return Checked("refuse", "the account is disabled")
        address = _address(entry.text(self._details.address_attribute))
        return Checked("accept", "", address, self._facts(entry)) if address else Checked("not mine")

    async def _search(self, line: LdapConnection, login: str) -> list[Entry]:
        """The entries of an address, two of them at most."""
        details = self._details
        await self._bind_as_service(line)
        safe = {key: escape_filter(value) for key, value in parts(login).items()}
        wanted = details.search_filter.format_map(safe)
        return await line.search(details.search_base, wanted, self._wanted(), most=2)

    async def _people(self, line: LdapConnection) -> Staff:
        details = self._details
        await self._bind_as_service(line)
        entries = await line.search(
            details.search_base, details.sync_filter, self._wanted(), most=MOST_PEOPLE
        )
        found: dict[str, Person] = {}
        by_dn: dict[str, str] = {}
        by_uid: dict[str, str] = {}
        left: list[str] = []
        for entry in entries:
            address = _address(entry.text(details.address_attribute))
            if not address or address.rpartition("@")[2] not in details.domains:
                left.append(f"{entry.dn[:200]}: no address in a domain of this source")
                continue
            if address in found:
                left.append(f"{entry.dn[:200]}: {address} is somebody else's already")
                continue
            found[address] = Person(address, not _is_disabled(entry), self._facts(entry))
            by_dn[_plain(entry.dn)] = address
            if uid := entry.text("uid"):
                by_uid[uid] = address
        groups = {}
        for text in details.maps:
            group = mapping_of(text).group
            if group not in groups:
                groups[group] = await self._members(line, group, by_dn, by_uid)
        return Staff(found, groups, left)

    async def _members(
        self, line: LdapConnection, group: str, by_dn: dict[str, str], by_uid: dict[str, str]
    ) -> frozenset[str]:
        """Addresses of the members of a group. Raises LdapUnavailable for one that is not there: it was renamed,
        perhaps, and nobody should lose their rights for that."""
        details = self._details
        there = await line.search(group, "(objectClass=*)", _MEMBERSHIP, subtree=False, most=1)
        if not there:
            raise LdapUnavailable(f"there is no group {group[:200]}")
        if details.nested:
            chain = f"(memberOf:{IN_CHAIN}:={escape_filter(group)})"
            both = f"(&{details.sync_filter}{chain})"
            found = await line.search(details.search_base, both, ["1.1"], most=MOST_PEOPLE)
            return frozenset(by_dn[_plain(each.dn)] for each in found if _plain(each.dn) in by_dn)
        entry = there[0]
        members = {by_dn.get(_plain(each)) for name in _MEMBERSHIP[:2] for each in entry.texts(name)}
        members |= {by_uid.get(each) for each in entry.texts("memberUid")}
        return frozenset(each for each in members if each)

    async def _bind_as_service(self, line: LdapConnection) -> None:
        if not self._details.bind_dn:
            return
        result = await line.bind(self._details.bind_dn, self._secret)
        if result.code != SUCCESS:
            raise LdapUnavailable(f"{self._details.bind_dn} is not let in ({_reason(result.text)})")

    async def _somewhere(self, work: Callable[[LdapConnection], Awaitable[T]]) -> T:
        """Do it with the first server that can."""
        now = self._clock()
        order = sorted(self._details.servers, key=lambda each: self._away.get(each, 0.0) > now)
        context = None if self._details.plain else await self._tls()
        problem = LdapUnavailable("no server is named")
        for each in order:
            try:
                line = await LdapConnection.open(parse_url(each), context, seconds=self._details.timeout)
            except LdapUnavailable as error:
                problem = error
            else:
                try:
                    return await work(line)
                except LdapUnavailable as error:
                    problem = error
                finally:
                    line.close()
            self._away[each] = self._clock() + AWAY_SECONDS
            _log.warning("ldap.unavailable", source=self._name, server=each, reason=str(problem))
        raise problem

    async def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            try:
                self._context = await asyncio.to_thread(client_context, self._details.ca_file)
            except OSError as problem:
                raise LdapUnavailable(f"{self._details.ca_file}: {problem}") from None
        return self._context

    def _wanted(self) -> list[str]:
        details = self._details
        names = (details.address_attribute, details.display_attribute, details.first_attribute)
        wanted = [*names, details.last_attribute, "uid", "userAccountControl"]
        return [each for each in dict.fromkeys(wanted) if each]

    def _facts(self, entry: Entry) -> dict[str, str]:
        details = self._details
        named = (
            ("display_name", details.display_attribute, 200),
            ("first_name", details.first_attribute, 100),
            ("last_name", details.last_attribute, 100),
        )
        return {name: _line(entry.text(attribute))[:most] for name, attribute, most in named if attribute}


def _not_one(found: list[Entry]) -> Checked:
    return Checked("not mine" if not found else "refuse", f"{len(found)} entries fit")


_MEMBERSHIP = ["member", "uniqueMember", "memberUid"]


def _line(text: str) -> str:
    return "".join(each for each in " ".join(text.split()) if each.isprintable())


def _plain(dn: str) -> str:
    """A name as it is compared: servers write the same one with other capitals and blanks."""
    return ",".join(part.strip() for part in dn.lower().split(","))


def _address(text: str) -> str:
    try:
        return own_address(text).key if text else ""
    except DirectoryError:
        return ""


def _is_disabled(entry: Entry) -> bool:
    flags = entry.text("userAccountControl")
    return flags.isascii() and flags.isdigit() and bool(int(flags[:12]) & _DISABLED)


def _reason(text: str) -> str:
    """Why, in words: Active Directory hides it behind ``data``."""
    code = text.partition(" data ")[2].partition(",")[0].strip().lower()
    return _AD_REASONS.get(code, "wrong password")
