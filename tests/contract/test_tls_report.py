"""TLS reports: gathered, sent by mail and by HTTPS, read again; on each engine."""

from __future__ import annotations

import email
import gzip
import json
import zlib
from email import policy as email_policy
from typing import Any

import pytest
import trustme
from policy_server import PolicyServer
from scripted_dns import ScriptedDns

from posthouse.database.contract import Database, Transaction
from posthouse.deliver import tls_report_records as records
from posthouse.deliver.remote import tls_report_read
from posthouse.deliver.remote.policy import Basis
from posthouse.deliver.remote.tls_report import TlsReports, day_of, places_of
from posthouse.deliver.remote.tls_report_read import BadReport, TlsReportReader, parse, read
from posthouse.deliver.remote.tls_report_send import TlsReportSender
from posthouse.settings.contract import CurrentSettings, Settings

DOMAIN = "example.org"
STS = Basis("sts", ("version: STSv1", "mode: enforce", "mx: *.example.org"), ("*.example.org",))
RUA = "v=TLSRPTv1; rua=mailto:reports@example.org"
DAY = 86_400.0


def test_where_reports_go() -> None:
    """RFC 8460 3; nonsense goes nowhere."""
    assert places_of((RUA,)) == ("mailto:reports@example.org",)
    both = "v=TLSRPTv1;rua=mailto:a@b.test, https://c.test/x ;"
    assert places_of((both, "v=spf1 -all")) == ("mailto:a@b.test", "https://c.test/x")
    for bad in (
        (),
        (RUA, RUA),
        ("v=TLSRPTv1; rua=",),
        ("v=TLSRPTv1; rua=http://a.test/",),
        ("v=TLSRPTv1; rua=mailto:no address",),
        ("v=TLSRPTv1; rua=mailto:a%0d%0aBcc:x@b.test",),
        ("v=TLSRPTv1; rua=https://user:word@c.test/",),
        ("v=TLSRPTv2; rua=mailto:a@b.test",),
    ):
        assert places_of(bad) == (), bad


class Scene:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.settings = CurrentSettings(Settings({"tlsrpt.organisation": "Us & Co"}))
        self.now = 1_800_000_000.0
        self.dns = ScriptedDns({("_smtp._tls.example.org", "TXT"): [RUA]})
        self.reports = TlsReports(database, self.dns, self.settings, lambda: self.now)
        self.sent: list[tuple[str, bytes]] = []
        self.trust: Any = None
        self.reader = TlsReportReader(database, self.settings, self._ours, lambda: self.now)

    async def _ours(self, domain: str) -> bool:
        return domain == DOMAIN

    def sender(self) -> TlsReportSender:
        async def send(recipient: str, message: bytes) -> None:
            self.sent.append((recipient, message))

        return TlsReportSender(
            self.database,
            self.dns,
            self.settings,
            send,
            lambda: "mail.us.test",
            clock=lambda: self.now,
            context=self.trust,
            allowed=lambda address: True,
        )

    async def gather(self) -> None:
        for result, count in (("", 3), ("certificate-expired", 2), ("certificate-host-mismatch", 1)):
            for _ in range(count):
                self.reports.note(DOMAIN, STS, "mail.example.org", result, "192.0.2.9" if count == 2 else "")
        self.reports.note(DOMAIN, Basis(), "mail.example.org", "starttls-not-supported", "")
        self.reports.note("silent.test", Basis(), "mail.silent.test", "", "")
        await self.reports.flush()

    async def rows(self, statement: Any, **values: Any) -> list[Any]:
        def op(tx: Transaction) -> list[Any]:
            return tx.execute(statement, values)

        return await self.database.read(op)

    async def received(self) -> list[Any]:
        return await self.rows(records.SELECT_PAGE, below=2**60, pattern="%", count=100)


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


async def test_results_are_counted_for_those_who_ask(scene: Scene) -> None:
    """By day, policy and result; over several writes; nothing for domains that want no reports."""
    await scene.gather()
    await scene.gather()
    day = day_of(scene.now)
    rows = await scene.rows(records.SELECT_RESULTS, of_day=day, of_domain=DOMAIN)
    assert sorted((row[0], row[5], int(row[6])) for row in rows) == [
        ("no-policy-found", "starttls-not-supported", 2),
        ("sts", "", 6),
        ("sts", "certificate-expired", 4),
        ("sts", "certificate-host-mismatch", 2),
    ]
    assert not await scene.rows(records.SELECT_RESULTS, of_day=day, of_domain="silent.test")


async def test_different_results_of_a_domain_are_bounded(scene: Scene) -> None:
    """A domain with ever new hosts does not fill the table."""
    for number in range(300):
        scene.reports.note(DOMAIN, Basis(), f"h{number}.example.org", "validation-failure", "")
    await scene.reports.flush()
    rows = await scene.rows(records.SELECT_RESULTS, of_day=day_of(scene.now), of_domain=DOMAIN)
    assert len(rows) == 200


