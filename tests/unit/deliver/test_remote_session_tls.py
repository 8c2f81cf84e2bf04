"""TLS by each level of policy, with good and wrong certificates."""

from __future__ import annotations

import datetime
import hashlib
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from smtp_peer import BODY, EVERYTHING, Peer, lease, parcel
from test_remote_session import Policies, send, sessions, states

from posthouse.deliver.remote.connection_dane import usable, who_is_wrong
from posthouse.deliver.remote.connection_names import names_one
from posthouse.deliver.remote.contract import ConnectFailed, TlsPolicy
from posthouse.deliver.remote.sessions import RemoteSessions
from posthouse.settings.contract import CurrentSettings, Settings

NAME = "mx.peer.test"
YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)


class Authority:
    """A certificate authority, its certificates, and what TLSA records of them are."""

    def __init__(self) -> None:
        self.ca = trustme.CA()

    def server(self, *names: str, expired: bool = False, version: Any = None) -> ssl.SSLContext:
        until = YESTERDAY if expired else None
        self.leaf = self.ca.issue_cert(*(names or (NAME,)), not_after=until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.leaf.configure_cert(context)
        if version:
            context.maximum_version = version
        return context

    def file(self, folder: Path) -> str:
        path = folder / "authority.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return str(path)


def pem(blob: trustme.Blob) -> x509.Certificate:
    return x509.load_pem_x509_certificate(blob.bytes())


def tlsa(
    usage: int, selector: int, matching: int, certificate: x509.Certificate
) -> tuple[int, int, int, bytes]:
    if selector:
        data = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        data = certificate.public_bytes(Encoding.DER)
    if matching:
        data = hashlib.new({1: "sha256", 2: "sha512"}[matching], data).digest()
    return usage, selector, matching, data


async def try_it(
    policy: TlsPolicy,
    context: ssl.SSLContext | None,
    *,
    policies: Policies,
    authorities: str = "",
    **peer: Any,
) -> tuple[Peer, list[str], str]:
    """Send one message by a policy; the peer, the states (none where there was no session), and how it was secured."""
    host = Peer(context=context, **peer)
    async with host:
        made = sessions(policies, authorities=authorities)
        try:
            results = await send(made, host, policy=policy, name=NAME)
            return host, states(results), results[0].said.tls
        except ConnectFailed as problem:
            failure = problem
        finally:
            await made.close()
    assert failure.said.status in ("4.7.5", "4.4.2"), failure
    return host, [], str(failure)


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def policies() -> Policies:
    return Policies()


async def test_may_takes_any_certificate(authority: Authority, policies: Policies) -> None:
    host, got, tls = await try_it(
        TlsPolicy(), authority.server("wrong.test", expired=True), policies=policies
    )
    assert got == ["relayed"]
    assert tls.startswith("TLSv1.3 ")
    assert [line.split()[0] for line in host.commands[:4]] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]
    assert policies.told == [("may", "TLSv1.3", "")]


async def test_none_is_none(authority: Authority, policies: Policies) -> None:
    host, got, tls = await try_it(TlsPolicy("none"), authority.server(), policies=policies)
    assert (got, tls) == (["relayed"], "")
    assert "STARTTLS" not in host.commands
    assert policies.told == []


@pytest.mark.parametrize("implicit", [True, False])
async def test_encrypt(authority: Authority, policies: Policies, implicit: bool) -> None:
    policy = TlsPolicy("encrypt", implicit=implicit)
    _, got, tls = await try_it(policy, authority.server("wrong.test"), policies=policies, implicit=implicit)
    assert got == ["relayed"]
    assert tls.startswith("TLSv1.3")
    assert policies.told == [("encrypt", "TLSv1.3", "")]


@pytest.mark.parametrize("level", ["encrypt", "dane", "verify"])
@pytest.mark.parametrize("refusal", [False, True])
async def test_no_starttls(authority: Authority, policies: Policies, level: Any, refusal: bool) -> None:
    context = authority.server() if refusal else None
    replies = {"STARTTLS": "454 4.7.0 not now"} if refusal else {}
    host, got, why = await try_it(TlsPolicy(level), context, policies=policies, replies=replies)
    assert got == []
    assert "STARTTLS" in why
    assert policies.told == [(level, "", "starttls-not-supported")]
    assert not host.mails


