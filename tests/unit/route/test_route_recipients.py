"""Where recipients lead, and who may reach them: the relay refusal matrix at its decision. What routes change about it
is in ``test_route_relaying``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from failing import FailingDatabase
from hashing import CountingHasher
from mailboxes import MemoryAppender
from people import credentials, people
from structlog.testing import capture_logs

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.directory import admin
from posthouse.directory.contract import Account
from posthouse.directory.passwords import Passwords
from posthouse.directory.routes_live import RouteBook
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.net.ranges import NOWHERE
from posthouse.receive.contract import Reception
from posthouse.route.reception import ReceptionDesk
from posthouse.route.resolve import MAX_ALIASES, Router
from posthouse.route.ways import RouteWays
from posthouse.settings.contract import CurrentSettings

STRANGER = Origin("t-stranger", "ESMTP", "there.test", "192.0.2.1", 4711)
MEMBER = Origin("t-member", "ESMTPSA", "home.test", "192.0.2.2", 4712, account_id=1, login="alice@ours.test")


@dataclass
class Scene:
    database: FailingDatabase
    appender: MemoryAppender
    router: Router
    desk: Reception
    service: DirectoryService
    alice: Account

    async def rcpt(self, text: str, origin: Origin = STRANGER, size: int = 0) -> Refusal | None:
        """Ask for one recipient; the refusal, or None."""
        try:
            await self.desk.recipient(parse_address(text), origin, size)
        except Refusal as refusal:
            return refusal
        return None


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[Scene]:
    made = await people(sqlite_database, quota=1000)
    database, appender = FailingDatabase(sqlite_database), MemoryAppender()
    service = DirectoryService(database, LocalFeed(), CurrentSettings(), Passwords(1, CountingHasher()))
    router = Router(service)
    desk, book = desk_of(router, service, database, appender)
    yield Scene(database, appender, router, desk, service, made["alice"])
    book.close()
    service.close()


def desk_of(
    router: Router, service: DirectoryService, database: Database, appender: MemoryAppender
) -> tuple[ReceptionDesk, RouteBook]:
    """A desk without any route."""
    settings, book = CurrentSettings(), RouteBook(database, LocalFeed())
    ways = RouteWays(book, service, settings)
    return ReceptionDesk(router, database, appender, ways, settings), book


@pytest.mark.parametrize(
    ("text", "kind", "via"),
    [
        ("alice@ours.test", "local", ()),
        ("Alice+x@OURS.test", "local", ()),
        ("sales@ours.test", "local", ("sales@ours.test",)),
        ("team@ours.test", "local", ("team@ours.test", "sales@ours.test")),
        ("away@ours.test", "outside", ("away@ours.test",)),
        ("far@ours.test", "outside", ("far@ours.test", "away@ours.test")),
        ("round@ours.test", "loop", ("round@ours.test", "about@ours.test")),
        ("dead@ours.test", "unknown", ("dead@ours.test",)),
        ("nobody@ours.test", "unknown", ()),
        ("x@elsewhere.test", "foreign", ()),
        ("postmaster", "local", ()),
    ],
)
async def test_where_a_recipient_leads(scene: Scene, text: str, kind: str, via: tuple[str, ...]) -> None:
    """Aliases are followed through several hops, inside and outside, and circles are seen."""
    destination = await scene.router.resolve(parse_address(text))
    assert (destination.kind, destination.via) == (kind, via)


async def test_chains_of_aliases_have_an_end(scene: Scene) -> None:
    """As many hops as allowed are followed, one more is taken for a mistake."""

    def chain(tx: Transaction) -> None:
        for n in range(MAX_ALIASES):
            admin.add_alias(
                tx, f"hop{n}@ours.test", f"hop{n + 1}@ours.test" if n < MAX_ALIASES - 1 else "bob@ours.test"
            )
        admin.add_alias(tx, "hop-one-too-many@ours.test", "hop0@ours.test")

    await scene.database.run(chain)
    assert (await scene.router.resolve(parse_address("hop0@ours.test"))).kind == "local"
    assert (await scene.router.resolve(parse_address("hop-one-too-many@ours.test"))).kind == "loop"


async def test_the_detail_survives_aliases(scene: Scene) -> None:
    """What stands after the plus sign is kept for the mailbox's rules."""
    assert (await scene.router.resolve(parse_address("team+lists@ours.test"))).detail == "lists"


