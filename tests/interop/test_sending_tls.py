"""DANE, MTA-STS and REQUIRETLS through a whole server: real signed zones, a real HTTPS server of policies, Postfix with
good and bad certificates; what is sent, what waits, and what is noted for the reports of RFC 8460."""

from __future__ import annotations

import pytest
from mail_world import ANNA, CARL, POLICIES, MailWorld, arrived, call, submit, wait_for

pytestmark = [
    pytest.mark.needs("nsd", "unbound", "dnssec-signzone", "postfix"),
    pytest.mark.timeout(180),
]


def delivered(world: MailWorld, domain: str) -> str:
    """Send a message to somebody at Postfix; what the trace says once it is there."""
    recipient = f"user@{domain}"
    assert world.postfix
    submit(world.here, f"mail for {domain}", recipient)
    wait_for(lambda: world.postfix.mail(recipient), lambda: world.trace(recipient))
    wait_for(lambda: "relayed" in world.trace(recipient))
    (line,) = [line for line in world.trace(recipient).splitlines() if "relayed" in line]
    return line


def held_back(world: MailWorld, domain: str) -> str:
    """Send a message that must not leave; why it waits."""
    recipient = f"user@{domain}"
    assert world.postfix
    submit(world.here, f"mail for {domain}", recipient)
    row = world.waits(recipient)
    assert row["status"] == "4.7.5"
    assert recipient not in world.postfix.log  # it never heard of it, in clear or otherwise
    reason: str = row["reason"]
    return reason


def noted(world: MailWorld, domain: str) -> list[tuple[str, str, str]]:
    """What is kept for the report: by which policy, which host, what result."""
    rows = wait_for(lambda: world.tls_results(domain), f"nothing is noted of {domain}")
    return [row[:3] for row in rows]


# ---------------------------------------------------------------------- DANE


def test_dane_with_the_right_record(world: MailWorld) -> None:
    assert "with TLSv1.3 TLS_AES_256_GCM_SHA384, DANE" in delivered(world, "good.signed.test")
    assert noted(world, "good.signed.test") == [("tlsa", "", "")]


def test_dane_with_a_wrong_record(world: MailWorld) -> None:
    assert "not one of those that TLSA records name" in held_back(world, "wrong.signed.test")
    assert noted(world, "wrong.signed.test") == [("tlsa", "wrong-mx.signed.test", "tlsa-invalid")]


def test_dane_without_starttls(world: MailWorld) -> None:
    """As when somebody on the way takes it out of the answer to EHLO."""
    assert "does not offer STARTTLS" in held_back(world, "bare.signed.test")
    assert noted(world, "bare.signed.test") == [("tlsa", "bare-mx.signed.test", "starttls-not-supported")]


def test_dane_with_a_bogus_record(world: MailWorld) -> None:
    assert "cannot be validated" in held_back(world, "spoiled.signed.test")
    assert noted(world, "spoiled.signed.test") == [("tlsa", "spoiled-mx.signed.test", "dnssec-invalid")]


def test_a_signed_host_without_records(world: MailWorld) -> None:
    """Opportunistic: encrypted, with any certificate."""
    line = delivered(world, "missing.signed.test")
    assert "with TLSv1.3" in line
    assert "DANE" not in line


def test_no_tls_at_all(world: MailWorld) -> None:
    assert "relayed in clear text" in delivered(world, "clear.plain.test")


# ---------------------------------------------------------------------- MTA-STS


@pytest.fixture(scope="module")
def web(world: MailWorld) -> MailWorld:
    """With the servers of the policies."""
    assert world.web
    return world


def test_enforced_with_a_good_certificate(web: MailWorld) -> None:
    assert "TLSv1.3 TLS_AES_256_GCM_SHA384, verified" in delivered(web, "enforced.plain.test")
    assert noted(web, "enforced.plain.test") == [("sts", "", "")]


def test_enforced_with_a_certificate_of_nobody(web: MailWorld) -> None:
    assert "TLS is required by MTA-STS" in held_back(web, "rogue.plain.test")
    assert noted(web, "rogue.plain.test") == [("sts", "rogue-mx.plain.test", "certificate-not-trusted")]


def test_enforced_without_the_host(web: MailWorld) -> None:
    assert "is not among the hosts" in held_back(web, "unnamed.plain.test")
    assert noted(web, "unnamed.plain.test") == [("sts", "sts-mx.plain.test", "validation-failure")]


def test_only_testing(web: MailWorld) -> None:
    """Sent all the same; the trouble is reported."""
    assert "with TLSv1.3" in delivered(web, "testing.plain.test")
    assert noted(web, "testing.plain.test") == [("sts", "rogue-mx.plain.test", "certificate-not-trusted")]


def test_a_policy_of_none(web: MailWorld) -> None:
    assert "relayed in clear text" in delivered(web, "none.plain.test")


def test_a_policy_from_the_wrong_server(web: MailWorld) -> None:
    """Whoever serves it has no good certificate: there is no policy, which is reported."""
    assert "with TLSv1.3" in delivered(web, "badweb.plain.test")
    assert ("sts", "sts-mx.plain.test", "sts-webpki-invalid") in noted(web, "badweb.plain.test")


def test_a_policy_from_where_none_may_be(web: MailWorld) -> None:
    """Without the setting nothing on this machine is asked, whatever a stranger's zone says."""
    call(web.here, "tls.forget", domain="enforced.plain.test")
    call(web.here, "setting.set", name="tls_out.policy_places", value="default")
    try:
        (host,) = call(web.here, "tls.policy", domain="enforced.plain.test")["hosts"]
    finally:
        call(web.here, "setting.set", name="tls_out.policy_places", value="any")
    assert host["level"] == "may"
    assert any("not a public address" in step["text"] for step in host["steps"])


def test_what_is_told_of_policies(web: MailWorld) -> None:
    """`tls policy` asks by itself and says why."""
    expected = {"rogue": "verify", "unnamed": "refused", "none": "may"}
    for name, level in expected.items():
        assert name in POLICIES
        (host,) = call(web.here, "tls.policy", domain=f"{name}.plain.test")["hosts"]
        assert host["level"] == level, host


# ---------------------------------------------------------------------- REQUIRETLS


def test_requiretls_where_it_can_be_kept(world: MailWorld) -> None:
    """The second Posthouse has it, and DANE proves who it is."""
    submit(world.here, "only encrypted", CARL, mail_options=["REQUIRETLS"])
    assert b"ESMTPS" in arrived(world.there, CARL, b"Subject: only encrypted")


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("good.signed.test", b"5.7.30"),  # DANE, yet Postfix 3.7 does not know REQUIRETLS
        ("clear.plain.test", b"5.7.30"),  # nothing proves who the host is
    ],
)
def test_requiretls_where_it_cannot(world: MailWorld, domain: str, status: bytes) -> None:
    assert world.postfix
    recipient = f"secret@{domain}"
    submit(world.here, f"secret for {domain}", recipient, mail_options=["REQUIRETLS"])
    notice = arrived(world.here, ANNA, b"Final-Recipient: rfc822; " + recipient.encode())
    assert b"\r\nStatus: " + status in notice
    assert not world.postfix.mail(recipient)