async def test_may_goes_on_in_clear(authority: Authority, policies: Policies) -> None:
    _, got, tls = await try_it(TlsPolicy(), None, policies=policies)
    assert (got, tls) == (["relayed"], "")
    _, got, tls = await try_it(
        TlsPolicy(), authority.server(), policies=policies, replies={"STARTTLS": "454 not now"}
    )
    assert (got, tls) == (["relayed"], "")
    assert policies.told == [("may", "", "starttls-not-supported")] * 2


def broken() -> ssl.SSLContext:
    """A server without a certificate: every handshake fails."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


async def test_a_broken_handshake(policies: Policies) -> None:
    """Opportunistic: once more in clear text, and that is remembered. Required: no mail."""
    host = Peer(context=broken())
    async with host:
        made = sessions(policies, idle_time=0.0)
        for _ in range(2):
            assert states(await send(made, host, policy=TlsPolicy())) == ["relayed"]
        await made.close()
    assert host.connections == 3
    assert host.commands.count("STARTTLS") == 1
    assert policies.told[0] == ("may", "", "validation-failure")
    policies.told.clear()
    for level in ("encrypt", "dane", "verify"):
        host, got, _ = await try_it(TlsPolicy(level), broken(), policies=policies)  # type: ignore[arg-type]
        assert (got, host.connections, host.mails) == ([], 1, [])
        assert policies.told.pop() == (level, "", "validation-failure")
    _, got, _ = await try_it(TlsPolicy("may", implicit=True), broken(), policies=policies, implicit=True)
    assert got == []


async def test_old_tls_only_where_nothing_is_required(authority: Authority, policies: Policies) -> None:
    context = authority.server(version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ECDHE-ECDSA-AES256-SHA384")  # CBC
    _, got, tls = await try_it(TlsPolicy(), context, policies=policies)
    assert got == ["relayed"]
    assert "ECDHE-ECDSA-AES256-SHA384" in tls
    _, got, _ = await try_it(TlsPolicy("encrypt"), context, policies=policies)
    assert got == []


async def test_injection_before_the_handshake(authority: Authority, policies: Policies) -> None:
    """A reply that was slipped in behind the answer to STARTTLS never counts as one to what is said in TLS."""
    for inject in (b"250 mx\r\n", b"250-mx\r\n250 AUTH PLAIN\r\n"):
        host, got, why = await try_it(
            TlsPolicy("encrypt"), authority.server(), policies=policies, inject=inject
        )
        assert got == []
        assert "nobody asked" in why
        assert not host.mails
    # half a line is dropped, as RFC 3207 has it
    host, got, _ = await try_it(
        TlsPolicy("encrypt"), authority.server(), policies=policies, inject=b"250-evil"
    )
    assert got == ["relayed"]


async def test_extensions_of_before_the_handshake_are_forgotten(
    authority: Authority, policies: Policies
) -> None:
    first = "250-mx\r\n250-STARTTLS\r\n250-CHUNKING\r\n250 DSN"
    host, got, _ = await try_it(
        TlsPolicy("encrypt"),
        authority.server(),
        policies=policies,
        replies={"EHLO": [first, "250 mx"]},
    )
    assert got == ["relayed"]
    assert host.mails[0].mail == "MAIL FROM:<a@ours.test>"


@pytest.mark.parametrize("level", ["dane", "encrypt", "may", "verify"])
async def test_the_name_that_is_asked_for(
    authority: Authority, policies: Policies, tmp_path: Path, level: Any
) -> None:
    """SNI: with DANE the name that the records stand under (RFC 7672 8.1), which an alias leads to; else the host's."""
    context = authority.server()
    asked: list[str] = []
    context.sni_callback = lambda layer, name, owner: asked.append(name or "")
    record = tlsa(3, 1, 1, pem(authority.leaf.cert_chain_pems[0]))
    policy = TlsPolicy(level, ("base.peer.test", NAME), (record,) if level == "dane" else ())
    _, got, _ = await try_it(policy, context, policies=policies, authorities=authority.file(tmp_path))
    assert got == ["relayed"]
    assert asked == ["base.peer.test" if level == "dane" else NAME]


