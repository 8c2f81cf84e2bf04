"""Who is kept out by a list or by country. The ranges and bans of the administrator were asked before.

The order: spared addresses come in; then an allow list says yes; then a block list says no; then the country.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from posthouse.net.countries import Database
from posthouse.net.networks import Networks
from posthouse.net.peer import is_loopback, plain_address
from posthouse.net.ranges import shown
from posthouse.settings import geoip as settings_geoip

Kind = Literal["block", "allow"]

DOORS = {
    "smtp": "smtp",
    "lmtp": "smtp",
    "submission": "submission",
    "imap": "imap",
    "pop3": "pop3",
    "http": "web",
    "web": "web",
    "api": "web",
}
"""Protocol of a listener, or of a sign-in, to the word that lists and countries have for it."""
COUNTRIES = {
    "smtp": settings_geoip.SMTP,
    "submission": settings_geoip.SUBMISSION,
    "imap": settings_geoip.IMAP,
    "pop3": settings_geoip.POP3,
    "web": settings_geoip.WEB,
}
"""Which countries may, by the word for the protocol."""
WORDS = tuple(COUNTRIES)


@dataclass(frozen=True, slots=True)
class Because:
    """Why an address is kept out, or let in by an allow list. ``by``: range, ban, list or country; ``name``: which;
    ``network``: which of a list's."""

    by: Literal["range", "ban", "list", "country"]
    name: str = ""
    network: str = ""

    @property
    def counted(self) -> str:
        """The label it is counted by. Ranges and bans are not told apart: there may be thousands."""
        return f"{self.by} {self.name}" if self.by in ("list", "country") else self.by

    def __str__(self) -> str:
        return " ".join(part for part in (self.by, self.name, self.network) if part)


@dataclass(frozen=True, slots=True)
class NetworkList:
    """A list that holds. ``protocols`` are of :data:`WORDS`."""

    name: str
    kind: Kind
    protocols: frozenset[str]
    networks: Networks = field(repr=False)


@dataclass(frozen=True, slots=True)
class CountryRule:
    """``only``: those of the countries alone may come in; else they may not."""

    only: bool
    countries: frozenset[str]

    def keeps_out(self, country: str) -> bool:
        """Whether somebody from there may not come in. An address of no known country always may."""
        return bool(country) and (country in self.countries) != self.only


class Screening:
    """An immutable set of lists and rules. ``spared``: who is never kept out by them (asked for those only who
    would be)."""

    __slots__ = ("_countries", "_lists", "_rules", "_spared")

    def __init__(
        self,
        lists: Iterable[NetworkList] = (),
        rules: Mapping[str, CountryRule] | None = None,
        countries: Database | None = None,
        spared: Callable[[str], bool] = is_loopback,
    ) -> None:
        self._lists = tuple(sorted(lists, key=lambda each: (each.kind != "allow", each.name)))
        """Those that let in are asked first."""
        self._rules = dict(rules or {})
        self._countries = countries
        self._spared = spared

    def keeps_out(self, address: str, protocol: str) -> Because | None:
        """Why an address may not use a protocol now; None when it may."""
        found = self.judged(address, protocol)
        if found is None or (found.by == "list" and self._kind(found.name) == "allow"):
            return None
        return None if self._spared(address) else found

    def judged(self, address: str, protocol: str) -> Because | None:
        """What lists and countries say of an address, whoever it is: the allow list or block list it is in, or its
        country where that is not welcome."""
        word = DOORS.get(protocol, "")
        if not word or not (self._lists or self._rules):
            return None
        try:
            parsed = plain_address(address)
        except ValueError:
            return None
        version, number = parsed.version, int(parsed)
        for each in self._lists:
            if word in each.protocols:
                found = each.networks.find(version, number)
                if found is not None:
                    return Because("list", each.name, shown(*found))
        rule = self._rules.get(word)
        if rule is not None and self._countries is not None:
            country = self._countries.country(str(parsed))
            if rule.keeps_out(country):
                return Because("country", country)
        return None

    def country(self, address: str) -> str:
        """The country of an address, "" where none is known."""
        try:
            return self._countries.country(str(plain_address(address))) if self._countries is not None else ""
        except ValueError:
            return ""

    def spares(self, address: str) -> bool:
        """Whether an address is never kept out by lists and countries."""
        return self._spared(address)

    def _kind(self, name: str) -> Kind:
        return next(each.kind for each in self._lists if each.name == name)
