"""Aliases, as ``domain.aliases``."""

from __future__ import annotations

from posthouse.client import generated as api
from posthouse.client.collection import PAGE, Collection, ItemBy, Page
from posthouse.client.edit import Edited
from posthouse.client.errors import NotFound
from posthouse.client.link import Tagged


class Alias(Edited[api.Alias]):
    """An alias: mail for ``name`` goes to ``value``."""

    _compared = ("address", "target")

    def __init__(self, calls: api.Calls, seen: api.Alias | None = None, domain: str = "") -> None:
        super().__init__(seen)
        self._calls = calls
        self._domain = domain
        self._added: list[Aliases] = []

    def __repr__(self) -> str:
        return f"<Alias {self.name or '(new)'}>"

    def _look(self) -> Tagged[api.Alias]:
        return self._calls.alias_show(self._known().address)

    @property
    def name(self) -> str:
        """The address mail comes to."""
        return str(self._value("address", ""))

    @name.setter
    def name(self, name: str) -> None:
        self._new("address", name)

    @property
    def value(self) -> str:
        """The address it goes to."""
        return str(self._value("target", ""))

    @value.setter
    def value(self, value: str) -> None:
        self._new("target", value)

    def _new(self, name: str, value: str) -> None:
        if self._seen is not None:
            # Removing and adding in its place would refuse mail in between.
            raise ValueError("An alias on the server cannot be changed: delete it, and add another one.")
        self._wanted[name] = value

    def save(self) -> None:
        """Add the alias."""
        if self._seen is not None:
            return
        name = self.name if "@" in self.name or not self._domain else f"{self.name}@{self._domain}"
        self._seen = self._once.run(
            lambda key: self._calls.alias_add(address=name, target=self.value, idempotency_key=key)
        )
        self._wanted.clear()
        for aliases in self._added:
            aliases.refresh()

    def delete(self) -> None:
        """Remove the alias."""
        address = self._known().address
        self._remove(lambda tag: self._calls.alias_remove(address, if_match=tag))


class Aliases(Collection[Alias]):
    """The aliases of a domain, by address; with ``domain`` "" all there are."""

    def __init__(self, calls: api.Calls, domain: str = "", search: str = "") -> None:
        self._calls = calls
        self._domain = domain
        self._search = search
        super().__init__(self._page)

    def _page(self, after: str) -> Page[Alias]:
        found = self._calls.alias_list(
            domain=self._domain or None, search=self._search, limit=PAGE, after=after
        )
        return Page([Alias(self._calls, each) for each in found.aliases], found.next, found.total)

    @property
    def item_by_name(self) -> ItemBy[Alias]:
        """One alias by its address. Raises NotFound, for one of another domain too."""
        return ItemBy(self._find)

    def _find(self, name: str) -> Alias:
        found = self._calls.alias_show(name)
        if self._domain and found.value.address.rpartition("@")[2] != self._domain:
            raise NotFound(404, f"{name} is not in the domain {self._domain}.", field="address")
        alias = Alias(self._calls, found.value)
        alias._take(found)
        return alias

    def add(self) -> Alias:
        """A new alias; ``save()`` adds it to the server."""
        alias = Alias(self._calls, domain=self._domain)
        alias._added.append(self)
        return alias

    def delete(self, index: int) -> None:
        """Remove the alias at this place."""
        self[index].delete()
        self.refresh()

    def search(self, text: str) -> Aliases:
        """Those with this text in their address; the server searches."""
        return Aliases(self._calls, self._domain, text)
