"""Domains, as ``app.domains``."""

from __future__ import annotations

from posthouse.client import generated as api
from posthouse.client.accounts import Accounts
from posthouse.client.aliases import Aliases
from posthouse.client.collection import PAGE, Collection, ItemBy, Page
from posthouse.client.edit import Edited
from posthouse.client.link import Tagged


class Domain(Edited[api.Domain]):
    """A domain with its accounts and aliases."""

    _compared = ("name",)

    def __init__(self, calls: api.Calls, seen: api.Domain | None = None) -> None:
        super().__init__(seen)
        self._calls = calls
        self._added: list[Domains] = []

    def __repr__(self) -> str:
        return f"<Domain {self.name or '(new)'}>"

    def _look(self) -> Tagged[api.Domain]:
        return _brief(self._calls.domain_show(self._known().name))

    @property
    def name(self) -> str:
        """Its name. That of a domain on the server stays as it is."""
        return str(self._value("name", ""))

    @name.setter
    def name(self, name: str) -> None:
        if self._seen is not None:
            raise ValueError("The name of a domain cannot be changed; add another one.")
        self._wanted["name"] = name

    @property
    def accounts(self) -> Accounts:
        """Its accounts, as they are now."""
        return Accounts(self._calls, self._known().name)

    @property
    def aliases(self) -> Aliases:
        """Its aliases, as they are now."""
        return Aliases(self._calls, self._known().name)

    def dns_records(self, *, check: bool = True) -> api.DnsRecords:
        """The DNS records it needs, and (``check``) whether they are there."""
        return self._calls.dns_records(self._known().name, check=check)

    def save(self) -> None:
        """Add the domain."""
        if self._seen is None:
            self._seen = self._once.run(
                lambda key: _in_brief(self._calls.domain_add(name=self.name, idempotency_key=key))
            )
            self._wanted.clear()
            for domains in self._added:
                domains.refresh()

    def delete(self, *, contents: bool = False) -> None:
        """Remove the domain. It must be empty, unless ``contents`` is set: then its aliases and its accounts with all
        their mail are removed first, one after the other."""
        name = self._known().name
        if contents:
            for alias in self.aliases:
                alias.delete()
            for account in self.accounts:
                account.delete()
        self._remove(lambda tag: self._calls.domain_remove(name, if_match=tag))


class Domains(Collection[Domain]):
    """The domains by name."""

    def __init__(self, calls: api.Calls, search: str = "") -> None:
        self._calls = calls
        self._search = search
        super().__init__(self._page)

    def _page(self, after: str) -> Page[Domain]:
        found = self._calls.domain_list(search=self._search, limit=PAGE, after=after)
        return Page([Domain(self._calls, each) for each in found.domains], found.next, found.total)

    @property
    def names(self) -> list[str]:
        """The names of all."""
        return [domain.name for domain in self]

    @property
    def item_by_name(self) -> ItemBy[Domain]:
        """One domain by its name. Raises NotFound."""
        return ItemBy(self._find)

    def _find(self, name: str) -> Domain:
        found = _brief(self._calls.domain_show(name))
        domain = Domain(self._calls, found.value)
        domain._take(found)
        return domain

    def add(self) -> Domain:
        """A new domain; ``save()`` adds it to the server."""
        domain = Domain(self._calls)
        domain._added.append(self)
        return domain

    def search(self, text: str) -> Domains:
        """Those with this text in their name; the server searches."""
        return Domains(self._calls, text)


def _in_brief(found: api.DomainDetails) -> api.Domain:
    return api.Domain(name=found.name, accounts=found.accounts, aliases=found.aliases, active=found.active)


def _brief(found: Tagged[api.DomainDetails]) -> Tagged[api.Domain]:
    """As a list of domains shows it, with the version of all that holds in it."""
    return Tagged(_in_brief(found.value), found.etag)
