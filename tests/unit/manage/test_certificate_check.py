"""Certificates that people give: what is wrong with them is said, and what is merely untidy is put in order."""

from __future__ import annotations

import datetime

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from posthouse.manage.certificate_check import check_given, facts_of, host_names
from posthouse.manage.errors import ManageError


def pem(leaf: trustme.LeafCert) -> tuple[str, str]:
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    return chain.decode(), leaf.private_key_pem.bytes().decode()


ROOT = trustme.CA()
BETWEEN = ROOT.create_child_ca()
CHAIN, KEY = pem(BETWEEN.issue_cert("mail.example.org", "*.example.org"))


def refused(chain: str, key: str = "") -> str:
    with pytest.raises(ManageError) as caught:
        check_given(chain, key)
    assert caught.value.kind == "invalid"
    assert caught.value.mend
    return caught.value.what


def test_a_good_one_in_any_order() -> None:
    """Root and intermediate first, key in the same text: the result begins with the leaf, and has the key alone."""
    parts = [part + "-----END CERTIFICATE-----\n" for part in CHAIN.split("-----END CERTIFICATE-----\n")[:-1]]
    root = ROOT.cert_pem.bytes().decode()
    usable = check_given(root + "".join(reversed(parts)) + KEY, "")
    assert usable.chain.count("BEGIN CERTIFICATE") == len(parts) + 1
    assert facts_of(usable.chain).hosts == ("mail.example.org", "*.example.org")
    assert "CERTIFICATE" not in usable.key
    assert usable.facts.fingerprint == facts_of(parts[0]).fingerprint


def test_keys_that_cannot_be_used() -> None:
    other = pem(ROOT.issue_cert("other.example.org"))[1]
    assert "belongs to none" in refused(CHAIN, other)
    assert "no private key" in refused(CHAIN)
    assert "damaged" in refused(CHAIN, KEY.replace("M", "!", 3))
    private = ec.generate_private_key(ec.SECP256R1())
    locked = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"open sesame"),
    ).decode()
    assert "encrypted with a passphrase" in refused(CHAIN, locked)
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert "1024 bits is too weak" in refused(CHAIN, weak.decode())


def test_chains_that_cannot_be_used() -> None:
    assert "no certificate" in refused("hello", KEY)
    assert "damaged" in refused(CHAIN.replace("MII", "MIJ", 1), KEY)
    assert "too large" in refused("x" * 300_000, KEY)
    stranger = trustme.CA(organization_name="Stranger").cert_pem.bytes().decode()
    assert "has no place in the chain" in refused(CHAIN + stranger, KEY)
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
    old, key = pem(ROOT.issue_cert("a.example.org", not_before=past, not_after=past + datetime.timedelta(1)))
    assert "expired on" in refused(old, key)
    nameless, key = pem(ROOT.issue_cert("someone@example.org"))
    assert "names no host" in refused(nameless, key)


def test_host_names() -> None:
    assert host_names(["Mail.Example.ORG.", "mail.example.org", "*.example.org", "bücher.example"]) == (
        "mail.example.org",
        "*.example.org",
        "xn--bcher-kva.example",
    )
    for bad in ("localhost", "192.0.2.1", "a b.example", "-a.example", "*.*.example", "a..example", "*"):
        with pytest.raises(ManageError):
            host_names([bad])
    with pytest.raises(ManageError):
        host_names([" "])
    with pytest.raises(ManageError):
        host_names([f"a{number}.example" for number in range(101)])
