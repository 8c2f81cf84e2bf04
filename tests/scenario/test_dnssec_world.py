"""Real zones on nsd, signed and not, through a validating unbound: which hosts are found, and what TLS they owe."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from policy_scene import PolicyScene
from signed_zones import SignedZones

from posthouse.deliver.remote.contract import TlsPolicy
from posthouse.deliver.results import Said
from posthouse.net.dns import Resolver
from posthouse.route.contract import Target, Way
from posthouse.settings.contract import CurrentSettings, Settings

pytestmark = [
    pytest.mark.needs("nsd", "unbound", "dnssec-signzone"),
    pytest.mark.timeout(180),
]

KEY = hashlib.sha256(b"the key of the host").hexdigest()
LONG = hashlib.sha512(b"the key of the host").hexdigest()

SIGNED = f"""
@ MX 10 mail
mail A 127.0.0.2
_25._tcp.mail TLSA 3 1 1 {KEY}
nodane MX 10 bare
bare A 127.0.0.3
null MX 0 .
spoiled MX 10 bad
bad A 127.0.0.4
_25._tcp.bad TLSA 3 1 1 {KEY}
useless MX 10 odd
odd A 127.0.0.5
_25._tcp.odd TLSA 1 1 1 {KEY}
outside MX 10 mail.plain.test.
aliased MX 10 alias
alias CNAME mail
half MX 10 outward
outward CNAME mail.plain.test.
_25._tcp.outward TLSA 3 1 1 {KEY}
agile MX 10 two
two A 127.0.0.6
_25._tcp.two TLSA 3 1 1 {KEY}
_25._tcp.two TLSA 3 1 2 {LONG}
_25._tcp.two TLSA 2 0 1 {KEY}
direct A 127.0.0.7
badaddress MX 10 wrong
wrong A 127.0.0.8
nothing TXT "no mail here"
"""

PLAIN = f"""
@ MX 10 mail
mail A 127.0.0.2
_25._tcp.mail TLSA 3 1 1 {KEY}
toothers MX 10 mail.signed.test.
"""


@pytest.fixture(scope="module")
def zones() -> Iterator[SignedZones]:
    with SignedZones(
        {"signed.test": SIGNED, "plain.test": PLAIN, "gone.test": ""},
        unsigned=["plain.test"],
        spoiled=["_25._tcp.bad.signed.test TLSA", "wrong.signed.test A"],
        broken=["gone.test"],
    ) as world:
        yield world


@pytest.fixture
async def scene(zones: SignedZones, tmp_path: object) -> PolicyScene:
    settings = CurrentSettings(Settings({"dns.servers": zones.place, "mx.places": "any"}))
    return PolicyScene(Resolver(settings), settings)


async def demanded(scene: PolicyScene, domain: str, **more: bool) -> TlsPolicy | Said:
    """What is asked of the first host of a domain."""
    way = Way(f"mx:{domain}", domain)
    found = await scene.finder.find(way)
    if not found.hosts:
        assert found.trouble is not None
        return found.trouble
    return await scene.tls.policy(way, found.hosts[0], **more)


async def test_good_records(scene: PolicyScene) -> None:
    """Signed from MX to TLSA: the certificate must be the one."""
    policy = await demanded(scene, "signed.test")
    assert isinstance(policy, TlsPolicy)
    assert (policy.level, policy.source) == ("dane", "dane")
    assert policy.tlsa == ((3, 1, 1, bytes.fromhex(KEY)),)
    assert policy.names == ("mail.signed.test", "signed.test")
    assert (await demanded(scene, "signed.test", require_tls=True)) == policy


async def test_no_records_and_no_signatures(scene: PolicyScene) -> None:
    """A proof that there are none, and a zone that is not signed: opportunistic."""
    assert await demanded(scene, "nodane.signed.test") == TlsPolicy("may")
    assert await demanded(scene, "plain.test") == TlsPolicy("may")
    assert await demanded(scene, "outside.signed.test") == TlsPolicy("may")


async def test_an_unsigned_mx_to_a_signed_host(scene: PolicyScene) -> None:
    """Who named the host is not known: its records do not count (RFC 7672 2.2.1)."""
    assert await demanded(scene, "toothers.plain.test") == TlsPolicy("may")


async def test_bogus_records(scene: PolicyScene) -> None:
    """Nothing is sent while they cannot be validated."""
    found = await demanded(scene, "spoiled.signed.test")
    assert isinstance(found, Said)
    assert (found.code, found.status) == (451, "4.7.5")
    assert ("spoiled.signed.test", "tlsa", "dnssec-invalid") in scene.reported


async def test_bogus_addresses(scene: PolicyScene) -> None:
    """The host cannot be found: later."""
    found = await demanded(scene, "badaddress.signed.test")
    assert isinstance(found, Said)
    assert (found.code, found.status) == (451, "4.4.3")


async def test_useless_records(scene: PolicyScene) -> None:
    """Records we cannot use still say that TLS is there."""
    assert await demanded(scene, "useless.signed.test") == TlsPolicy("encrypt", source="dane")


async def test_aliases(scene: PolicyScene) -> None:
    """The records of what a signed alias leads to; those of the alias where that is not signed."""
    policy = await demanded(scene, "aliased.signed.test")
    assert isinstance(policy, TlsPolicy)
    assert policy.level == "dane"
    assert policy.names == ("mail.signed.test", "alias.signed.test", "aliased.signed.test")
    policy = await demanded(scene, "half.signed.test")
    assert isinstance(policy, TlsPolicy)
    assert (policy.level, policy.names[0]) == ("dane", "outward.signed.test")


async def test_the_stronger_digest_counts(scene: PolicyScene) -> None:
    """RFC 7671 9; other usages stay."""
    policy = await demanded(scene, "agile.signed.test")
    assert isinstance(policy, TlsPolicy)
    assert set(policy.tlsa) == {(3, 1, 2, bytes.fromhex(LONG)), (2, 0, 1, bytes.fromhex(KEY))}


async def test_what_the_dns_says_of_domains(scene: PolicyScene) -> None:
    """Null MX, no such domain, nothing there, no answer."""
    for domain, code, status in (
        ("null.signed.test", 556, "5.1.10"),
        ("nowhere.signed.test", 550, "5.1.2"),
        ("nothing.signed.test", 550, "5.1.2"),
        ("gone.test", 451, "4.4.3"),
    ):
        found = await demanded(scene, domain)
        assert isinstance(found, Said), domain
        assert (found.code, found.status) == (code, status), domain


async def test_requiretls(scene: PolicyScene) -> None:
    """DNSSEC names the host: its certificate must be good. Nothing names it: never."""
    policy = await demanded(scene, "nodane.signed.test", require_tls=True)
    assert policy == TlsPolicy("verify", ("bare.signed.test",), source="requiretls")
    found = await demanded(scene, "plain.test", require_tls=True)
    assert isinstance(found, Said)
    assert (found.code, found.status) == (550, "5.7.30")


async def test_the_resolver_is_not_trusted(scene: PolicyScene) -> None:
    """Without trust in its word there is no DANE."""
    scene.over({"dns.trust_ad": "no"})
    assert await demanded(scene, "signed.test") == TlsPolicy("may")


async def test_a_smart_host_with_records(scene: PolicyScene) -> None:
    """The host of a route has DANE too, at the route's port, while the route does not say otherwise."""
    way = Way("route:1", "else.test", (Target("mail.signed.test", 25),), security="starttls", name="smart")
    found = await scene.finder.find(way)
    policy = await scene.tls.policy(way, found.hosts[0])
    assert isinstance(policy, TlsPolicy)
    assert (policy.level, policy.names) == ("dane", ("mail.signed.test",))
    other = Way("route:1", "else.test", (Target("mail.signed.test", 587),), security="starttls")
    found = await scene.finder.find(other)
    assert await scene.tls.policy(other, found.hosts[0]) == TlsPolicy("encrypt", source="route")


async def test_negative_answers_live_as_long_as_the_soa_says(scene: PolicyScene) -> None:
    """RFC 2308: the minimum of the SOA, here a minute."""
    missing = await scene.resolver.ask("nowhere.signed.test", "A")
    empty = await scene.resolver.ask("mail.signed.test", "TXT")
    assert (missing.state, empty.state) == ("missing", "empty")
    assert missing.authentic
    assert empty.authentic
    assert 0 < missing.ttl <= 60
    assert 0 < empty.ttl <= 60
