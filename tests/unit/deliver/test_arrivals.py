"""What is read of mail that arrived: bounces to return paths of one recipient, and reports about TLS."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hashing import CountingHasher
from people import people

from posthouse.bodies.contract import BodyMissing
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.deliver import arrivals as module
from posthouse.deliver import tls_report_records
from posthouse.deliver.arrivals import VERP, Arrivals
from posthouse.deliver.dsn import verp
from posthouse.deliver.dsn.bounces import Wanted, page
from posthouse.deliver.remote.tls_report_read import TlsReportReader
from posthouse.directory.own_secrets import own_secret
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import parse_address
from posthouse.mail.envelope import Envelope, Origin, Recipient
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings

BOUNCE = (
    b"From: mailer-daemon@far.test\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
    b"--x\r\n\r\nNo.\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; far.test\r\n\r\n"
    b"Final-Recipient: rfc822; x@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    b"Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n--x--\r\n"
)


def report(domain: str) -> bytes:
    content = {
        "organization-name": "Far",
        "date-range": {"start-datetime": "2026-01-01T00:00:00Z", "end-datetime": "2026-01-01T23:59:59Z"},
        "contact-info": "a@far.test",
        "report-id": "1",
        "policies": [
            {
                "policy": {"policy-type": "no-policy-found", "policy-domain": domain},
                "summary": {"total-successful-session-count": 3, "total-failure-session-count": 0},
            }
        ],
    }
    return (
        b"From: a@far.test\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + gzip.compress(json.dumps(content).encode())
    )


@dataclass
class SomeBodies:
    """Bodies by digest."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def read(self, digest: str) -> bytes:
        if digest not in self.kept:
            raise BodyMissing(digest)
        return self.kept[digest]


@dataclass
class Scene:
    database: Database
    bodies: SomeBodies
    arrivals: Arrivals

    def arrive(self, digest: str, content: bytes | None, to: str, sender: str | None = None) -> None:
        if content is not None:
            self.bodies.kept[digest] = content
        envelope = Envelope(
            Origin("t", "ESMTP", "far.test", "192.0.2.1", 1),
            parse_address(sender) if sender else None,
            (Recipient(parse_address(to)),),
        )
        self.arrivals.arrived(envelope, digest, len(content or b""))

    async def read(self) -> None:
        """All that waits."""
        task = asyncio.create_task(self.arrivals.run())
        async with asyncio.timeout(20):
            while self.arrivals.waiting:
                await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def bounces(self, sender: str) -> list[tuple[str, bool]]:
        found, _ = await self.database.read(page, Wanted(sender=sender))
        return [(each.about.recipient, each.certain) for _, _, each in found]

    async def reports(self) -> list[str]:
        def op(tx: Transaction) -> list[str]:
            page = {"below": 2**62, "pattern": "%", "count": 10}
            return [row[3] for row in tx.execute(tls_report_records.SELECT_PAGE, page)]

        return await self.database.read(op)


@pytest.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    await people(database)
    settings = CurrentSettings()
    service = DirectoryService(database, LocalFeed(), settings, Passwords(1, CountingHasher()))
    bodies = SomeBodies()
    arrivals = Arrivals(
        database=database,
        settings=settings,
        bodies=bodies,  # type: ignore[arg-type]
        router=Router(service),
        reports=TlsReportReader(database, settings, service.is_local_domain),
    )
    yield Scene(database, bodies, arrivals)
    service.close()


async def test_a_bounce_to_one_recipients_return_path(scene: Scene) -> None:
    """It belongs to the sender, and nobody made it up; an ordinary one may be anybody's."""
    key = await scene.database.run(own_secret, VERP)
    path = verp.encode(parse_address("alice@ours.test"), parse_address("x@far.test"), key)
    assert path is not None
    scene.arrive("one", BOUNCE, str(path))
    scene.arrive("two", BOUNCE.replace(b"x@far", b"y@far"), "alice@ours.test")
    scene.arrive("three", BOUNCE, "alice@ours.test", sender="somebody@far.test")
    scene.arrive("four", b"Subject: I am away\r\n\r\nUntil Monday.\r\n", "alice@ours.test")
    scene.arrive("five", BOUNCE, "nobody@elsewhere.test")
    scene.arrive("six", None, "alice@ours.test")
    await scene.read()
    assert sorted(await scene.bounces("alice@ours.test")) == [("x@far.test", True), ("y@far.test", False)]
    assert await scene.bounces("nobody@elsewhere.test") == []


async def test_reports_about_our_domains(scene: Scene) -> None:
    scene.arrive("one", report("ours.test"), "TLSRPT@ours.test", sender="a@far.test")
    scene.arrive("two", report("theirs.test"), "tlsrpt@ours.test", sender="a@far.test")
    scene.arrive("three", report("ours.test"), "alice@ours.test", sender="a@far.test")
    scene.arrive("four", b"Subject: hello\r\n\r\n", "postmaster@ours.test", sender="a@far.test")
    await scene.read()
    assert len(await scene.reports()) == 1


async def test_nothing_is_kept_without_end(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes too fast is left out, and what is huge is not read."""
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    monkeypatch.setattr(module, "LARGEST", 10_000)
    scene.arrive("zero", BOUNCE + b"x" * 10_000, "alice@ours.test")
    assert scene.arrivals.waiting == 0
    for number in range(5):
        scene.arrive(str(number), BOUNCE.replace(b"x@far", b"x%d@far" % number), "alice@ours.test")
    assert scene.arrivals.waiting == 2
    await scene.read()
    assert len(await scene.bounces("alice@ours.test")) == 2