async def test_ranges_judge_addresses_only(scene: Scene) -> None:
    """What a program of this machine, or the server itself, hands over has no address, and no range forbids it; a
    connection without one, and one from an address in no range, is refused."""
    scene.desk.permits = lambda address: NOWHERE  # type: ignore[attr-defined]
    for word in ("LOCAL", "HTTP"):
        assert (
            await scene.rcpt("alice@ours.test", Origin("t", word, "localhost", "", 0, account_id=0)) is None
        )
        refused = await scene.rcpt("alice@ours.test", Origin("t", word, "", "192.0.2.9", 0, account_id=1))
        assert refused is not None
    for origin in (STRANGER, MEMBER, Origin("t", "ESMTP", "there.test", "", 0)):
        refused = await scene.rcpt("alice@ours.test", origin)
        assert refused is not None
        assert (refused.code, refused.enhanced) == (550, "5.7.1")


@pytest.mark.parametrize(
    ("text", "code", "enhanced"),
    [
        # not ours, in every spelling
        ("x@elsewhere.test", 550, "5.7.1"),
        ("x@sub.ours.test", 550, "5.7.1"),
        ("x@ours.test.elsewhere.test", 550, "5.7.1"),
        ("alice@[192.0.2.25]", 550, "5.7.1"),
        ("alice@[127.0.0.1]", 550, "5.7.1"),
        ("alice@[IPv6:2001:db8::25]", 550, "5.7.1"),
        ("postmaster@[127.0.0.1]", 550, "5.7.1"),
        ("postmaster@elsewhere.test", 550, "5.7.1"),
        ("x@bücher.test", 550, "5.7.1"),
        ("x@xn--bcher-kva.test", 550, "5.7.1"),
        # ours by the domain, somewhere else by the local part: names that nobody has
        ("x%elsewhere.test@ours.test", 550, "5.1.1"),
        ("x%elsewhere.test%third.test@ours.test", 550, "5.1.1"),
        ("elsewhere.test!x@ours.test", 550, "5.1.1"),
        ("alice%ours.test@ours.test", 550, "5.1.1"),
        ("ours.test!elsewhere.test!x@ours.test", 550, "5.1.1"),
        ('"x@elsewhere.test"@ours.test', 550, "5.1.1"),
        ('"alice@elsewhere.test"@ours.test', 550, "5.1.1"),
        ('"@elsewhere.test:x@third.test"@ours.test', 550, "5.1.1"),
        ('"alice@ours.test"@ours.test', 550, "5.1.1"),
        ('"x@elsewhere.test"@elsewhere.test', 550, "5.7.1"),
        ('"alice@ours.test"@elsewhere.test', 550, "5.7.1"),
        ("alice%ours.test@elsewhere.test", 550, "5.7.1"),
        # ours, leading outside or nowhere
        ("dead@ours.test", 550, "5.1.1"),
        ("nobody@ours.test", 550, "5.1.1"),
        ("round@ours.test", 451, "4.4.6"),
    ],
)
async def test_the_relay_refusal_matrix(scene: Scene, text: str, code: int, enhanced: str) -> None:
    """A stranger reaches nothing but what is ours, however it is spelled."""
    refusal = await scene.rcpt(text)
    assert refusal is not None
    assert (refusal.code, refusal.enhanced) == (code, enhanced)
    assert "elsewhere" not in refusal.text  # where an alias leads is nobody's business
    if refusal.enhanced == "5.7.1":
        assert refusal.text.startswith("Relaying denied")


@pytest.mark.parametrize(
    ("text", "enhanced"),
    [
        ("x@elsewhere.test", ""),
        ("x@sub.ours.test", ""),
        ("x@bücher.test", ""),
        ('"alice@ours.test"@elsewhere.test', ""),
        ("alice%ours.test@elsewhere.test", ""),
        ("postmaster@elsewhere.test", ""),
        # names that cannot be in the DNS
        ("x@nowhere", "5.1.2"),
        ("x@192.0.2.1", "5.1.2"),
        # machines
        ("alice@[192.0.2.25]", "5.1.3"),
        ("alice@[127.0.0.1]", "5.1.3"),
        ("alice@[IPv6:2001:db8::25]", "5.1.3"),
        # ours, and nobody there
        ("nobody@ours.test", "5.1.1"),
        ("dead@ours.test", "5.1.1"),
        ("x%elsewhere.test@ours.test", "5.1.1"),
        ("round@ours.test", "4.4.6"),
    ],
)
async def test_whom_members_reach(scene: Scene, text: str, enhanced: str) -> None:
    """Everybody there may be; what can never be delivered is refused at once."""
    refusal = await scene.rcpt(text, MEMBER)
    assert (refusal.enhanced if refusal is not None else "") == enhanced


