"""TLS-ALPN-01 (RFC 8737): the certificate that is shown to an authority that offers the protocol
``acme-tls/1``, and how such a client is known."""

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


def offered_protocols(hello: bytes) -> list[bytes]:
    """The ALPN protocols (RFC 7301) in a ClientHello handshake message (RFC 8446 4.1.2, with its four bytes of
    type and length); none where it cannot be read."""
    try:
        return _protocols(_extension(hello, 16))
    except IndexError:
        return []


def _extension(hello: bytes, wanted: int) -> bytes:
    at = 4 + 2 + 32  # handshake header, version, random
    at += 1 + hello[at]  # session id
    at += 2 + _number(hello, at)  # cipher suites
    at += 1 + hello[at]  # compression methods
    end = min(len(hello), at + 2 + _number(hello, at))
    at += 2
    while at < end:
        kind, length = _number(hello, at), _number(hello, at + 2)
        if kind == wanted:
            return hello[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _protocols(data: bytes) -> list[bytes]:
    found = []
    at = 2
    while at < len(data):
        length = data[at]
        found.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    return found


def _number(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]
