"""Whose signature stands below a message, and below which it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hashing import CountingHasher
from memory_bodies import MemoryBodies, MemoryBody
from people import people

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.directory import signatures
from posthouse.directory.contract import Account
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.directory.signatures import OwnSignature
from posthouse.mail.address import parse_address
from posthouse.mail.envelope import Origin
from posthouse.receive.signatures import SignatureDesk
from posthouse.settings import smtp
from posthouse.settings.contract import CurrentSettings, Settings
from posthouse.settings.signatures import ENABLED, INJECTED

HEAD = "From: alice@ours.test\r\nTo: bob@ours.test\r\nSubject: hello\r\n"
TEXT = "Hello\r\n"


class Scene:
    def __init__(self, database: Database, found: dict[str, Account]) -> None:
        self.database = database
        self.alice, self.bob = found["alice"], found["bob"]
        self.feed = LocalFeed()
        self.settings = CurrentSettings(Settings())
        passwords = Passwords(1, CountingHasher())
        self.directory = DirectoryService(database, self.feed, self.settings, passwords)
        self.desk = SignatureDesk(
            self.directory, self.settings, MemoryBodies().spool, lambda: 1_700_000_000.0
        )

    async def has(self, who: Account | str, wanted: OwnSignature) -> None:
        """Give an account or (with "ours.test") its domain a signature."""
        scope, of_id = ("account", who.id) if isinstance(who, Account) else ("domain", self.alice.domain_id)
        await self.database.run(signatures.put, scope, of_id, wanted, feed=self.feed)

    async def signed(
        self,
        sender: str = "alice@ours.test",
        *recipients: str,
        account: Account | None = None,
        head: str = HEAD,
        text: str = TEXT,
        injected: bool = False,
    ) -> str:
        """What is below the text; "" where the message stays as it is."""
        origin = Origin("t1", "ESMTPSA", "there", "192.0.2.1", 1, account_id=(account or self.alice).id)
        to = [parse_address(each) for each in recipients or ("x@far.test",)]
        body = MemoryBody(f"{head}\r\n{text}".encode())
        found = await self.desk.sign(origin, parse_address(sender), to, body, injected=injected)
        if found is None:
            return ""
        content = bytes(found.buffer()).decode()
        before, _, after = content.partition(text)
        assert before == f"{head}\r\n"
        return after.strip()


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[Scene]:
    made = Scene(sqlite_database, await people(sqlite_database))
    yield made
    made.directory.close()


async def test_what_a_domain_s_signature_does_beside_one_of_an_account(scene: Scene) -> None:
    await scene.has("ours.test", OwnSignature("The house"))
    assert await scene.signed() == "The house"
    await scene.has(scene.alice, OwnSignature("Alice"))
    assert await scene.signed() == "Alice"
    await scene.has("ours.test", OwnSignature("The house", method="overwrite"))
    assert await scene.signed() == "The house"
    await scene.has("ours.test", OwnSignature("The house", method="append"))
    both = await scene.signed()
    assert both.startswith("Alice")
    assert both.endswith("The house")
    await scene.has("ours.test", OwnSignature("The house", active=False, method="overwrite"))
    assert await scene.signed() == "Alice"
    await scene.has(scene.alice, OwnSignature("Alice", active=False))
    assert await scene.signed() == ""


async def test_who_writes_as_an_alias_or_as_somebody_else(scene: Scene) -> None:
    """It is that of the account whose address stands there, else of who signed in."""
    await scene.has(scene.alice, OwnSignature("%user.address%: Alice"))
    await scene.has(scene.bob, OwnSignature("Bob"))
    assert await scene.signed("sales@ours.test") == "sales@ours.test: Alice"
    assert await scene.signed("bob@ours.test") == "Bob"
    assert await scene.signed("alice+news@ours.test", account=scene.bob) == "alice+news@ours.test: Alice"
    assert await scene.signed("x@far.test") == ""


async def test_mail_of_programs_that_is_put_in(scene: Scene) -> None:
    await scene.has(scene.alice, OwnSignature("Alice"))
    assert await scene.signed(injected=True) == ""
    scene.settings.now = Settings({INJECTED.name: True})
    assert await scene.signed(injected=True) == "Alice"
    scene.settings.now = Settings({ENABLED.name: False, INJECTED.name: True})
    assert await scene.signed(injected=True) == await scene.signed() == ""


async def test_replies_and_mail_within_the_domain(scene: Scene) -> None:
    reply = HEAD + "In-Reply-To: <1@far.test>\r\n"
    await scene.has(scene.alice, OwnSignature("Alice", within=False))
    assert await scene.signed(head=reply) == ""
    assert await scene.signed("alice@ours.test", "bob@ours.test") == ""
    assert await scene.signed("alice@ours.test", "bob@ours.test", "x@far.test") == "Alice"
    await scene.has(scene.alice, OwnSignature("Alice", replies=True))
    assert await scene.signed(head=reply) == "Alice"
    assert await scene.signed("alice@ours.test", "bob@ours.test") == "Alice"


@pytest.mark.parametrize("kind", ["signed; protocol=x", "encrypted; protocol=x"])
async def test_mail_that_is_signed_or_encrypted_stays_as_it_is(scene: Scene, kind: str) -> None:
    await scene.has(scene.alice, OwnSignature("Alice"))
    head = HEAD + f"MIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary=b\r\n"
    text = "--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\n\r\nx\r\n--b--\r\n"
    assert await scene.signed(head=head, text=text) == ""


async def test_a_message_that_would_be_too_large_goes_without(scene: Scene) -> None:
    await scene.has(scene.alice, OwnSignature("Alice " * 20))
    scene.settings.now = Settings({smtp.MAX_MESSAGE_SIZE.name: len(HEAD) + len(TEXT) + 100})
    assert await scene.signed() == ""
    scene.settings.now = Settings({smtp.MAX_MESSAGE_SIZE.name: len(HEAD) + len(TEXT) + 1000})
    assert (await scene.signed()).startswith("Alice Alice")
