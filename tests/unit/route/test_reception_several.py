"""RCPT for addresses that lead to several places: accepted when one takes it, and what is said when none does."""

from __future__ import annotations

import pytest

from posthouse.deliver.copy import folder_in
from posthouse.directory.contract import Account, Target
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.route.reception import ReceptionDesk
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings

ORIGIN = Origin("trace", "ESMTP", "there.test", "192.0.2.1", 4711)
FULL = Account(1, 1, "full@ours.test", 10)
ROOM = Account(2, 1, "room@ours.test", 1000)
GONE = Account(3, 1, "gone@ours.test", 0, active=False)


class Book:
    def __init__(self, **aliases: tuple[str, ...]) -> None:
        self.aliases = aliases

    async def target(self, address: Address) -> Target:
        if address.domain == "off.test":
            return Target("disabled")
        for account in (FULL, ROOM, GONE):
            if account.address == address.key:
                return Target("account", account)
        if address.local in self.aliases:
            return Target("alias", forwards=self.aliases[address.local])
        return Target("unknown")

    async def postmaster(self, domain: str) -> Account | None:
        return None

    async def is_local_domain(self, domain: str) -> bool:
        return True


class NoWays:
    async def treats_as_local(self, sender: Address | None) -> bool:
        return False

    async def way(self, recipient: Address, sender: Address | None, account_id: int | None) -> Refusal:
        return Refusal(550, "5.1.1", "No such user here")


class Used:
    """Everybody has used nine bytes."""

    async def read(self, op: object, *args: object) -> int:
        return 9

    def used_in(self, tx: object, account_id: int) -> int:
        return 9


def desk(**aliases: tuple[str, ...]) -> ReceptionDesk:
    router = Router(Book(**aliases))  # type: ignore[arg-type]
    used = Used()
    return ReceptionDesk(router, used, used, NoWays(), CurrentSettings())  # type: ignore[arg-type]


async def refused(made: ReceptionDesk, text: str, size: int = 5) -> Refusal:
    with pytest.raises(Refusal) as found:
        await made.recipient(parse_address(text), ORIGIN, size, parse_address("j@there.test"))
    return found.value


async def test_one_that_takes_it_is_enough() -> None:
    made = desk(all=("full@ours.test", "nobody@ours.test", "room@ours.test"))
    await made.recipient(parse_address("all@ours.test"), ORIGIN, 5, None)
    made.release(ORIGIN)


async def test_where_all_are_full_it_may_be_tried_again() -> None:
    refusal = await refused(desk(all=("gone@ours.test", "full@ours.test")), "all@ours.test")
    assert (refusal.code, refusal.enhanced) == (452, "4.2.2")


async def test_where_nobody_is_there_it_says_no_more_than_that() -> None:
    made = desk(all=("nobody@ours.test", "secret@ours.test"))
    refusal = await refused(made, "all@ours.test")
    assert (refusal.code, refusal.enhanced, refusal.text) == (550, "5.1.1", "No such user here")
    assert "secret" not in refusal.text


async def test_a_domain_that_is_off_refuses_everybody_alike() -> None:
    made = desk()
    for name in ("anna@off.test", "nobody@off.test"):
        refusal = await refused(made, name)
        assert (refusal.code, refusal.enhanced) == (550, "5.2.1")


class Folders:
    def __init__(self, *names: str) -> None:
        self.names = names

    def mailbox_in(self, tx: object, account_id: int, name: str) -> int | None:
        return self.names.index(name) + 100 if name in self.names else None

    def inbox_in(self, tx: object, account_id: int) -> int:
        return 1


@pytest.mark.parametrize(
    ("detail", "mailbox"),
    [
        ("", 1),
        ("work", 100),
        ("Work", 100),
        ("lists", 101),
        ("nothing", 1),
        ("sent", 1),
        ("Trash", 1),
        ("../x", 1),
    ],
)
def test_a_detail_names_a_folder_its_owner_made(detail: str, mailbox: int) -> None:
    assert folder_in(None, Folders("Work", "lists", "Sent", "Trash"), 1, detail) == mailbox  # type: ignore[arg-type]
