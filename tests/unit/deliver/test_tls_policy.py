"""What TLS is demanded of a host, step by step: routes, MTA-STS, REQUIRETLS, settings, the memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from policy_scene import PolicyScene
from scripted_dns import ScriptedDns

from posthouse.deliver.remote.contract import Host, TlsPolicy
from posthouse.deliver.remote.mta_sts import StsPolicy
from posthouse.deliver.remote.mta_sts_store import Sts
from posthouse.deliver.results import Said
from posthouse.route.contract import Target, Way
from posthouse.settings.contract import CurrentSettings

WAY = Way("mx:example.org", "example.org")
HOST = Host("mail.example.org", ("192.0.2.1",))
SECURE = Host("mail.example.org", ("192.0.2.1",), authentic=True)
TLSA = "3 1 1 " + "ab" * 32


def sts(mode: str = "enforce", *hosts: str) -> Sts:
    return Sts(StsPolicy(mode, hosts or ("*.example.org",), 86400, "one", 0.0))  # type: ignore[arg-type]


@pytest.fixture
def scene() -> PolicyScene:
    return PolicyScene(ScriptedDns({("mail.example.org", "A"): ["192.0.2.1"]}), CurrentSettings())


def refused(found: TlsPolicy | Said) -> tuple[int, str]:
    assert isinstance(found, Said)
    return found.code, found.status


async def test_nobody_demands_anything(scene: PolicyScene) -> None:
    """Opportunistic, or encrypted by our own setting."""
    assert await scene.tls.policy(WAY, HOST) == TlsPolicy("may")
    scene.over({"tls_out.default": "encrypt"})
    assert await scene.tls.policy(WAY, HOST) == TlsPolicy("encrypt", source="setting")


async def test_mta_sts(scene: PolicyScene) -> None:
    """enforce, testing, none; a host that is not named."""
    scene.sts.table["example.org"] = sts()
    assert await scene.tls.policy(WAY, HOST) == TlsPolicy("verify", ("mail.example.org",), source="mta-sts")
    scene.sts.table["example.org"] = sts("testing")
    policy = await scene.tls.policy(WAY, HOST)
    assert policy == TlsPolicy("verify", ("mail.example.org",), source="mta-sts", testing=True)
    scene.sts.table["example.org"] = sts("none")
    assert await scene.tls.policy(WAY, HOST) == TlsPolicy("may")
    assert not scene.reported
    scene.sts.table["example.org"] = sts("testing", "other.test")
    assert await scene.tls.policy(WAY, HOST) == TlsPolicy("may")
    scene.sts.table["example.org"] = sts("enforce", "other.test")
    assert refused(await scene.tls.policy(WAY, HOST)) == (451, "4.7.5")
    assert scene.reported == [("example.org", "sts", "validation-failure")] * 2
    scene.over({"tls_out.mta_sts": False})
    assert await scene.tls.policy(WAY, HOST) == TlsPolicy("may")


async def test_a_policy_that_cannot_be_had(scene: PolicyScene) -> None:
    """Without one in force mail goes on, and the domain is told."""
    scene.sts.table["example.org"] = Sts(None, "sts-webpki-invalid", "the certificate is not good")
    assert await scene.tls.policy(WAY, HOST) == TlsPolicy("may")
    assert scene.reported == [("example.org", "sts", "sts-webpki-invalid")]


async def test_dane_goes_before_mta_sts(scene: PolicyScene) -> None:
    """RFC 8461 2; records that cannot be used leave the word to a policy in force."""
    dns = scene.resolver
    assert isinstance(dns, ScriptedDns)
    dns.signed = {"example.org"}
    dns.table["_25._tcp.mail.example.org", "TLSA"] = (TLSA,)
    scene.sts.table["example.org"] = sts("enforce", "other.test")
    policy = await scene.tls.policy(WAY, SECURE)
    assert isinstance(policy, TlsPolicy)
    assert (policy.level, policy.source) == ("dane", "dane")
    scene.over({"tls_out.dane": False})
    assert refused(await scene.tls.policy(WAY, SECURE)) == (451, "4.7.5")
    scene.over({"tls_out.dane": True})
    dns.table["_25._tcp.mail.example.org", "TLSA"] = ("0 0 1 " + "ab" * 32,)
    scene.sts.table["example.org"] = sts()
    assert (await scene.tls.policy(WAY, SECURE)) == TlsPolicy(
        "verify", ("mail.example.org",), source="mta-sts"
    )
    scene.sts.table["example.org"] = sts("testing")
    assert (await scene.tls.policy(WAY, SECURE)) == TlsPolicy("encrypt", source="dane")


async def test_tlsa_of_what_was_not_validated_is_not_even_asked_for(scene: PolicyScene) -> None:
    """An attacker's records, or broken name servers of unsigned zones, have no say."""
    dns = scene.resolver
    assert isinstance(dns, ScriptedDns)
    dns.broken.add(("_25._tcp.mail.example.org", "TLSA"))
    assert await scene.tls.policy(WAY, HOST) == TlsPolicy("may")
    assert refused(await scene.tls.policy(WAY, SECURE)) == (451, "4.7.5")