async def test_a_report_is_sent_once_when_its_day_is_over(scene: Scene) -> None:
    """As RFC 8460 has it, in JSON and in mail; our own reader takes it."""
    await scene.gather()
    assert await scene.sender().once() == 0
    scene.now += 2 * DAY
    assert await scene.sender().once() == 1
    assert await scene.sender().once() == 0
    ((recipient, message),) = scene.sent
    assert recipient == "reports@example.org"
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert max(map(len, message.split(b"\r\n"))) <= 200
    parsed = email.message_from_bytes(message, policy=email_policy.default)
    assert parsed.get_content_type() == "multipart/report"
    assert parsed.get_param("report-type") == "tlsrpt"
    assert parsed["TLS-Report-Domain"] == DOMAIN
    assert parsed["TLS-Report-Submitter"] == "mail.us.test"
    assert parsed["From"] == "postmaster@mail.us.test" or parsed["From"] == "<postmaster@mail.us.test>"
    text, attached = list(parsed.iter_parts())
    assert text.get_content_type() == "text/plain"
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    name = attached.get_filename()
    assert name is not None
    assert name.startswith("mail.us.test!example.org!")
    assert name.endswith(".json.gz")
    report = json.loads(gzip.decompress(attached.get_payload(decode=True)))
    assert report["organization-name"] == "Us & Co"
    assert report["date-range"]["start-datetime"].endswith("T00:00:00Z")
    assert report["date-range"]["end-datetime"].endswith("T23:59:59Z")
    policies = {each["policy"]["policy-type"]: each for each in report["policies"]}
    sts = policies["sts"]
    assert sts["policy"]["policy-domain"] == DOMAIN
    assert sts["policy"]["policy-string"] == list(STS.lines)
    assert sts["policy"]["mx-host"] == ["*.example.org"]
    assert sts["summary"] == {"total-successful-session-count": 3, "total-failure-session-count": 3}
    expired = next(each for each in sts["failure-details"] if each["result-type"] == "certificate-expired")
    assert expired == {
        "result-type": "certificate-expired",
        "receiving-mx-hostname": "mail.example.org",
        "failed-session-count": 2,
        "sending-mta-ip": "192.0.2.9",
    }
    assert await scene.reader.take(message)
    assert await scene.reader.take(message)  # the same again counts once
    ((*_, good, bad, details),) = await scene.received()
    assert (good, bad) == (3, 4)
    assert {each["result"] for each in json.loads(details)} == {
        "certificate-expired",
        "certificate-host-mismatch",
        "starttls-not-supported",
    }