# ------------------------------------------------------------------ verify


@pytest.mark.parametrize(
    ("names", "certified", "trouble"),
    [
        ((), (NAME,), ""),
        ((NAME,), ("*.peer.test",), ""),
        (("*.peer.test",), (NAME,), ""),
        (("*.peer.test",), ("*.peer.test",), ""),
        (("127.0.0.1",), ("127.0.0.1",), ""),
        ((NAME,), ("other.test",), "certificate-host-mismatch"),
        (("*.test",), (NAME,), "certificate-host-mismatch"),
        ((NAME,), ("*.test",), "certificate-host-mismatch"),
        (("127.0.0.1",), (NAME,), "certificate-host-mismatch"),
    ],
)
async def test_verify_names(
    authority: Authority,
    policies: Policies,
    tmp_path: Path,
    names: tuple[str, ...],
    certified: Sequence[str],
    trouble: str,
) -> None:
    host, got, tls = await try_it(
        TlsPolicy("verify", names),
        authority.server(*certified),
        policies=policies,
        authorities=authority.file(tmp_path),
    )
    assert got == ([] if trouble else ["relayed"])
    assert policies.told == [("verify", "" if trouble else "TLSv1.3", trouble)]
    assert len(host.mails) == (0 if trouble else 1)
    if not trouble:
        assert tls.endswith(", verified")


async def test_verify_trust_and_time(authority: Authority, policies: Policies, tmp_path: Path) -> None:
    own = authority.file(tmp_path)
    for context, trouble in (
        (Authority().server(), "certificate-not-trusted"),
        (authority.server(expired=True), "certificate-expired"),
    ):
        host, got, _ = await try_it(
            TlsPolicy("verify", source="mta-sts"), context, policies=policies, authorities=own
        )
        assert (got, host.mails, policies.told.pop()) == ([], [], ("verify", "", trouble))


async def test_testing_goes_on(authority: Authority, policies: Policies) -> None:
    """A policy that is only tried out is reported and then forgotten."""
    policy = TlsPolicy("verify", (NAME,), testing=True)
    host, got, tls = await try_it(policy, authority.server(), policies=policies)
    assert got == ["relayed"]
    assert tls.startswith("TLSv1.3")
    assert policies.told == [("verify", "TLSv1.3", "certificate-not-trusted")]
    assert host.connections == 2
    policies.told.clear()
    _, got, tls = await try_it(policy, broken(), policies=policies)
    assert (got, tls) == (["relayed"], "")
    assert policies.told == [("verify", "", "validation-failure")]


