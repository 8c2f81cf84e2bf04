"""Random changes of a household: each as a use of the real server, and the same on the plain model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from household_model import FAR, Account, Alias, Domain, Further, Household, List
from hypothesis import strategies as st

DOMAINS = ("a.test", "b.test")
NAMES = ("ann", "bob", "cat", "dan")
GROUPS = ("staff", "crew")
OWN = tuple(f"{name}@{domain}" for domain in DOMAINS for name in NAMES)
OUTSIDE = (f"x@{FAR}", f"y@{FAR}")
PROBES = (*OWN, "ann+box@a.test", "bob-box@b.test", "nobody@a.test", "nobody@b.test")

own, domains, groups = st.sampled_from(OWN), st.sampled_from(DOMAINS), st.sampled_from(GROUPS)
anywhere = st.sampled_from((*OWN, *OUTSIDE, "ann+box@a.test"))
some = st.lists(anywhere, min_size=1, max_size=3, unique=True).map(tuple)
on = st.booleans()


@dataclass(frozen=True)
class Change:
    """One change: what it is, to what, and with what."""

    what: str
    about: str
    value: Any = None


def change(what: str, about: st.SearchStrategy[str], value: Any = None) -> st.SearchStrategy[Change]:
    return st.builds(Change, st.just(what), about, st.just(None) if value is None else value)


FREQUENT = [
    change("account.add", own),
    change("alias.add", own, some),
    change("list.add", own),
    change("list.member_add", own, st.one_of(anywhere, groups)),
    change("account.forward_set", own, st.tuples(some, on)),
]
CHANGES = st.one_of(
    *FREQUENT,
    *FREQUENT,
    change("domain.add", domains),
    change("domain.remove", domains),
    change("domain.restore", domains),
    change("domain.active", domains, on),
    change("domain.plus", domains, st.sampled_from(("+", "-", ""))),
    change("domain.catch_all", domains, st.one_of(st.just(""), anywhere)),
    change("account.remove", own),
    change("account.restore", own),
    change("account.active", own, on),
    change("account.tight", own, on),
    change("account.address_add", own, own),
    change("account.address_remove", own, own),
    change("account.forward_clear", own),
    change("alias.targets", own, some),
    change("alias.active", own, on),
    change("alias.remove", own),
    change("list.active", own, on),
    change("list.remove", own),
    change("list.member_remove", own, st.one_of(anywhere, groups)),
    change("list.member_switch", own, st.tuples(st.one_of(anywhere, groups), on)),
    change("group.add", groups),
    change("group.remove", groups),
    change("group.member_add", groups, st.one_of(own, groups)),
    change("group.member_remove", groups, st.one_of(own, groups)),
)


def use_of(change: Change) -> tuple[str, dict[str, Any]]:
    """The use that makes this change, with its parameters."""
    what, about, value = change.what, change.about, change.value
    topic, _, act = what.partition(".")
    if topic == "domain":
        if act in ("active", "plus", "catch_all"):
            return "domain.set", {"name": about, act: value}
        return what, {"name": about, **({"everything": True} if act == "remove" else {})}
    if topic == "group":
        return what, {"name": about, **({"member": value} if value else {})}
    if what == "account.tight":
        return "account.quota", {"address": about, "quota": "1K" if value else "none"}
    given: dict[str, dict[str, Any]] = {
        "account.add": {"password": "no-matter-of-this"},
        "account.active": {"active": value},
        "account.address_add": {"further": value},
        "account.address_remove": {"further": value},
        "list.add": {"mode": "public"},
        "list.active": {"active": value},
        "list.member_add": {"member": value},
        "list.member_remove": {"member": value},
        "alias.active": {"active": value},
        "alias.targets": {"targets": value},
    }
    if what == "alias.add":
        return what, {"address": about, "target": value[0], "more": list(value[1:])}
    if what == "account.forward_set":
        return what, {"address": about, "targets": list(value[0]), "keep": value[1]}
    if what == "list.member_switch":
        return what, {"address": about, "member": value[0], "active": value[1]}
    renamed = {"alias.active": "alias.change", "alias.targets": "alias.change", "list.active": "list.change"}
    return renamed.get(what, what), {"address": about, **given.get(what, {})}


def apply(house: Household, change: Change) -> str:
    """The same on the model: "" or the kind of the refusal."""
    topic, _, act = change.what.partition(".")
    if topic == "domain":
        return _domain(house, act, change.about, change.value)
    if topic == "group":
        return _group(house, act, change.about, change.value)
    if act == "add":
        return _add(house, topic, change.about, change.value)
    thing = house.things.get(change.about)
    if topic == "account":
        return _account(house, act, change, thing)
    if topic == "alias" and isinstance(thing, Alias):
        return _alias(house, act, change, thing)
    if topic == "list" and isinstance(thing, List):
        return _list(house, act, change, thing)
    return "missing"


def _domain(house: Household, act: str, name: str, value: Any) -> str:
    found = house.domains.get(name)
    if act == "add":
        if found is not None:
            return "exists"
        house.domains[name] = Domain()
        return ""
    if found is None or found.gone is not (act == "restore"):
        return "missing"
    if act in ("remove", "restore"):
        found.gone = act == "remove"
    else:
        setattr(found, {"active": "on"}.get(act, act), value)
    return ""


def _add(house: Household, topic: str, address: str, value: Any) -> str:
    if topic == "alias" and address in value:
        return "invalid"
    domain = house.domain(address)
    if domain is None:
        return "missing"
    if address in house.things:
        return "exists"
    made = {"account": Account(address, domain), "alias": Alias(value or ()), "list": List(address)}
    house.things[address] = made[topic]
    return ""


def _account(house: Household, act: str, change: Change, thing: Any) -> str:
    if not isinstance(thing, Account) or thing.removed is not (act == "restore"):
        return "missing"
    value = change.value
    if act in ("remove", "restore"):
        thing.removed = act == "remove"
    elif act in ("active", "tight"):
        setattr(thing, act, value)
    elif act == "address_add":
        if house.domain(value) is None:
            return "missing"
        if value in house.things:
            return "exists"
        house.things[value] = Further(thing)
    elif act == "address_remove":
        further = house.things.get(value)
        if not isinstance(further, Further) or further.owner is not thing:
            return "missing"
        del house.things[value]
    elif act == "forward_set":
        if any(_leads_back(house, thing, target) for target in value[0]):
            return "invalid"
        thing.forward, thing.keep = value
    elif act == "forward_clear":
        if not thing.forward:
            return "missing"
        thing.forward = ()
    return ""


def _leads_back(house: Household, account: Account, target: str) -> bool:
    seen, waiting = set[str](), [target]
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        for each in house.ends(here).accounts:
            if each is account:
                return True
            waiting += each.forward
    return False


def _alias(house: Household, act: str, change: Change, thing: Alias) -> str:
    if act == "remove":
        del house.things[change.about]
    elif act == "active":
        thing.active = change.value
    elif change.about in change.value:
        return "invalid"
    else:
        thing.targets = change.value
    return ""


def _list(house: Household, act: str, change: Change, thing: List) -> str:
    value = change.value
    if act == "active":
        thing.active = value
        return ""
    if act == "remove":
        del house.things[change.about]
        for each in house.things.values():
            if isinstance(each, List):
                each.members.pop(change.about, None)
        return ""
    member = value[0] if act == "member_switch" else value
    if "@" not in member and member not in house.groups:
        return "missing"
    if act == "member_add":
        inner = house.things.get(member)
        if isinstance(inner, List) and any(each is thing for each in house.nested(inner)):
            return "refused"
        thing.members[member] = True
        return ""
    if member not in thing.members:
        return "missing"
    if act == "member_remove":
        del thing.members[member]
    else:
        thing.members[member] = value[1]
    return ""


def _group(house: Household, act: str, name: str, value: Any) -> str:
    if act == "add":
        if name in house.groups:
            return "exists"
        house.groups[name] = set()
        return ""
    if name not in house.groups:
        return "missing"
    if act == "remove":
        del house.groups[name]
        for members in house.groups.values():
            members.discard(name)
        for each in house.things.values():
            if isinstance(each, List):
                each.members.pop(name, None)
        return ""
    members = house.groups[name]
    account = house.things.get(value)
    there = value in house.groups or (isinstance(account, Account) and not account.removed)
    if not there:
        return "missing"
    if act == "member_add":
        if value in house.groups and _holds(house, value, name):
            return "refused"
        if value in members:
            return "exists"
        members.add(value)
        return ""
    if value not in members:
        return "missing"
    members.remove(value)
    return ""


def _holds(house: Household, outer: str, inner: str) -> bool:
    """Whether a group is another one, or holds it."""
    return outer == inner or any(
        _holds(house, each, inner) for each in house.groups[outer] if "@" not in each
    )
