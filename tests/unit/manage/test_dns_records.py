"""What a domain should publish, how it is written, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dns.rdatatype
import dns.zone
import pytest
from dns_server import DnsServer

from posthouse.manage import dns_forms, dns_state, dns_wanted
from posthouse.manage.context import Actor, Context
from posthouse.manage.dns_wanted import Facts, Service, Wanted
from posthouse.manage.errors import ManageError
from posthouse.manage.use import perform
from posthouse.net.dns import Resolver
from posthouse.settings.contract import CurrentSettings, Settings

SERVICES = (
    Service("imap", "implicit", 993),
    Service("imap", "starttls", 143),
    Service("submission", "implicit", 465),
    Service("http", "implicit", 443),
)
POLICY = dns_wanted.policy_text("mail.example.org", "testing", 86400)
FACTS = Facts(
    domain="example.org",
    host="mail.example.org",
    addresses=("192.0.2.1", "2001:db8::1"),
    services=SERVICES,
    policy=POLICY,
    issuer="letsencrypt.org",
)


def test_what_is_wanted() -> None:
    """Every record for what is offered, and none for what is not (POP3, STARTTLS submission)."""
    found = {(record.name, record.type): dns_forms.shown(record) for record in dns_wanted.records(FACTS)}
    assert found[("example.org", "MX")] == "10 mail.example.org"
    assert found[("mail.example.org", "A")] == "192.0.2.1"
    assert found[("mail.example.org", "AAAA")] == "2001:db8::1"
    assert found[("_imaps._tcp.example.org", "SRV")] == "0 1 993 mail.example.org"
    assert found[("_submissions._tcp.example.org", "SRV")] == "0 1 465 mail.example.org"
    assert found[("_autodiscover._tcp.example.org", "SRV")] == "0 1 443 mail.example.org"
    assert found[("mta-sts.example.org", "CNAME")] == "mail.example.org"
    assert found[("1.2.0.192.in-addr.arpa", "PTR")] == "mail.example.org"
    assert found[("example.org", "CAA")] == '0 issue "letsencrypt.org"'
    assert not [name for name, _ in found if "pop3" in name or name.startswith("_submission._")]
    assert not [name for name, _ in found if "_domainkey" in name]


def test_a_host_of_another_domain() -> None:
    """Its addresses belong to the other zone."""
    other = Facts(domain="example.com", host="mail.example.org", addresses=("192.0.2.1",))
    assert not [record for record in dns_wanted.records(other) if record.type in ("A", "AAAA")]


def test_the_policy_id_follows_the_policy() -> None:
    """The same for the same text, another for another, and legal (RFC 8461 3.1)."""
    other = dns_wanted.policy_text("mail.example.org", "enforce", 86400)
    assert dns_wanted.policy_id(POLICY) == dns_wanted.policy_id(POLICY) != dns_wanted.policy_id(other)
    assert dns_wanted.policy_id(POLICY).isalnum()
    assert len(dns_wanted.policy_id(POLICY)) <= 32


def test_the_zone_file_is_read_by_another_program() -> None:
    """dnspython reads back exactly what was wanted; quotes, backslashes, long and non-ASCII texts too."""
    long = 'a"b\\c;' + "é" * 300
    extra = Wanted(name="_x.example.org", type="TXT", value=long, why="why", need="may")
    wanted = [*dns_wanted.records(FACTS), extra]
    text = dns_forms.zone_file("example.org", wanted) + "@ 60 IN SOA a. b. 1 2 3 4 5\n@ 60 IN NS a.\n"
    zone = dns.zone.from_text(text, origin="example.org", relativize=False)
    read = {
        (str(name).rstrip("."), dns.rdatatype.to_text(rdata.rdtype)): rdata
        for name, _, rdata in zone.iterate_rdatas()
    }
    for record in wanted:
        if record.elsewhere:
            assert f"; {record.name}. 3600 IN PTR mail.example.org." in text
            continue
        rdata: Any = read[(record.name, record.type)]
        if record.type == "TXT":
            assert b"".join(rdata.strings).decode() == record.value
            assert all(len(each) <= 255 for each in rdata.strings)
        else:
            assert rdata.to_text().replace(".\n", "").rstrip(".") == dns_forms.shown(record)


def form(key: str, kind: str, name: str) -> dict[str, str]:
    forms = {each.key: each for each in dns_forms.provider_forms("example.org", dns_wanted.records(FACTS))}
    for record in forms[key].records:
        fields = {field.label: field.value for field in record.fields}
        if record.type == kind and name in fields.values():
            return fields
    raise AssertionError(f"{key} has no {kind} {name}")


def test_forms_are_typed_as_the_provider_has_them() -> None:
    """Relative names, final dots, quotes, fields of their own."""
    assert form("cloudflare", "MX", "@") == {
        "Name": "@", "Priority": "10", "Mail server": "mail.example.org", "TTL": "3600"
    }  # fmt: skip
    assert form("route53", "MX", "")["Value"] == "10 mail.example.org"
    assert form("hetzner", "MX", "@")["Value"] == "10 mail.example.org."
    assert form("route53", "TXT", "_dmarc")["Value"].startswith('"v=DMARC1;')
    assert form("ovh", "TXT", "_dmarc")["Target"].startswith("v=DMARC1;")
    assert form("desec", "SRV", "_imaps._tcp")["Content"] == "0 1 993 mail.example.org."
    assert form("godaddy", "SRV", "_imaps") == {
        "Service": "_imaps", "Protocol": "_tcp", "Name": "@", "Priority": "0", "Weight": "1", "Port": "993",
        "Target": "mail.example.org", "TTL": "3600",
    }  # fmt: skip
    assert form("cloudflare", "CAA", "@")["Certificate authority"] == "letsencrypt.org"


@pytest.fixture
def nameserver() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


async def judged(nameserver: DnsServer, name: str, kind: str) -> dns_state.RecordState:
    records = [each for each in dns_wanted.records(FACTS) if (each.name, each.type) == (name, kind)]
    assert len(records) == 1
    settings = CurrentSettings(Settings({"dns.servers": nameserver.place, "dns.timeout": 0.5}))
    return (await dns_state.states(Resolver(settings), records))[0]


@pytest.mark.parametrize(
    ("name", "kind", "zone", "state"),
    [
        ("example.org", "MX", "", "missing"),
        ("example.org", "MX", "example.org. MX 5 mail.example.org.", "right"),
        ("example.org", "MX", "example.org. MX 5 mx.other.example.", "different"),
        ("example.org", "TXT", 'example.org. TXT "verify=1"', "missing"),
        ("example.org", "TXT", 'example.org. TXT "v=spf1 a mx include:x.example ~all"', "right"),
        ("example.org", "TXT", 'example.org. TXT "v=spf1 mx +all"', "different"),
        ("example.org", "TXT", 'example.org. TXT "v=spf1 -all"', "different"),
        (
            "example.org",
            "TXT",
            'example.org. TXT "v=spf1 mx -all"\nexample.org. TXT "v=spf1 a -all"',
            "different",
        ),
        ("_dmarc.example.org", "TXT", '_dmarc.example.org. TXT "v=DMARC1;p=reject"', "right"),
        ("_dmarc.example.org", "TXT", '_dmarc.example.org. TXT "v=DMARC1; rua=x"', "different"),
        ("_mta-sts.example.org", "TXT", '_mta-sts.example.org. TXT "v=STSv1; id=old"', "different"),
        (
            "_smtp._tls.example.org",
            "TXT",
            '_smtp._tls.example.org. TXT "v=TLSRPTv1; rua=mailto:a@b.example"',
            "right",
        ),
        ("_imaps._tcp.example.org", "SRV", "_imaps._tcp.example.org. SRV 5 5 993 mail.example.org.", "right"),
        (
            "_imaps._tcp.example.org",
            "SRV",
            "_imaps._tcp.example.org. SRV 0 1 994 mail.example.org.",
            "different",
        ),
        ("autoconfig.example.org", "CNAME", "autoconfig.example.org. CNAME mail.example.org.", "right"),
        (
            "autoconfig.example.org",
            "CNAME",
            "autoconfig.example.org. A 192.0.2.1\nmail.example.org. A 192.0.2.1",
            "right",
        ),
        (
            "autoconfig.example.org",
            "CNAME",
            "autoconfig.example.org. A 192.0.2.9\nmail.example.org. A 192.0.2.1",
            "different",
        ),
        ("1.2.0.192.in-addr.arpa", "PTR", "1.2.0.192.in-addr.arpa. PTR mail.example.org.", "different"),
        (
            "1.2.0.192.in-addr.arpa",
            "PTR",
            "1.2.0.192.in-addr.arpa. PTR mail.example.org.\nmail.example.org. A 192.0.2.1",
            "right",
        ),
        ("example.org", "CAA", 'example.org. CAA 0 issue "letsencrypt.org"', "right"),
        ("example.org", "CAA", 'example.org. CAA 0 issue "other.example"', "different"),
        ("example.org", "CAA", 'example.org. CAA 0 iodef "mailto:a@b.example"', "right"),
    ],
)
async def test_states(nameserver: DnsServer, name: str, kind: str, zone: str, state: str) -> None:
    """A record is judged by what it means."""
    nameserver.add(zone)
    found = await judged(nameserver, name, kind)
    assert found.state == state, found
    assert bool(found.note) == (state == "different")


async def test_no_answer_is_no_finding(nameserver: DnsServer) -> None:
    """A failing DNS says nothing about the record."""
    nameserver.broken.add("example.org")
    assert (await judged(nameserver, "example.org", "MX")).state == "unknown"
    assert (await judged(nameserver, "example.org", "TXT")).state == "unknown"


async def test_the_use(context: Context, nameserver: DnsServer) -> None:
    """Records of our domains only; a domain administrator sees his own; IDNA in the records."""
    context.settings.now = Settings(
        {
            "dns.servers": nameserver.place,
            "server.hostname": "mail.xn--bcher-kva.example",
            "server.addresses": "192.0.2.1",
        }
    )
    tester = Actor("tester", "test")
    await perform(context, tester, "domain.add", {"name": "bücher.example"})
    nameserver.add("xn--bcher-kva.example. MX 10 mail.xn--bcher-kva.example.")
    admin = Actor(
        "d@x.example", "test", role="domain", account="d@x.example", domains=frozenset({"bücher.example"})
    )
    found = await perform(context, admin, "dns.records", {"domain": "bücher.example"})
    assert found.ascii == "xn--bcher-kva.example"
    states = {(record.name, record.type): record.state for record in found.records}
    assert states[("xn--bcher-kva.example", "MX")] == "right"
    assert states[("mail.xn--bcher-kva.example", "A")] == "missing"
    assert "xn--bcher-kva.example. 3600 IN MX 10 mail.xn--bcher-kva.example." in found.zone
    with pytest.raises(ManageError) as refused:
        await perform(context, admin, "dns.records", {"domain": "example.com"})
    assert refused.value.kind == "refused"
    with pytest.raises(ManageError) as missing:
        await perform(context, tester, "dns.records", {"domain": "example.com"})
    assert missing.value.kind == "missing"