async def test_a_certificate_of_ours(authority: Authority, policies: Policies, tmp_path: Path) -> None:
    ours = authority.ca.issue_cert("mail.ours.test")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in ours.cert_chain_pems))
    key.write_bytes(ours.private_key_pem.bytes())
    context = authority.server()
    context.verify_mode = ssl.CERT_REQUIRED
    authority.ca.configure_trust(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # later the refusal comes after the handshake
    for wanted, state in (("mail.ours.test", ["relayed"]), ("", [])):
        host = Peer(context=context)
        async with host:
            made = RemoteSessions(
                policies=policies,
                settings=CurrentSettings(),
                name=lambda: "mail.ours.test",
                certificate=lambda name: (chain, key) if name == "mail.ours.test" else None,
            )
            try:
                results = await send(made, host, policy=TlsPolicy("encrypt"), certificate=wanted)
            except ConnectFailed:
                results = []
            await made.close()
        assert states(results) == state


async def test_missing_files_of_ours(authority: Authority, policies: Policies, tmp_path: Path) -> None:
    host = Peer(context=authority.server())
    async with host:
        made = RemoteSessions(
            policies=policies,
            settings=CurrentSettings(),
            name=lambda: "mail.ours.test",
            certificate=lambda _: (tmp_path / "no", tmp_path / "nothing"),
        )
        with pytest.raises(ConnectFailed, match="our own TLS files"):
            await send(made, host, policy=TlsPolicy("encrypt"), certificate="x.test")
        await made.close()


def public(folder: Path, *names: str) -> tuple[ssl.SSLContext, str]:
    """A server's context and its authority's file, by the rules of public authorities (trustme's are more free)."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "An authority")])
    now = datetime.datetime.now(datetime.UTC)

    def build(subject: x509.Name, key: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(YESTERDAY)
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), False)
        )

    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ca = (
        build(issuer, keys[0])
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[0].public_key()), False)
        .add_extension(usage, True)
        .sign(keys[0], hashes.SHA256())
    )
    leaf = (
        build(x509.Name([]), keys[1])
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(keys[0], hashes.SHA256())
    )
    private = keys[1].private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "leaf.pem").write_bytes(private + leaf.public_bytes(Encoding.PEM))
    (folder / "ca.pem").write_bytes(ca.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return context, str(folder / "ca.pem")


async def test_good_by_chance(tmp_path: Path) -> None:
    """Where nothing is demanded it is still told whether the certificate was good."""
    seen: list[bool] = []

    class Watching(Policies):
        def outcome(self, *args: Any, verified: bool = False) -> None:
            seen.append(verified)

    context, own = public(tmp_path, NAME)
    await try_it(TlsPolicy(), context, policies=Watching(), authorities=own)
    await try_it(TlsPolicy(), context, policies=Watching())
    context, own = public(tmp_path, "other.test")
    await try_it(TlsPolicy(), context, policies=Watching(), authorities=own)
    assert seen == [True, False, False]


async def test_require_tls_is_passed_on(authority: Authority, policies: Policies, tmp_path: Path) -> None:
    host = Peer(EVERYTHING, context=authority.server())
    async with host:
        made = sessions(policies, authorities=authority.file(tmp_path))
        what = parcel(lease(1, require_tls=True))
        assert states(await send(made, host, what, policy=TlsPolicy("verify"))) == ["relayed"]
        await made.close()
    assert host.mails[0].mail.endswith(" REQUIRETLS")
    assert host.mails[0].data == BODY


async def test_a_large_message_through_tls(authority: Authority, policies: Policies) -> None:
    host = Peer(("PIPELINING",), context=authority.server())
    body = b"Subject: x\r\n\r\n" + b".line\r\n" * 300_000
    async with host:
        made = sessions(policies)
        assert states(await send(made, host, parcel(body=body), policy=TlsPolicy("encrypt"))) == ["relayed"]
        await made.close()
    assert host.mails[0].data == body


# ------------------------------------------------------------------ DANE


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
async def test_dane_ee(authority: Authority, policies: Policies, selector: int, matching: int) -> None:
    """Neither names nor dates count (RFC 7672 3.1.1)."""
    context = authority.server("wrong.test", expired=True)
    good = tlsa(3, selector, matching, pem(authority.leaf.cert_chain_pems[0]))
    bad = tlsa(3, selector, matching, pem(Authority().ca.cert_pem))
    _, got, tls = await try_it(TlsPolicy("dane", tlsa=(bad, good)), context, policies=policies)
    assert got == ["relayed"]
    assert tls.endswith(", DANE")
    host, got, _ = await try_it(TlsPolicy("dane", tlsa=(bad,), source="dane"), context, policies=policies)
    assert (got, host.mails) == ([], [])
    assert policies.told[1:] == [("dane", "", "tlsa-invalid")]


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_dane_ta(authority: Authority, selector: int, matching: int) -> None:
    middle = authority.ca.create_child_ca()
    leaf = pem(middle.issue_cert(NAME).cert_chain_pems[0])
    chain = [
        each.public_bytes(Encoding.DER) for each in (leaf, pem(middle.cert_pem), pem(authority.ca.cert_pem))
    ]
    root = tlsa(2, selector, matching, pem(authority.ca.cert_pem))
    between = tlsa(2, selector, matching, pem(middle.cert_pem))
    assert who_is_wrong(chain, [root], [NAME]) is None
    assert who_is_wrong(chain, [between], [NAME]) is None
    assert who_is_wrong(chain[:2], [between], [NAME]) is None
    # a record with the whole certificate works without its being shown
    left_out = who_is_wrong(chain[:2], [root], [NAME])
    assert left_out is None if (selector, matching) == (0, 0) else left_out is not None
    wrong = who_is_wrong(chain, [root], ["other.test"])
    assert wrong is not None
    assert wrong[0] == "certificate-host-mismatch"
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=365 * 5000)
    assert who_is_wrong(chain, [root], [NAME], later) == (
        "certificate-expired",
        "a certificate of the chain has expired or is not valid yet",
    )
    # the leaf is no anchor, another authority is none, a chain of strangers is none
    assert who_is_wrong(chain, [tlsa(2, selector, matching, leaf)], [NAME]) is not None
    stranger = Authority()
    assert who_is_wrong(chain, [tlsa(2, selector, matching, pem(stranger.ca.cert_pem))], [NAME]) is not None
    forged = [chain[0], pem(stranger.ca.cert_pem).public_bytes(Encoding.DER)]
    assert who_is_wrong(forged, [tlsa(2, 1, 1, pem(stranger.ca.cert_pem))], [NAME]) is not None


def test_a_leaf_cannot_issue(authority: Authority) -> None:
    """A certificate that is no authority vouches for nobody, even where a record names it."""
    one = pem(authority.ca.issue_cert("a.test").cert_chain_pems[0])
    two = pem(authority.ca.issue_cert(NAME).cert_chain_pems[0])
    chain = [each.public_bytes(Encoding.DER) for each in (two, one)]
    assert who_is_wrong(chain, [tlsa(2, 0, 1, one)], [NAME]) is not None


async def test_dane_ta_on_the_wire(authority: Authority, policies: Policies) -> None:
    policy = TlsPolicy("dane", tlsa=(tlsa(2, 0, 0, pem(authority.ca.cert_pem)),))
    _, got, tls = await try_it(policy, authority.server(), policies=policies)
    assert got == ["relayed"]
    assert tls.endswith(", DANE")
    _, got, _ = await try_it(policy, authority.server("other.test"), policies=policies)
    assert got == []
    assert policies.told[-1] == ("dane", "", "certificate-host-mismatch")


def test_records_that_say_nothing() -> None:
    digest = b"x" * 32
    good = ((3, 1, 1, digest), (2, 0, 1, digest), (3, 0, 2, b"x" * 64), (3, 1, 0, b"der"))
    bad = (
        (0, 1, 1, digest),
        (1, 1, 1, digest),
        (3, 2, 1, digest),
        (3, 1, 3, digest),
        (3, 1, 1, b"short"),
        (3, 1, 0, b""),
    )
    assert usable(good + bad) == good


async def test_dane_without_usable_records_is_encryption(authority: Authority, policies: Policies) -> None:
    policy = TlsPolicy("dane", tlsa=((0, 1, 1, b"x" * 32),))
    _, got, _ = await try_it(policy, authority.server("wrong.test"), policies=policies)
    assert got == ["relayed"]


@pytest.mark.parametrize("garbage", [b"", b"\x30\x00", b"x" * 1000])
def test_certificates_that_cannot_be_read(garbage: bytes) -> None:
    wrong = who_is_wrong([garbage], [(3, 0, 1, b"x" * 32)], [NAME])
    assert wrong is not None
    assert wrong[0] == "validation-failure"
    assert not names_one(garbage, [NAME])
    assert who_is_wrong([], [(3, 0, 1, b"x" * 32)], [NAME]) is not None


def test_settings_have_a_check() -> None:
    from posthouse.settings.remote import NAME as OUR_NAME

    assert OUR_NAME.check is not None
    for good in ("", "mail.ours.test", "[192.0.2.1]", "[IPv6:2001:db8::1]", "localhost"):
        assert OUR_NAME.check(good) == ""
    for bad in ("a b", "a..b", "ä.test", "a\r\nMAIL", ".a", "[x y]"):
        assert OUR_NAME.check(bad)
    assert Settings()[OUR_NAME] == ""
