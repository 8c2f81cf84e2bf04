"""Who a source knows, and what has to be done so that the accounts here are the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody a source knows. ``facts`` by the names of an account's details."""

    address: str
    active: bool = True
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Staff:
    """Everybody. ``groups``: addresses of the members of each group that is mapped, by the group's name there;
    ``left``: what was passed over, and why."""

    people: Mapping[str, Person]
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    left: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Ours:
    """An account of the source as it is here. ``by_sync``: the synchronisation switched it off."""

    id: int
    address: str
    active: bool
    facts: Mapping[str, str]
    by_sync: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a synchronisation would do, by address."""

    create: tuple[Person, ...] = ()
    update: tuple[tuple[str, Mapping[str, str]], ...] = ()
    disable: tuple[str, ...] = ()
    enable: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    """Addresses that somebody else has here; they are left alone."""

    def too_many(self, active: int, percent: int) -> bool:
        """Whether more than ``percent`` of the active accounts would be switched off."""
        return len(self.disable) * 100 > percent * active


def plan(staff: Staff, ours: Iterable[Ours], taken: Collection[str]) -> Plan:
    """Compare. ``taken``: addresses of the source's people that are not free here and are no accounts of the source.
    An account that an administrator switched off stays off."""
    here = {each.address: each for each in ours}
    create, update, disable, enable = [], [], [], []
    for address in sorted(staff.people):
        person, known = staff.people[address], here.get(address)
        if known is None:
            if person.active and address not in taken:
                create.append(person)
            continue
        new = {name: text for name, text in person.facts.items() if text and known.facts.get(name) != text}
        if new:
            update.append((address, new))
        if person.active and not known.active and known.by_sync:
            enable.append(address)
    for address, known in sorted(here.items()):
        person_there = staff.people.get(address)
        if known.active and (person_there is None or not person_there.active):
            disable.append(address)
    return Plan(
        tuple(create),
        tuple(update),
        tuple(disable),
        tuple(enable),
        tuple(sorted(each for each in staff.people if each in taken and each not in here)),
    )