@pytest.mark.parametrize(
    "row",
    [
        "3 1 1 ab",
        "3 1 9 " + "ab" * 32,
        "3 7 1 " + "ab" * 32,
        "9 1 1 " + "ab" * 32,
        "3 1 1 zz",
        "nonsense",
        "3 1 0 ",
    ],
)
async def test_records_that_cannot_be_used(scene: PolicyScene, row: str) -> None:
    """TLS is a must all the same (RFC 7672 2.2)."""
    dns = scene.resolver
    assert isinstance(dns, ScriptedDns)
    dns.signed = {"example.org"}
    dns.table["_25._tcp.mail.example.org", "TLSA"] = (row,)
    assert await scene.tls.policy(WAY, SECURE) == TlsPolicy("encrypt", source="dane")
    assert scene.reported == [("example.org", "tlsa", "tlsa-invalid")]


async def test_requiretls(scene: PolicyScene) -> None:
    """The host must be known to be the right one: by MTA-STS, DNSSEC, DANE or a route; else never."""
    assert refused(await scene.tls.policy(WAY, HOST, require_tls=True)) == (550, "5.7.30")
    verify = TlsPolicy("verify", ("mail.example.org",), source="requiretls")
    assert await scene.tls.policy(WAY, SECURE, require_tls=True) == verify
    for mode in ("enforce", "testing"):
        scene.sts.table["example.org"] = sts(mode)
        policy = await scene.tls.policy(WAY, HOST, require_tls=True)
        assert isinstance(policy, TlsPolicy)
        assert (policy.level, policy.testing) == ("verify", False)
    clear = Way("route:1", "example.org", (Target("mail.example.org"),), security="none")
    assert refused(await scene.tls.policy(clear, HOST, require_tls=True)) == (550, "5.7.30")
    open_ = Way("route:1", "example.org", (Target("mail.example.org"),))
    assert await scene.tls.policy(open_, HOST, require_tls=True) == verify


async def test_the_memory_alone_proves_nobody(scene: PolicyScene) -> None:
    """What was seen before is no proof of the host's name for REQUIRETLS."""
    scene.over({"tls_out.memory": "refuse"})
    scene.memory.levels["example.org"] = 2
    assert refused(await scene.tls.policy(WAY, HOST, require_tls=True)) == (550, "5.7.30")


async def test_routes(scene: PolicyScene) -> None:
    """They say for themselves."""
    target = (Target("mail.example.org", 587),)

    async def of(**more: object) -> TlsPolicy | Said:
        way = Way("route:1", "example.org", target, **more)  # type: ignore[arg-type]
        return await scene.tls.policy(way, HOST)

    scene.over({"tls_out.default": "encrypt"})
    assert await of() == TlsPolicy("may")
    assert await of(security="none") == TlsPolicy("none", source="route")
    assert await of(security="starttls") == TlsPolicy("encrypt", source="route")
    assert await of(security="tls") == TlsPolicy("encrypt", source="route", implicit=True)
    verified = TlsPolicy("verify", ("mail.example.org",), source="route")
    assert await of(security="starttls", verify=True) == verified
    socket = Host("/run/lmtp", ("/run/lmtp",))
    way = Way("route:1", "example.org", (Target("/run/lmtp"),), protocol="lmtp")
    assert await scene.tls.policy(way, socket) == TlsPolicy("none", source="route")


async def test_the_memory_refuses_only_if_told_to(scene: PolicyScene) -> None:
    """By default it warns; with refuse it demands what was there before."""
    scene.memory.levels["example.org"] = 1
    assert await scene.tls.policy(WAY, HOST) == TlsPolicy("may")
    scene.over({"tls_out.memory": "refuse"})
    assert await scene.tls.policy(WAY, HOST) == TlsPolicy("encrypt", source="setting")
    scene.memory.levels["example.org"] = 2
    assert await scene.tls.policy(WAY, HOST) == TlsPolicy("verify", ("mail.example.org",), source="setting")