@pytest.mark.parametrize("text", ["away@ours.test", "far@ours.test", "away+x@ours.test"])
@pytest.mark.parametrize("origin", [STRANGER, MEMBER], ids=["stranger", "member"])
async def test_aliases_that_lead_outside_are_open_to_all(scene: Scene, text: str, origin: Origin) -> None:
    """They are addresses of ours: whoever made them wants their mail sent on."""
    assert await scene.rcpt(text, origin) is None


async def test_an_alias_to_where_no_mail_may_go_is_nobody(scene: Scene) -> None:
    """And its target is told to the log only."""
    await scene.database.run(admin.add_alias, "lost@ours.test", "someone@[127.0.0.1]")
    refusal = await scene.rcpt("lost@ours.test")
    assert refusal is not None
    assert (refusal.code, refusal.enhanced) == (550, "5.1.1")
    assert "127.0.0.1" not in refusal.text
    assert "127.0.0.1" in refusal.cause


@pytest.mark.parametrize("origin", [STRANGER, MEMBER], ids=["stranger", "member"])
@pytest.mark.parametrize(
    "text",
    [
        "alice@ours.test",
        "ALICE+detail@ours.test",
        '"alice"@ours.test',
        "team@ours.test",
        "postmaster",
        "POSTMASTER@ours.test",
        "alice+x%elsewhere.test@ours.test",
    ],
)
async def test_local_recipients_are_accepted(scene: Scene, text: str, origin: Origin) -> None:
    """From anybody, and a detail is only a detail."""
    assert await scene.rcpt(text, origin) is None


async def test_the_postmaster_is_accepted_whatever_aliases_say(scene: Scene) -> None:
    """RFC 5321 4.5.1: a postmaster that leads in circles or to a disabled account falls back to an account."""
    await scene.database.run(admin.add_alias, "postmaster@ours.test", "round@ours.test")
    for text in ("postmaster", "postmaster@ours.test"):
        assert await scene.rcpt(text) is None
        destination = await scene.router.resolve(parse_address(text))
        assert destination.account == scene.alice


async def test_the_postmaster_may_be_outside(scene: Scene) -> None:
    """Somebody is reached; nobody else need be."""
    await scene.database.run(admin.add_alias, "postmaster@ours.test", "away@ours.test")
    for text in ("postmaster", "postmaster@ours.test", "abuse@ours.test", "tlsrpt@ours.test"):
        assert await scene.rcpt(text) is None
        destination = await scene.router.resolve(parse_address(text))
        assert (destination.kind, destination.target) == ("outside", "someone@elsewhere.test")


async def test_abuse_reaches_somebody(scene: Scene) -> None:
    """RFC 2142: its own alias or account, else whoever is postmaster; other names of services are nobody."""
    assert (await scene.router.resolve(parse_address("Abuse@ours.test"))).account == scene.alice
    assert (await scene.router.resolve(parse_address("abuse+x@ours.test"))).account == scene.alice
    assert (await scene.router.resolve(parse_address("TLSRPT@ours.test"))).account == scene.alice
    await scene.database.run(admin.add_alias, "abuse@ours.test", "bob@ours.test")
    refusal = await scene.rcpt("hostmaster@ours.test")
    assert refusal is not None
    assert refusal.enhanced == "5.1.1"


async def test_without_any_account_the_postmaster_is_asked_to_come_back(sqlite_database: Database) -> None:
    """A server that was just set up answers 4xx, never 5xx."""
    service = DirectoryService(
        sqlite_database, LocalFeed(), CurrentSettings(), Passwords(1, CountingHasher())
    )
    desk, book = desk_of(Router(service), service, sqlite_database, MemoryAppender())
    with pytest.raises(Refusal) as refused:
        await desk.recipient(Address("postmaster", ""), STRANGER, 0)
    assert refused.value.temporary
    book.close()
    service.close()


