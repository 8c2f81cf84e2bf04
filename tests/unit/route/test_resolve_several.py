"""Addresses that lead to several places, catch-alls, switched-off domains: where they lead in the end."""

from __future__ import annotations

import pytest

from posthouse.directory.contract import Account, Target
from posthouse.mail.address import Address, parse_address
from posthouse.route.resolve import MAX_ALIASES, MAX_BRANCHES, Router

ANNA = Account(1, 1, "anna@ours.test", 0)
BEN = Account(2, 1, "ben@ours.test", 0)
GONE = Account(3, 1, "gone@ours.test", 0, active=False)


class Book:
    """A directory of what it is given; counts what it is asked."""

    def __init__(self, **targets: Target) -> None:
        self.targets = targets
        self.asked = 0

    async def target(self, address: Address) -> Target:
        self.asked += 1
        if address.domain != "ours.test":
            return Target("foreign")
        return self.targets.get(address.local, Target("unknown"))

    async def postmaster(self, domain: str) -> Account | None:
        return ANNA

    async def account(self, account_id: int) -> Account | None:
        return None


def alias(*names: str, caught: bool = False) -> Target:
    return Target(
        "alias", forwards=tuple(each if "@" in each else f"{each}@ours.test" for each in names), caught=caught
    )


def book(**more: Target) -> Book:
    return Book(
        anna=Target("account", ANNA), ben=Target("account", BEN), gone=Target("account", GONE), **more
    )


async def lead(directory: Book, name: str):
    return await Router(directory).resolve(parse_address(f"{name}@ours.test"))  # type: ignore[arg-type]


async def test_every_kind_of_place_is_a_branch() -> None:
    directory = book(
        all=alias("anna", "team", "gone", "nobody", "ben@else.test"), team=Target("list", list_id=7)
    )
    found = await lead(directory, "all")
    assert found.kind == "several"
    assert found.reachable
    assert [each.kind for each in found.branches] == ["local", "list", "disabled", "unknown", "outside"]
    assert found.branches[1].list_id == 7
    assert found.branches[4].target == "ben@else.test"


async def test_aliases_of_aliases_are_flattened_and_twins_are_one() -> None:
    directory = book(
        all=alias("some", "others", "anna"), some=alias("anna", "ben"), others=alias("ben", "anna")
    )
    found = await lead(directory, "all")
    assert [each.account for each in found.branches] == [ANNA, BEN]
    assert found.branches[0].via == ("all@ours.test", "some@ours.test")


async def test_one_place_left_is_that_place() -> None:
    found = await lead(book(all=alias("anna", "same"), same=alias("anna")), "all")
    assert (found.kind, found.account) == ("local", ANNA)


async def test_a_way_in_a_circle_does_no_harm_beside_one_that_leads_somewhere() -> None:
    found = await lead(book(all=alias("all", "round", "anna"), round=alias("all")), "all")
    assert (found.kind, found.account) == ("local", ANNA)
    assert (await lead(book(all=alias("round"), round=alias("all", "round")), "all")).kind == "loop"


async def test_chains_end() -> None:
    long = {f"a{n}": alias(f"a{n + 1}") for n in range(MAX_ALIASES + 5)}
    assert (await lead(book(**long), "a0")).kind == "loop"
    fits = {f"a{n}": alias(f"a{n + 1}") for n in range(MAX_ALIASES - 1)} | {
        f"a{MAX_ALIASES - 1}": alias("ben")
    }
    assert (await lead(book(**fits), "a0")).account == BEN


async def test_the_number_of_questions_is_bounded() -> None:
    wide = {f"b{n}": alias(*(f"c{n}x{m}" for m in range(100))) for n in range(100)}
    directory = book(all=alias(*wide), **wide)
    found = await lead(directory, "all")
    assert found.kind == "several"
    assert not found.reachable
    assert directory.asked <= MAX_BRANCHES + 1


async def test_nobody_of_several_is_there() -> None:
    found = await lead(book(all=alias("no", "neither")), "all")
    assert found.kind == "several"
    assert not found.reachable
    assert (await lead(book(all=Target("alias")), "all")).kind == "unknown"


async def test_a_catch_all_is_caught_and_one_that_leads_back_to_itself_is_nobody() -> None:
    found = await lead(book(typo=alias("anna", caught=True)), "typo")
    assert (found.kind, found.account, found.caught) == ("local", ANNA, True)
    lost = book(typo=alias("lost", caught=True), lost=alias("lost", caught=True))
    assert (await lead(lost, "typo")).kind == "unknown"


@pytest.mark.parametrize("name", ["abuse", "tlsrpt"])
async def test_own_names_lead_to_the_postmaster_before_the_catch_all(name: str) -> None:
    directory = book(**{name: alias("ben", caught=True)}, postmaster=Target("account", ANNA))
    assert (await lead(directory, name)).account == ANNA


async def test_a_switched_off_domain() -> None:
    found = await lead(book(off=Target("disabled")), "off")
    assert (found.kind, found.account, found.reachable) == ("disabled", None, False)
