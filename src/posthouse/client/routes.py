"""Routes, as ``app.settings.routes``."""

from __future__ import annotations

from typing import Any

from posthouse.client import generated as api
from posthouse.client.collection import PAGE, Collection, ItemBy, Page
from posthouse.client.edit import UNSAVED, Edited
from posthouse.client.errors import NotFound
from posthouse.client.link import Tagged
from posthouse.client.listeners import ConnectionSecurity

_WORDS = {
    ConnectionSecurity.NONE: "none",
    ConnectionSecurity.TLS: "tls",
    ConnectionSecurity.STARTTLS_OPTIONAL: "may",
    ConnectionSecurity.STARTTLS_REQUIRED: "starttls",
}


class _Field:
    """One field of a route under hMailServer's name: read as it is, or as it was set here and not saved."""

    def __init__(self, name: str, otherwise: Any) -> None:
        self.name = name
        self.otherwise = otherwise

    def __get__(self, owner: Route | None, kind: type) -> Any:
        return self if owner is None else owner._value(self.name, self.otherwise)

    def __set__(self, owner: Route, value: Any) -> None:
        owner._set(self.name, value)


class Route(Edited[api.RouteView]):
    """A route. What has no name of hMailServer is reached by ``app.calls.route_change``."""

    _compared = (
        "recipient",
        "target",
        "port",
        "tries",
        "minutes",
        "all_addresses",
        "username",
        "description",
        "local_recipients",
        "local_senders",
        "security",
        "active",
    )

    domain_name = _Field("recipient", "")
    """The recipients it is for: a domain, ``*.example.org``, an address, ``*``."""
    description = _Field("description", "")
    target_smtp_host = _Field("target", "")
    target_smtp_port = _Field("port", 0)
    number_of_tries = _Field("tries", 0)
    minutes_between_try = _Field("minutes", 0)
    all_addresses = _Field("all_addresses", True)
    relayer_auth_username = _Field("username", "")
    treat_recipient_as_local_domain = _Field("local_recipients", False)
    treat_sender_as_local_domain = _Field("local_senders", False)
    active = _Field("active", True)

    def __init__(self, calls: api.Calls, seen: api.RouteView | None = None) -> None:
        super().__init__(seen)
        self._calls = calls
        self._added: list[Routes] = []

    def __repr__(self) -> str:
        return f"<Route {self.id or '(new)'} {self.domain_name}>"

    def _look(self) -> Tagged[api.RouteView]:
        return self._calls.route_show(self._known().id)

    @property
    def id(self) -> int:
        """Its number, 0 for a new one."""
        return self._seen.id if self._seen is not None else 0

    @property
    def relayer_requires_auth(self) -> bool:
        """Whether we sign in there. Set to False, user name and password are forgotten."""
        return bool(self.relayer_auth_username)

    @relayer_requires_auth.setter
    def relayer_requires_auth(self, wanted: bool) -> None:
        if not wanted:
            self._set("username", "")

    def set_relayer_auth_password(self, password: str) -> None:
        """The password to sign in with; it is sent with the next :meth:`save`, and never shown."""
        self._wanted["password"] = password

    @property
    def connection_security(self) -> ConnectionSecurity:
        """How the connection is secured, in hMailServer's numbers."""
        word = self._value("security", "may")
        return next(number for number, each in _WORDS.items() if each == word)

    @connection_security.setter
    def connection_security(self, wanted: int) -> None:
        self._set("security", _WORDS[ConnectionSecurity(wanted)])

    @property
    def addresses(self) -> RouteAddresses:
        """The addresses it takes when it does not take all. Raises ValueError before it is saved."""
        return RouteAddresses(self._calls, self._known().id)

    def save(self) -> None:
        """Add the route behind all others, or change it."""
        if not self._wanted and self._seen is not None:
            return
        if self._seen is None:
            self._seen = self._once.run(
                lambda key: self._calls.route_add(**self._wanted, idempotency_key=key)
            )
        else:
            self._seen = self._calls.route_change(self.id, **self._wanted, if_match=self._version())
        self._etag = ""
        self._wanted.clear()
        for each in self._added:
            each.refresh()

    def delete(self) -> None:
        """Remove the route."""
        ident = self._known().id
        self._remove(lambda tag: self._calls.route_remove(ident, if_match=tag))


class Routes(Collection[Route]):
    """The routes, in the order in which they are asked."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls
        super().__init__(self._page)

    def _page(self, after: str) -> Page[Route]:
        found = [Route(self._calls, each) for each in self._calls.route_list().routes]
        return Page(found, "", len(found))

    @property
    def item_by_name(self) -> ItemBy[Route]:
        """One route by the recipients it is for. Raises NotFound."""
        return ItemBy(lambda name: self._find("recipient", name.lower()))

    @property
    def item_by_db_id(self) -> ItemBy[Route]:
        """One route by its number, as a text. Raises NotFound."""
        return ItemBy(lambda number: self._find("id", int(number)))

    def _find(self, field: str, wanted: object) -> Route:
        for each in self._calls.route_list().routes:
            if getattr(each, field) == wanted:
                return Route(self._calls, each)
        raise NotFound(404, f"There is no route {wanted}.", field=field)

    def add(self) -> Route:
        """A new route; ``save()`` adds it to the server."""
        route = Route(self._calls)
        route._added.append(self)
        return route

    def delete_by_db_id(self, number: int) -> None:
        """Remove the route of this number."""
        self.item_by_db_id[str(number)].delete()
        self.refresh()


class RouteAddress:
    """An address that a route takes."""

    def __init__(self, calls: api.Calls, route_id: int, address: str = "") -> None:
        self._calls = calls
        self._saved = address
        self.route_id = route_id
        self.address = address
        self._added: list[RouteAddresses] = []

    def __repr__(self) -> str:
        return f"<RouteAddress {self.address or '(new)'}>"

    def save(self) -> None:
        """List the address."""
        if self.address == self._saved:
            return
        self._calls.route_address_add(self.route_id, addresses=[self.address])
        if self._saved:
            self._calls.route_address_remove(self.route_id, addresses=[self._saved])
        self._saved = self.address
        for each in self._added:
            each.refresh()

    def delete(self) -> None:
        """List it no more."""
        if not self._saved:
            raise ValueError(UNSAVED)
        self._calls.route_address_remove(self.route_id, addresses=[self._saved])
        self._saved = ""


class RouteAddresses(Collection[RouteAddress]):
    """The addresses of a route, in order."""

    def __init__(self, calls: api.Calls, route_id: int) -> None:
        self._calls = calls
        self._route_id = route_id
        super().__init__(self._page)

    def _page(self, after: str) -> Page[RouteAddress]:
        found = self._calls.route_addresses(self._route_id, limit=PAGE, after=after)
        items = [RouteAddress(self._calls, self._route_id, each) for each in found.addresses]
        return Page(items, found.next, found.total)

    def add(self) -> RouteAddress:
        """A new address; ``save()`` lists it."""
        address = RouteAddress(self._calls, self._route_id)
        address._added.append(self)
        return address

    def delete_by_address(self, address: str) -> None:
        """List an address no more."""
        self._calls.route_address_remove(self._route_id, addresses=[address])
        self.refresh()
