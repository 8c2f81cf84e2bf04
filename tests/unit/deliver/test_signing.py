"""Who signs what: mail of our people by the domain of From, what is forwarded by a seal, strangers' mail not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio
from failing import FailingDatabase

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver.signing import IN_THREAD, MailSigner, from_domain, own_results
from posthouse.directory import admin, dkim
from posthouse.directory.dkim import NewKey
from posthouse.directory.dkim_records import dkim_keys
from posthouse.net.dns import Answer
from posthouse.origin.arc import ChainVerification
from posthouse.origin.dkim import Verification
from posthouse.origin.keys import PrivateKey, make_key, record_of
from posthouse.origin.signature import KeyAnswer
from posthouse.queue.contract import FORWARD, NOTICE, REPORT, Lease, QueuedMessage, QueuedRecipient
from posthouse.settings.contract import CurrentSettings, Settings

NOW = time.time()
RSA, ED = make_key("rsa-sha256"), make_key("ed25519-sha256")
BODY = b"From: Ann <ann@example.org>\r\nTo: bob@there.test\r\nSubject: x\r\n\r\nHello\r\n"
SUBMITTED = QueuedMessage("trace", "0" * 64, 1, "ann@example.org", NOW, account_id=1)
STRANGE = replace(SUBMITTED, account_id=None)


@dataclass
class FakeDns:
    """Answers with the records of keys."""

    records: dict[str, str] = field(default_factory=dict)
    down: bool = False

    async def ask(self, name: str, kind: str, *, fresh: bool = False) -> Answer:
        assert kind == "TXT"
        if self.down:
            return Answer("failed", reason="down")
        found = self.records.get(name)
        return Answer("found", (found,)) if found else Answer("missing")


def lease(message: QueuedMessage, recipient: str = "bob@there.test", orcpt: str = "") -> Lease:
    return Lease(1, 1, message, QueuedRecipient(recipient, "mx:there.test", orcpt=orcpt), 1, "t", 0.0, 0.0)


@dataclass
class Scene:
    database: Database
    signer: MailSigner
    dns: FakeDns
    settings: CurrentSettings

    async def add(self, domain: str, selector: str, key: PrivateKey, active: bool = True) -> None:
        def op(tx: Transaction) -> None:
            if not admin.has_domain(tx, domain):
                admin.add_domain(tx, domain)
            new = NewKey(selector, key.algorithm, key.pem, key.public)
            dkim.add_key(tx, domain, new, NOW, None, state="active" if active else "new")

        await self.database.run(op)
        name = f"{selector}._domainkey.{domain.encode('idna').decode()}"
        self.dns.records[name] = record_of(key.algorithm, key.public)

    async def sign(self, message: QueuedMessage, body: bytes = BODY, **given: str) -> bytes:
        return await self.signer.sign(lease(message, **given), body)

    def verified(self, prefix: bytes, body: bytes = BODY) -> list[tuple[str, str, str]]:
        answers = {name: KeyAnswer("found", (record,)) for name, record in self.dns.records.items()}
        found = Verification(prefix + body, time.time()).results(answers)
        return [(each.state, each.domain, each.selector) for each in found]

    def chain(self, message: bytes) -> tuple[str, int, tuple[str, ...]]:
        answers = {name: KeyAnswer("found", (record,)) for name, record in self.dns.records.items()}
        found = ChainVerification(message, time.time()).result(answers)
        return found.state, found.length, found.domains


@pytest_asyncio.fixture
async def scene(database: Database) -> AsyncIterator[Scene]:
    dns, settings = FakeDns(), CurrentSettings()
    signer = MailSigner(
        database=database,
        feed=LocalFeed(),
        settings=settings,
        resolver=dns,
        hostname=lambda: "mail.example.org",
    )
    yield Scene(database, signer, dns, settings)
    signer.close()


async def test_our_mail_is_signed_by_every_active_key(scene: Scene) -> None:
    await scene.add("example.org", "e", ED)
    await scene.add("example.org", "r", RSA)
    await scene.add("example.org", "next", make_key("ed25519-sha256"), active=False)
    signed = await scene.sign(SUBMITTED)
    assert scene.verified(signed) == [("pass", "example.org", "r"), ("pass", "example.org", "e")]


async def test_strangers_are_not_signed_whatever_their_from_says(scene: Scene) -> None:
    await scene.add("example.org", "r", RSA)
    assert await scene.sign(STRANGE) == b""
    for other in (b"ann@other.example", b"ann@sub.example.org", b"", b"nobody", b"ann@[192.0.2.1]"):
        assert await scene.sign(SUBMITTED, BODY.replace(b"ann@example.org", other)) == b""
    assert await scene.sign(SUBMITTED, b"From: eve@x.example\r\n" + BODY) == b"", "two From fields"


async def test_what_we_write_ourselves_is_signed_by_the_domain_of_the_host(scene: Scene) -> None:
    await scene.add("example.org", "r", RSA)
    notice = BODY.replace(b"ann@example.org", b"mailer-daemon@mail.example.org")
    for kind in (NOTICE, REPORT):
        signed = await scene.sign(replace(STRANGE, kind=kind), notice)
        assert scene.verified(signed, notice) == [("pass", "example.org", "r")]
    assert await scene.sign(SUBMITTED, notice) == b"", "people get no signature of the domain above theirs"


async def test_names_beyond_ascii(scene: Scene) -> None:
    await scene.add("bücher.example", "r", RSA)
    for given in ("ann@bücher.example", "ann@xn--bcher-kva.example", "ANN@BÜCHER.example"):
        body = BODY.replace(b"ann@example.org", given.encode())
        signed = await scene.sign(SUBMITTED, body)
        assert scene.verified(signed, body) == [("pass", "xn--bcher-kva.example", "r")]


async def test_a_change_of_keys_is_noticed(scene: Scene) -> None:
    await scene.add("example.org", "r", RSA)
    assert len(scene.verified(await scene.sign(SUBMITTED))) == 1
    await scene.add("example.org", "e", ED)
    await asyncio.sleep(1.1)  # what is known of the directory is a second old at most
    assert len(scene.verified(await scene.sign(SUBMITTED))) == 2
    scene.settings.now = Settings({"dkim.sign": False}, 1)
    assert await scene.sign(SUBMITTED) == b""


async def test_large_messages_are_signed_in_a_thread(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await scene.add("example.org", "r", RSA)
    used = []
    real = asyncio.to_thread

    async def counted(*given: object) -> object:
        used.append(1)
        return await real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("posthouse.deliver.signing.asyncio.to_thread", counted)
    body = BODY + b"x\r\n" * IN_THREAD
    assert scene.verified(await scene.sign(SUBMITTED, body), body) == [("pass", "example.org", "r")]
    assert used == [1]


async def test_a_key_that_cannot_be_read_is_left_out(scene: Scene) -> None:
    await scene.add("example.org", "r", RSA)
    await scene.add("example.org", "e", ED)
    await scene.database.run(
        lambda tx: tx.change(
            dkim_keys.update().where(dkim_keys.c.selector == "r").values(secret_key="damaged")
        )
    )
    assert scene.verified(await scene.sign(SUBMITTED)) == [("pass", "example.org", "e")]


async def test_trouble_sends_unsigned_but_a_database_away_waits(scene: Scene, database: Database) -> None:
    await scene.add("example.org", "r", RSA)
    huge = b"X: " + b"y" * 2_000_000 + b"\r\n" + BODY
    assert await scene.sign(SUBMITTED, huge) == b""
    failing = FailingDatabase(database)
    failing.fail()
    signer = MailSigner(
        database=failing, feed=LocalFeed(), settings=scene.settings, resolver=scene.dns, hostname=lambda: "x"
    )
    with pytest.raises(DatabaseUnavailable):
        await signer.sign(lease(SUBMITTED), BODY)


FORWARDED = replace(STRANGE, kind=FORWARD, sender="SRS0=aaaa=bb=far.example=ann@example.org")


async def test_forwards_are_sealed_by_the_domain_that_forwards(scene: Scene) -> None:
    await scene.add("example.org", "r", RSA)
    await scene.add("example.org", "e", ED)
    sealed = await scene.sign(FORWARDED)
    assert scene.chain(sealed + BODY) == ("pass", 1, ("example.org",))
    assert b"ARC-Authentication-Results: i=1; mail.example.org; none\r\n" in sealed
    assert b"DKIM-Signature" not in sealed
    # Upon a seal of another: theirs is verified and named.
    again = await scene.sign(FORWARDED, sealed + BODY)
    assert scene.chain(again + sealed + BODY) == ("pass", 2, ("example.org", "example.org"))
    assert b"i=2; mail.example.org; arc=pass\r\n" in again
    # A broken chain is said to be broken; one that cannot be asked about stays as it is.
    broken = sealed + BODY.replace(b"Subject: x", b"Subject: y")
    assert b"cv=fail" in await scene.sign(FORWARDED, broken)
    scene.dns.down = True
    assert await scene.sign(FORWARDED, sealed + BODY) == b""


async def test_the_forwarding_domain_is_found(scene: Scene) -> None:
    await scene.add("list.example", "r", RSA)
    plain = replace(FORWARDED, sender="")
    assert await scene.sign(plain) == b"", "no domain of ours is in it"
    assert b"d=list.example" in await scene.sign(plain, orcpt="rfc822;info@list.example")
    await scene.add("example.org", "r", make_key("rsa-sha256"))
    await asyncio.sleep(1.1)
    assert b"d=example.org" in await scene.sign(plain), "the server's own domain at last"


def test_only_results_of_our_own_making_count() -> None:
    mine = b"Authentication-Results: mail.example.org (here) 1;\r\n spf=pass smtp.mailfrom=a@b;\r\n dkim=none\r\n"
    assert (
        own_results(mine + b"Received: x\r\n" + BODY, "mail.example.org")
        == "spf=pass smtp.mailfrom=a@b; dkim=none"
    )
    assert own_results(b"Received: x\r\n" + mine + BODY, "mail.example.org") == ""
    assert own_results(mine + BODY, "other.example.org") == ""
    assert own_results(BODY, "mail.example.org") == ""


@pytest.mark.parametrize(
    ("field", "domain"),
    [
        (b"ann@example.org", "example.org"),
        (b"Ann <ann@EXAMPLE.org>, Bob <bob@x.example>", "example.org"),
        (b"Friends: ann@example.org, bob@x.example;", "example.org"),
        (b"=?utf-8?q?A?= <ann@example.org>", "example.org"),
        (b"undisclosed:;", ""),
        (b"ann@\xff\xfe", ""),
        (b"<>", ""),
    ],
)
def test_the_domain_of_from(field: bytes, domain: str) -> None:
    assert from_domain(b"From: " + field + b"\r\n\r\n") == domain


SPOOFED = b"Sender: ann@example.org\r\nFrom: Boss <boss@bank.example>\r\nSubject: x\r\n\r\nHello\r\n"


@pytest.mark.parametrize(
    ("rule", "account_id", "signed_by"),
    [("sender", 1, "example.org"), ("refuse", 0, "example.org"), ("refuse", 1, "bank.example")],
)
async def test_nobody_speaks_with_the_key_of_another_domain(
    scene: Scene, rule: str, account_id: int, signed_by: str
) -> None:
    """Where From may be foreign, the Sender that was added says whose domain answers for it: also for local programs
    (account 0). Where From was checked, it is From."""
    await scene.add("example.org", "r", RSA)
    await scene.add("bank.example", "b", RSA)
    scene.settings.now = Settings({"smtp.from_must_be_own": rule}, 1)
    message = replace(SUBMITTED, account_id=account_id)
    assert [each[:2] for each in scene.verified(await scene.sign(message, SPOOFED), SPOOFED)] == [
        ("pass", signed_by)
    ]
    twice = b"Sender: a@bank.example\r\n" + SPOOFED
    assert bool(await scene.sign(message, twice)) == (signed_by == "bank.example")


async def test_local_programs_are_signed(scene: Scene) -> None:
    await scene.add("example.org", "r", RSA)
    assert scene.verified(await scene.sign(replace(SUBMITTED, account_id=0))) == [
        ("pass", "example.org", "r")
    ]