async def test_outcomes(scene: PolicyScene) -> None:
    """To the memory as levels, to the reports as results; routes are nobody's business."""
    may, verify = TlsPolicy(), TlsPolicy("verify", source="mta-sts")
    testing = TlsPolicy("verify", source="mta-sts", testing=True)
    scene.tls.outcome(WAY, HOST, may, "TLSv1.3", "")
    scene.tls.outcome(WAY, HOST, may, "TLSv1.3", "", verified=True)
    scene.tls.outcome(WAY, HOST, may, "", "")
    scene.tls.outcome(WAY, HOST, verify, "TLSv1.3", "")
    scene.tls.outcome(WAY, HOST, verify, "", "certificate-expired")
    scene.tls.outcome(WAY, HOST, testing, "TLSv1.3", "certificate-expired")
    scene.tls.outcome(WAY, HOST, testing, "", "starttls-not-supported")
    scene.tls.outcome(WAY, HOST, may, "", "validation-failure")
    scene.tls.outcome(Way("route:1", "example.org", (Target("x.test"),)), HOST, may, "", "")
    assert [level for _, _, level, _ in scene.memory.noted] == [1, 2, 0, 2, -1, 1, 0, 0]
    assert [trouble for _, _, _, trouble in scene.memory.noted] == [
        "",
        "",
        "",
        "",
        "certificate-expired",
        "certificate-expired",
        "",
        "validation-failure",
    ]
    assert [result for _, _, result in scene.reported] == [
        "",
        "",
        "starttls-not-supported",
        "",
        "certificate-expired",
        "certificate-expired",
        "starttls-not-supported",
        "validation-failure",
    ]


async def test_steps_are_told(scene: PolicyScene) -> None:
    """Why it is so, in words."""
    scene.sts.table["example.org"] = sts()
    demand = await scene.tls.demand(WAY, HOST)
    assert [(step.name, step.state) for step in demand.steps] == [("dane", "nothing"), ("mta-sts", "demands")]
    assert "not validated" in demand.steps[0].text
    assert "mail.example.org" in demand.steps[1].text


async def test_a_route_without_target_may_want_tls(scene: PolicyScene) -> None:
    """``security`` and ``verify`` of a route hold for the hosts that the domain names, too."""
    way = replace(WAY, security="starttls", route_id=7, name="bank")
    encrypt = TlsPolicy("encrypt", source="route")
    assert await scene.tls.policy(way, HOST) == encrypt
    assert await scene.tls.policy(replace(way, security="tls"), HOST) == encrypt
    literal = Way("mx:[192.0.2.1]", "[192.0.2.1]", security="starttls")
    assert await scene.tls.policy(literal, Host("[192.0.2.1]", ("192.0.2.1",))) == encrypt
    verify = TlsPolicy("verify", ("mail.example.org",), source="route")
    assert await scene.tls.policy(replace(way, verify=True), HOST) == verify
    # a certificate for a name that anybody could have put into the answer proves nothing (RFC 8689 4.2.1)
    assert refused(await scene.tls.policy(replace(way, verify=True), HOST, require_tls=True)) == (
        550,
        "5.7.30",
    )
    scene.sts.table["example.org"] = sts("testing")
    assert await scene.tls.policy(way, HOST) == encrypt
    assert await scene.tls.policy(replace(way, verify=True), HOST) == verify
    scene.sts.table["example.org"] = sts()
    policy = await scene.tls.policy(way, HOST)
    assert policy == TlsPolicy("verify", ("mail.example.org",), source="mta-sts")
    scene.sts.table["example.org"] = sts("enforce", "other.test")
    assert refused(await scene.tls.policy(replace(way, verify=True), HOST)) == (451, "4.7.5")


async def test_dane_goes_before_the_wish_of_a_route_without_target(scene: PolicyScene) -> None:
    dns = scene.resolver
    assert isinstance(dns, ScriptedDns)
    dns.signed = {"example.org"}
    dns.table["_25._tcp.mail.example.org", "TLSA"] = (TLSA,)
    policy = await scene.tls.policy(replace(WAY, security="starttls", verify=True), SECURE)
    assert isinstance(policy, TlsPolicy)
    assert policy.level == "dane"