async def test_a_disabled_account_is_refused(scene: Scene) -> None:
    """550 5.2.1, not 5.1.1: the address exists."""
    await scene.database.run(admin.set_active, "bob@ours.test", False)
    refusal = await scene.rcpt("bob@ours.test")
    assert refusal is not None
    assert (refusal.code, refusal.enhanced) == (550, "5.2.1")


async def test_a_full_mailbox_is_refused_for_now(scene: Scene) -> None:
    """452 when it is full or would be; 552 when the message could never fit; without SIZE= only what is used counts."""
    scene.appender.used[scene.alice.id] = 900
    assert await scene.rcpt("alice@ours.test", size=100) is None
    scene.desk.release(STRANGER)
    for size, code in ((101, 452), (1000, 452), (1001, 552)):
        refusal = await scene.rcpt("alice@ours.test", size=size)
        assert refusal is not None
        assert refusal.code == code
    assert await scene.rcpt("alice@ours.test") is None
    scene.appender.used[scene.alice.id] = 1000
    refusal = await scene.rcpt("alice@ours.test")
    assert refusal is not None
    assert (refusal.code, refusal.enhanced) == (452, "4.2.2")


async def test_space_is_not_promised_twice(scene: Scene) -> None:
    """What is in flight counts as used until its transaction ends; one transaction leaves one copy per mailbox."""
    assert await scene.rcpt("alice@ours.test", STRANGER, 600) is None
    assert await scene.rcpt("sales@ours.test", STRANGER, 600) is None
    refusal = await scene.rcpt("alice@ours.test", MEMBER, 500)
    assert refusal is not None
    assert refusal.code == 452
    assert await scene.rcpt("alice@ours.test", MEMBER, 400) is None
    assert await scene.rcpt("bob@ours.test", MEMBER, 1000) is None
    scene.desk.release(STRANGER)
    scene.desk.release(STRANGER)
    other = Origin("t-other", "ESMTP", "x", "192.0.2.3", 1)
    assert await scene.rcpt("alice@ours.test", other, 601) is not None
    assert await scene.rcpt("alice@ours.test", other, 600) is None
    scene.desk.release(MEMBER)
    scene.desk.release(other)
    assert await scene.rcpt("alice@ours.test", STRANGER, 1000) is None


async def test_two_sessions_at_once_are_not_promised_the_same_space(scene: Scene) -> None:
    """Of two that ask together for more than half, one gets it."""
    done = await asyncio.gather(
        scene.rcpt("alice@ours.test", STRANGER, 600), scene.rcpt("alice@ours.test", MEMBER, 600)
    )
    assert sum(each is None for each in done) == 1


async def test_whose_addresses_an_account_may_send_from(scene: Scene) -> None:
    """Everything that leads to its mailbox, and nothing that leads elsewhere."""
    for text, allowed in (
        ("alice@ours.test", True),
        ("Alice+lists@OURS.test", True),
        ("sales@ours.test", True),
        ("team@ours.test", True),
        ("bob@ours.test", False),
        ("nobody@ours.test", False),
        ("away@ours.test", False),
        ("alice@elsewhere.test", False),
    ):
        assert await scene.desk.may_send_as(scene.alice.id, parse_address(text)) is allowed, text


async def test_a_database_that_is_away_is_a_temporary_refusal(scene: Scene) -> None:
    """451 and nothing about the cause in public."""
    scene.database.fail()
    refusal = await scene.rcpt("alice@ours.test")
    assert refusal is not None
    assert (refusal.code, refusal.enhanced) == (451, "4.3.0")
    assert refusal.cause == "told to fail"
    assert refusal.cause not in refusal.text


async def test_an_alias_that_goes_in_circles_is_logged(scene: Scene) -> None:
    """The administrator can see which aliases to mend."""
    with capture_logs() as lines:
        await scene.rcpt("round@ours.test")
    assert [(line["event"], line["via"]) for line in lines] == [
        ("alias.loop", "round@ours.test -> about@ours.test")
    ]


async def test_a_new_account_is_reachable_within_a_second(scene: Scene) -> None:
    """Although it was asked for before, and no feed told of it."""
    refusal = await scene.rcpt("new@ours.test")
    assert refusal is not None
    await scene.database.run(admin.add_account, "new@ours.test", credentials())
    await asyncio.sleep(1.01)
    assert await scene.rcpt("new@ours.test") is None
