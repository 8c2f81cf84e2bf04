"""Accounts, as ``domain.accounts``."""

from __future__ import annotations

from enum import IntEnum

from posthouse.client import generated as api
from posthouse.client.collection import PAGE, Collection, ItemBy, Page
from posthouse.client.edit import Edited
from posthouse.client.errors import NotFound
from posthouse.client.link import Tagged

MEGABYTE = 1 << 20


class AdminLevel(IntEnum):
    """What an account may administer, in hMailServer's numbers."""

    USER = 0
    DOMAIN = 1
    SERVER = 2


_LEVELS = {"user": AdminLevel.USER, "domain": AdminLevel.DOMAIN, "server": AdminLevel.SERVER}


class Account(Edited[api.Account]):
    """An account. What is set acts with :meth:`save`."""

    _compared = ("address", "quota", "active", "role", "domains")

    def __init__(self, calls: api.Calls, seen: api.Account | None = None, domain: str = "") -> None:
        super().__init__(seen)
        self._calls = calls
        self._domain = domain
        self._added: list[Accounts] = []

    def __repr__(self) -> str:
        return f"<Account {self.address or '(new)'}>"

    def _look(self) -> Tagged[api.Account]:
        return self._calls.account_show(self._known().address)

    @property
    def address(self) -> str:
        """The whole address. That of an account on the server stays as it is."""
        found: str = self._value("address", "")
        return found

    @address.setter
    def address(self, address: str) -> None:
        if self._seen is not None:
            raise ValueError("The address of an account cannot be changed; add another one, or an alias.")
        self._wanted["address"] = address

    @property
    def password(self) -> str:
        """To be set only: nobody can read it. Reading raises AttributeError."""
        raise AttributeError("A password can be set, but not read.")

    @password.setter
    def password(self, password: str) -> None:
        self._wanted["password"] = password

    @property
    def active(self) -> bool:
        """Whether it receives mail and lets its user sign in."""
        return bool(self._value("active", True))

    @active.setter
    def active(self, active: bool) -> None:
        self._set("active", active)

    @property
    def quota(self) -> int:
        """The most it may hold in bytes, 0 for any amount."""
        return int(self._value("quota", 0))

    @quota.setter
    def quota(self, quota: int) -> None:
        if quota < 0:
            raise ValueError("A quota is a number of bytes, or 0 for none.")
        self._set("quota", quota)

    @property
    def max_size(self) -> int:
        """The same in whole megabytes (1024 * 1024 bytes), rounded up, as hMailServer counts."""
        return -(-self.quota // MEGABYTE)

    @max_size.setter
    def max_size(self, megabytes: int) -> None:
        self.quota = megabytes * MEGABYTE

    @property
    def used(self) -> int:
        """What it holds, in bytes."""
        return self._seen.used if self._seen is not None else 0

    @property
    def size(self) -> float:
        """What it holds, in megabytes."""
        return round(self.used / MEGABYTE, 3)

    @property
    def quota_used(self) -> int:
        """What it holds in percent of its quota; 0 without one."""
        return self.used * 100 // self.quota if self.quota else 0

    @property
    def message_count(self) -> int:
        """How many messages it holds."""
        return self._seen.messages if self._seen is not None else 0

    @property
    def admin_level(self) -> AdminLevel:
        """What its user may administer. It is changed by a person who has just signed in, never by a script."""
        return _LEVELS[self._value("role", "user")]

    @property
    def admin_domains(self) -> list[str]:
        """The domains that a domain administrator looks after."""
        return list(self._value("domains", []))

    @property
    def probation(self) -> int:
        """The id of a change of the last save that somebody must confirm in the browser, else 0."""
        return self._seen.probation if self._seen is not None else 0

    def save(self) -> None:
        """Add the account, or change what was set. Each part is changed by itself, in this order: password, quota,
        active. If one is refused, those before it are done, and the rest is still to be saved. Raises Conflict
        when somebody else changed the account since it was looked at."""
        if self._seen is None:
            self._add()
        address = self._known().address
        for name in ("password", "quota", "active"):
            if name in self._wanted:
                self._save(address, name)

    def _add(self) -> None:
        address, password = self._wanted.get("address", ""), self._wanted.get("password", "")
        if not address or not password:
            raise ValueError("A new account needs an address and a password.")
        if self._domain and "@" not in address:
            address = f"{address}@{self._domain}"
        quota = _quota(self._wanted.get("quota", 0))
        self._seen = self._once.run(
            lambda key: self._calls.account_add(
                address=address, password=password, quota=quota, idempotency_key=key
            )
        )
        for name in ("address", "password", "quota"):
            self._wanted.pop(name, None)
        for accounts in self._added:
            accounts.refresh()

    def _save(self, address: str, name: str) -> None:
        calls, wanted = self._calls, self._wanted
        if name == "password":
            self._change(
                name, lambda tag: calls.account_password(address, password=wanted[name], if_match=tag)
            )
        elif name == "quota":
            self._change(
                name, lambda tag: calls.account_quota(address, quota=_quota(wanted[name]), if_match=tag)
            )
        else:
            self._change(name, lambda tag: calls.account_active(address, active=wanted[name], if_match=tag))

    def delete(self) -> None:
        """Remove the account and all its mail, for good."""
        address = self._known().address
        self._remove(lambda tag: self._calls.account_remove(address, if_match=tag))


def _quota(number: int) -> str:
    return str(number) if number else "none"


class Accounts(Collection[Account]):
    """The accounts of a domain, by address; with ``domain`` "" all there are."""

    def __init__(self, calls: api.Calls, domain: str = "", search: str = "") -> None:
        self._calls = calls
        self._domain = domain
        self._search = search
        super().__init__(self._page)

    def _page(self, after: str) -> Page[Account]:
        found = self._calls.account_list(
            domain=self._domain or None, search=self._search, limit=PAGE, after=after
        )
        return Page([Account(self._calls, each) for each in found.accounts], found.next, found.total)

    @property
    def item_by_address(self) -> ItemBy[Account]:
        """One account by its address. Raises NotFound, for one of another domain too."""
        return ItemBy(self._find)

    def _find(self, address: str) -> Account:
        found = self._calls.account_show(address)
        if self._domain and found.value.address.rpartition("@")[2] != self._domain:
            raise NotFound(404, f"{address} is not in the domain {self._domain}.", field="address")
        account = Account(self._calls, found.value)
        account._take(found)
        return account

    def add(self) -> Account:
        """A new account; ``save()`` adds it to the server."""
        account = Account(self._calls, domain=self._domain)
        account._added.append(self)
        return account

    def delete(self, index: int) -> None:
        """Remove the account at this place, and all its mail."""
        self[index].delete()
        self.refresh()

    def search(self, text: str) -> Accounts:
        """Those with this text in their address; the server searches."""
        return Accounts(self._calls, self._domain, text)
