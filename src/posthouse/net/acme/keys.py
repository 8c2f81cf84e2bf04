"""The account key and what is signed with it; keys and requests of certificates."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any


def b64url(data: bytes) -> str:
    """Base64 for URLs, without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64url(text: str) -> bytes:
    """The bytes of ``text``, with or without padding, in either alphabet. Raises ValueError."""
    plain = text.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("is not base64") from error


class AccountKey:
    """The key of an account with an authority: ECDSA on P-256 (ES256). Raises ValueError when the text is no
    such key."""

    def __init__(self, pem: str) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from josepy import jwk

        try:
            key = serialization.load_pem_private_key(pem.encode(), password=None)
        except (TypeError, ValueError) as error:
            raise ValueError("the account key is damaged") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the account key is of another kind than expected")
        self.pem = pem
        self._jwk = jwk.JWKEC(key=key)

    @classmethod
    def make(cls) -> AccountKey:
        """A new key."""
        return cls(make_key("ecdsa-p256"))

    @property
    def thumbprint(self) -> str:
        """The key's name (RFC 7638), as it stands in key authorizations."""
        return b64url(self._jwk.thumbprint())

    def authorization(self, token: str) -> str:
        """The key authorization of a challenge's token (RFC 8555 8.1)."""
        return f"{token}.{self.thumbprint}"

    def sign(self, payload: bytes, url: str, *, nonce: str | None, account: str = "") -> dict[str, Any]:
        """A signed request (RFC 8555 6.2). Without ``account`` it carries the public key instead."""
        from josepy import jwa

        return self._signed(self._jwk, jwa.ES256, payload, url, nonce=nonce, kid=account or None)

    def bind(self, key_id: str, secret: str, url: str) -> dict[str, Any]:
        """External Account Binding (RFC 8555 7.3.4): our public key, signed with what the authority gave its
        customer. Raises ValueError when ``secret`` is no base64."""
        from josepy import jwa, jwk

        public = json.dumps(self.public).encode()
        shared = jwk.JWKOct(key=from_b64url(secret))
        return self._signed(shared, jwa.HS256, public, url, nonce=None, kid=key_id)

    @property
    def public(self) -> dict[str, str]:
        """The public key as a JWK."""
        found: dict[str, str] = self._jwk.public_key().to_json()
        return found

    def _signed(
        self, key: Any, algorithm: Any, payload: bytes, url: str, *, nonce: str | None, kid: str | None
    ) -> dict[str, Any]:
        from acme import jws

        one_time = from_b64url(nonce) if nonce is not None else None
        signed = jws.JWS.sign(payload, key=key, alg=algorithm, nonce=one_time, url=url, kid=kid)
        found: dict[str, Any] = json.loads(signed.json_dumps())
        return found


def digest(key_authorization: str) -> bytes:
    """What is shown in TLS-ALPN-01, and in base64 in DNS-01: the SHA-256 of the key authorization."""
    return hashlib.sha256(key_authorization.encode()).digest()


def make_key(kind: str) -> str:
    """A new private key in PEM (PKCS #8, not encrypted). ``kind`` is ecdsa-p256, ecdsa-p384, rsa-2048 or
    rsa-4096."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    family, _, size = kind.partition("-")
    made: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if family == "ecdsa":
        made = ec.generate_private_key(ec.SECP384R1() if size == "p384" else ec.SECP256R1())
    else:
        made = rsa.generate_private_key(public_exponent=65537, key_size=int(size))
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def make_request(key_pem: str, hosts: Sequence[str]) -> bytes:
    """A certificate request (DER) for these names. The subject stays empty: authorities take the names from
    subjectAltName, and a common name may not be longer than 64 characters."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, False)
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
