"""What stands before mail of a list: a body is read once for all members and never copied for one of them."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import dataclass

import pytest

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.deliver.signing import MailSigner
from posthouse.directory import admin, dkim
from posthouse.directory.dkim import NewKey
from posthouse.net.dns import Answer
from posthouse.origin import dkim as signatures
from posthouse.origin.arc import ChainVerification
from posthouse.origin.dkim import Verification
from posthouse.origin.keys import make_key, record_of
from posthouse.origin.signature import KeyAnswer
from posthouse.queue.contract import LISTED, Lease, QueuedMessage, QueuedRecipient
from posthouse.settings.contract import CurrentSettings

NOW = time.time()
KEY = make_key("rsa-sha256")
SIZE = 5_000_000
BODY = (
    b"List-Id: <news.example.org>\r\nFrom: Ann <ann@far.test>\r\nTo: news@example.org\r\nSubject: x\r\n\r\n"
    + b"Some words of this line.\r\n" * (SIZE // 26)
)
ANSWERS = {"r._domainkey.example.org": KeyAnswer("found", (record_of(KEY.algorithm, KEY.public),))}


@dataclass
class NoDns:
    """Nobody is to be asked where there is no chain."""

    async def ask(self, name: str, kind: str, *, fresh: bool = False) -> Answer:
        raise AssertionError(name)


def lines_of(number: int) -> bytes:
    return f"List-Unsubscribe: <https://mail.example.org/lists/unsubscribe/{number}>\r\n".encode()


async def listed(lease: Lease) -> bytes:
    return lines_of(lease.id)


async def test_two_hundred_members_and_one_large_body(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(tx: Transaction) -> None:
        admin.add_domain(tx, "example.org")
        new = NewKey("r", KEY.algorithm, KEY.pem, KEY.public)
        dkim.add_key(tx, "example.org", new, NOW, None, state="active")

    await database.run(fill)
    hashed: list[int] = []
    real = signatures.hash_of

    def counted(body: bytes) -> bytes:
        hashed.append(len(body))
        return real(body)

    monkeypatch.setattr(signatures, "hash_of", counted)
    signer = MailSigner(
        database=database,
        feed=LocalFeed(),
        settings=CurrentSettings(),
        resolver=NoDns(),
        hostname=lambda: "mail.example.org",
        listed=listed,
    )
    message = QueuedMessage("t", "ab" * 32, len(BODY), "news+x@example.org", NOW, kind=LISTED)
    tracemalloc.start()
    try:
        kept = []
        for number in range(200):
            row = QueuedRecipient(f"m{number}@far.test", "mx:far.test")
            kept.append(await signer.sign(Lease(number, number, message, row, 1, "t", 0.0, 0.0), BODY))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        signer.close()
    assert hashed == [len(BODY)]
    assert most < SIZE, f"{most} bytes at once: the body is copied"
    for number in (0, 199):
        assert lines_of(number) in kept[number]
        (result,) = Verification(kept[number] + BODY, time.time()).results(ANSWERS)
        assert (result.state, result.domain) == ("pass", "example.org")
        chain = ChainVerification(kept[number] + BODY, time.time()).result(ANSWERS)
        assert (chain.state, chain.length) == ("pass", 1)
        other = kept[number].replace(lines_of(number), lines_of(number + 1))
        assert Verification(other + BODY, time.time()).results(ANSWERS)[0].state == "fail"
