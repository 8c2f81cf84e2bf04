"""A plain model of a household: domains, accounts, aliases, lists, groups, forwards, and who gets mail for an address.

It knows nothing of tables, caches, versions or units: dictionaries, and a walk through them. Each change answers with
"" or the kind of the refusal (``exists``, ``missing``, ``invalid``); then nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

FAR = "far.test"
MAX_HOPS = 5
"""Forwards that mail follows from mailbox to mailbox."""


@dataclass
class Domain:
    on: bool = True
    gone: bool = False
    plus: str = "+"
    catch_all: str = ""


@dataclass
class Account:
    home: str
    domain: Domain
    active: bool = True
    removed: bool = False
    tight: bool = False
    forward: tuple[str, ...] = ()
    keep: bool = True


@dataclass
class Alias:
    targets: tuple[str, ...]
    active: bool = True


@dataclass
class List:
    home: str
    active: bool = True
    members: dict[str, bool] = field(default_factory=dict)
    """By address or name of a group: whether mail goes there."""


@dataclass
class Further:
    owner: Account


Thing = Account | Alias | List | Further


@dataclass
class Ends:
    """What an address leads to by names alone; ``known``: the domain is ours and somebody has the address."""

    accounts: list[Account] = field(default_factory=list)
    lists: list[List] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)

    @property
    def reachable(self) -> bool:
        return bool(any(map(is_up, self.accounts)) or self.lists or self.outside)


def is_up(account: Account) -> bool:
    """Whether mail goes there: never while its own domain is off or gone, even for its address in another one."""
    return account.active and not account.removed and account.domain.on and not account.domain.gone


class Household:
    """See the module. Addresses are lower case."""

    def __init__(self) -> None:
        self.domains: dict[str, Domain] = {}
        self.things: dict[str, Thing] = {}
        self.groups: dict[str, set[str]] = {}
        """By name: groups by name, accounts by the address they have."""

    # ------------------------------------------------------------ asking

    def domain(self, address: str) -> Domain | None:
        """The domain of an address as long as it is ours."""
        found = self.domains.get(address.rpartition("@")[2])
        return None if found is None or found.gone else found

    def step(self, address: str) -> tuple[str, tuple[str, ...], Thing | None]:
        """``outside``, ``off``, ``nobody``, ``on`` to addresses, or ``end`` with what it is."""
        domain = self.domain(address)
        if domain is None:
            return "outside", (), None
        if not domain.on:
            return "off", (), None
        local, _, name = address.rpartition("@")
        for reading in readings(local, domain.plus):
            thing = self.things.get(f"{reading}@{name}")
            if isinstance(thing, Alias):
                return ("on", thing.targets, None) if thing.active else ("nobody", (), None)
            if isinstance(thing, Further):
                return "end", (), thing.owner
            if isinstance(thing, List) and reading != local:
                return "end", (), None  # what stands behind the sign of the domain is one of the list's, too
            if thing is not None and not (isinstance(thing, Account) and thing.removed):
                return "end", (), thing
            if isinstance(self.things.get(f"{reading.partition('+')[0]}@{name}"), List):
                return (
                    "end",
                    (),
                    None,
                )  # one of the addresses that lists have besides: none of those here is good
        return ("on", (domain.catch_all,), None) if domain.catch_all else ("nobody", (), None)

    def ends(self, address: str) -> Ends:
        """Everything that an address leads to."""
        found, seen, waiting = Ends(), set[str](), [(address, True)]
        while waiting:
            here, first = waiting.pop()
            if here in seen:
                continue
            seen.add(here)
            what, onward, thing = self.step(here)
            waiting += [(each, False) for each in onward]
            if what == "outside" and not first:
                found.outside.add(here)
            if isinstance(thing, Account) and not any(thing is each for each in found.accounts):
                found.accounts.append(thing)
            if isinstance(thing, List) and not any(thing is each for each in found.lists):
                found.lists.append(thing)
        return found

    def takes(self, address: str) -> bool:
        """Whether a stranger's large message for it is accepted."""
        ends = self.ends(address)
        room = any(is_up(each) and not each.tight for each in ends.accounts)
        return bool(room or ends.outside or any(each.active for each in ends.lists))

    def gets(self, address: str) -> tuple[set[str], set[str]]:
        """Who gets mail for an address: mailboxes by their address, and addresses outside."""
        inside, outside = set[str](), set[str]()
        lists: list[List] = []
        waiting = [address]
        while waiting:
            ends = self.ends(waiting.pop())
            outside |= ends.outside
            heard = list(ends.lists)
            for account in filter(is_up, ends.accounts):
                heard += self._spread(account, inside, outside)
            for each in heard:
                if each.active and not any(each is known for known in lists):
                    lists.append(each)
                    readers = self.readers(each)
                    outside |= {reader for reader in readers if self.domain(reader) is None}
                    waiting += readers
        return inside, outside

    def _spread(self, first: Account, inside: set[str], outside: set[str]) -> list[List]:
        """Follow the forwards of an account; the lists they lead to."""
        lists: list[List] = []
        seen, waiting = [first], [(first, 0)]
        while waiting:
            account, hop = waiting.pop(0)
            gone = False
            for target in account.forward if hop < MAX_HOPS else ():
                ends = self.ends(target)
                new = [each for each in filter(is_up, ends.accounts) if not any(each is one for one in seen)]
                seen += new
                waiting += [(each, hop + 1) for each in new]
                lists += ends.lists
                outside |= ends.outside
                if self.domain(target) is None:
                    outside.add(target)
                    gone = True
                # A forward to nobody is sent, and comes back: its owner is told then.
                lost = self._is_nobody(target)
                gone = gone or bool(new or ends.lists or ends.outside or lost)
            if not account.forward or account.keep or not gone:
                inside.add(account.home)
        return lists

    def _is_nobody(self, address: str) -> bool:
        """Whether it leads to an address of ours that nobody has (and perhaps elsewhere, too)."""
        seen, waiting = set[str](), [address]
        while waiting:
            here = waiting.pop()
            if here not in seen:
                seen.add(here)
                what, onward, _ = self.step(here)
                waiting += onward
                if what == "nobody":
                    return True
        return False

    def readers(self, root: List) -> set[str]:
        """The addresses that a list leads to; lists on it that are off, or in a domain that is, have none."""
        found: set[str] = set()
        for each in self.nested(root):
            domain = self.domain(each.home)
            if each is not root and (not each.active or domain is None or not domain.on):
                continue
            away = {name for name, there in each.members.items() if not there}
            for name in each.members.keys() - away:
                if name in self.groups:
                    found |= {one for one in self.people(name) if one not in away}
                elif not isinstance(self.things.get(name), List):
                    found.add(name)
        return found

    def nested(self, root: List) -> list[List]:
        """A list and those on it; also one whose membership is suspended is left out."""
        found, waiting = [root], [root]
        while waiting:
            for name, there in waiting.pop().members.items():
                inner = self.things.get(name)
                if there and isinstance(inner, List) and not any(inner is each for each in found):
                    found.append(inner)
                    waiting.append(inner)
        return found

    def people(self, group: str) -> set[str]:
        """The accounts in a group that may be written to, by their addresses."""
        found, seen, waiting = set[str](), set[str](), [group]
        while waiting:
            here = waiting.pop()
            if here in seen:
                continue
            seen.add(here)
            for member in self.groups.get(here, ()):
                if "@" not in member:
                    waiting.append(member)
                    continue
                account, domain = self.things.get(member), self.domain(member)
                if isinstance(account, Account) and is_up(account) and domain is not None and domain.on:
                    found.add(member)
        return found


def readings(local: str, plus: str) -> Iterator[str]:
    """The names that a local part may stand for, the longest first."""
    yield local
    while plus and plus in local[1:]:
        local = local[: local.rindex(plus)]
        yield local