async def test_reports_by_https(scene: Scene) -> None:
    """Packed; what is not taken is tried again, and dropped after three days."""
    server = PolicyServer(
        trustme.CA(), ("reports.test",), lambda: b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
    )
    await server.begin()
    scene.trust = server.client()
    place = f"v=TLSRPTv1; rua=https://reports.test:{server.port}/in"
    scene.dns.table["_smtp._tls.example.org", "TXT"] = (place,)
    scene.dns.table["reports.test", "A"] = ("127.0.0.1",)
    await scene.gather()
    day = day_of(scene.now)
    scene.now += 2 * DAY
    assert await scene.sender().once() == 0
    assert await scene.rows(records.SELECT_RESULTS, of_day=day, of_domain=DOMAIN)
    server.answer = lambda: b"HTTP/1.1 201 Ok\r\nContent-Length: 0\r\n\r\n"
    assert await scene.sender().once() == 1
    head, _, body = server.seen[-1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /in HTTP/1.1\r\n")
    assert b"content-type: application/tlsrpt+gzip" in head.lower()
    assert parse(gzip.decompress(body))[0].good == 3
    await scene.gather()
    server.answer = lambda: b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
    day = day_of(scene.now)
    scene.now += 5 * DAY
    assert await scene.sender().once() == 0
    assert not await scene.rows(records.SELECT_RESULTS, of_day=day, of_domain=DOMAIN)
    await server.close()


async def test_nothing_is_sent_while_it_is_off_or_unwanted(scene: Scene) -> None:
    """Off: nothing is gathered. A domain that changed its mind gets nothing."""
    scene.settings.now = Settings({"tlsrpt.send": False})
    await scene.gather()
    assert not await scene.rows(records.SELECT_RESULTS, of_day=day_of(scene.now), of_domain=DOMAIN)
    scene.settings.now = Settings()
    await scene.gather()
    scene.dns.table.pop(("_smtp._tls.example.org", "TXT"))
    day = day_of(scene.now)
    scene.now += 2 * DAY
    assert await scene.sender().once() == 0
    assert not scene.sent
    assert not await scene.rows(records.SELECT_RESULTS, of_day=day, of_domain=DOMAIN)


async def test_many_domains_in_pages(scene: Scene) -> None:
    """More than one page of domains."""
    for number in range(60):
        domain = f"d{number:03}.test"
        scene.dns.table[f"_smtp._tls.{domain}", "TXT"] = (f"v=TLSRPTv1; rua=mailto:r@{domain}",)
        scene.reports.note(domain, Basis(), "", "", "")
    await scene.reports.flush()
    scene.now += 2 * DAY
    assert await scene.sender().once() == 60
    assert len({recipient for recipient, _ in scene.sent}) == 60


# ---------------------------------------------------------------------- reading what others send


def document(**over: Any) -> dict[str, Any]:
    return {
        "organization-name": "Them",
        "date-range": {"start-datetime": "2026-11-01T00:00:00Z", "end-datetime": "2026-11-01T23:59:59Z"},
        "contact-info": "tls@them.test",
        "report-id": "abc",
        "policies": [
            {
                "policy": {"policy-type": "sts", "policy-domain": DOMAIN},
                "summary": {"total-successful-session-count": 5, "total-failure-session-count": 1},
                "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 1}],
            }
        ],
        **over,
    }


def mail(content: bytes, kind: str = "application/tlsrpt+gzip") -> bytes:
    return (
        b"From: a@them.test\r\nContent-Type: multipart/report; report-type=tlsrpt; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x\r\nContent-Type: " + kind.encode() + b"\r\n"
        b"Content-Transfer-Encoding: binary\r\n\r\n" + content + b"\r\n--x--\r\n"
    )


def packed(found: Any) -> bytes:
    return gzip.compress(json.dumps(found).encode())


def test_a_report_of_another_is_read() -> None:
    """Packed or not; with nulls and fields we do not know; several policies of one domain together."""
    two = document(policies=document()["policies"] * 2, new={"deep": [1]})
    (found,) = read(mail(packed(two)))
    assert (found.domain, found.good, found.bad, len(found.details)) == (DOMAIN, 10, 2, 2)
    assert found.details[0]["result"] == "certificate-expired"
    plain = document()
    plain["policies"][0]["failure-details"] = None
    plain["policies"][0]["policy"]["policy-domain"] = "EXAMPLE.org."
    (found,) = read(mail(json.dumps(plain).encode(), "application/tlsrpt+json"))
    assert (found.domain, found.details) == (DOMAIN, [])


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Subject: hello\r\n\r\nworld",
        mail(b"nonsense"),
        mail(packed(document())[:-20]),
        mail(gzip.compress(b"[" * 100_000)),
        mail(packed([])),
        mail(packed(document(policies="x"))),
        mail(packed(document(**{"report-id": ""}))),
        mail(packed(document(**{"date-range": {}}))),
        mail(
            packed(document(**{"date-range": {"start-datetime": "9999-12-31T23:59:59Z", "end-datetime": ""}}))
        ),
        mail(packed(document(policies=document()["policies"] * 201))),
        mail(zlib.compress(b"{}")),
        mail(gzip.compress(b"\xff\xfe")),
    ],
)
def test_what_cannot_be_read(message: bytes) -> None:
    """Refused without a fuss."""
    with pytest.raises(BadReport):
        read(message)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would come out beyond the limit is never made."""
    monkeypatch.setattr(tls_report_read, "LARGEST", 100_000)
    with pytest.raises(BadReport, match="unpacks to more"):
        read(mail(gzip.compress(bytes(50_000_000))))


def test_numbers_and_texts_are_brought_within_bounds() -> None:
    """Of nobody's use, and of nobody's harm."""
    wild = document(**{"organization-name": "a\x00\u202eb" + "x" * 1000})
    wild["policies"][0]["summary"] = {
        "total-successful-session-count": 2**62,
        "total-failure-session-count": -5,
    }
    (found,) = read(mail(packed(wild)))
    assert (found.good, found.bad) == (2**40, 0)
    assert len(found.organisation) <= 255
    assert found.organisation.startswith("a")
    assert "\x00" not in found.organisation


async def test_only_of_our_domains_and_not_without_end(scene: Scene) -> None:
    """Others' domains are nobody's business; so many a day; old ones go."""
    other = document()
    other["policies"][0]["policy"]["policy-domain"] = "other.test"
    assert not await scene.reader.take(mail(packed(other)))
    assert not await scene.reader.take(b"Subject: hello\r\n\r\nworld")
    scene.settings.now = Settings({"tlsrpt.max_received": 10})
    taken = [
        await scene.reader.take(mail(packed(document(**{"report-id": f"r{number}"})))) for number in range(12)
    ]
    assert taken == [True] * 10 + [False] * 2
    assert len(await scene.received()) == 10
    scene.now += 91 * DAY
    await scene.reader.clean()
    assert await scene.received() == []
