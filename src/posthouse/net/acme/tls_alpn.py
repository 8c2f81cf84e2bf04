"""TLS-ALPN-01 (RFC 8737): the certificate that is shown to an authority that offers the protocol
``acme-tls/1``."""

from __future__ import annotations

import datetime

from posthouse.net.acme.keys import digest, make_key

PROTOCOL = "acme-tls/1"

_ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31"


def challenge_certificate(host: str, key_authorization: str) -> bytes:
    """Key and self-signed certificate in PEM that prove control over ``host`` (RFC 8737 3)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = make_key("ecdsa-p256")
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "ACME challenge")])
    octets = b"\x04\x20" + digest(key_authorization)  # DER: OCTET STRING of 32 bytes
    identifier = x509.UnrecognizedExtension(x509.ObjectIdentifier(_ACME_IDENTIFIER), octets)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
        .add_extension(identifier, True)
        .sign(key, hashes.SHA256())
    )
    return pem.encode() + certificate.public_bytes(serialization.Encoding.PEM)
