"""The profile by which Apple's devices set themselves up (``.mobileconfig``): a property list, signed as CMS."""

from __future__ import annotations

import plistlib
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from posthouse.observe.log import logger

log = logger("manage.client_profile")

_SPACE = uuid.UUID("6f0cbd6e-3c1b-4b0e-9a6b-5d8c2f5f1f0a")
"""Ids of profiles are made from it and the address, so that a second one replaces the first."""


class _Service(Protocol):
    @property
    def protocol(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def tls(self) -> str: ...


def plain(address: str, host: str, incoming: Sequence[_Service], outgoing: Sequence[_Service]) -> bytes:
    """The unsigned profile. There is no password in it: the device asks for it."""
    account = {
        "PayloadType": "com.apple.mail.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"posthouse.{host}.{uuid.uuid5(_SPACE, address)}.mail",
        "PayloadUUID": str(uuid.uuid5(_SPACE, "mail " + address)),
        "PayloadDisplayName": address,
        "EmailAccountDescription": address,
        "EmailAddress": address,
        "SMIMEEnabled": False,
    }
    if incoming:
        first = incoming[0]
        account |= {
            "EmailAccountType": "EmailTypeIMAP" if first.protocol == "imap" else "EmailTypePOP",
            **_server("Incoming", first, address),
        }
    if outgoing:
        account |= {
            **_server("Outgoing", outgoing[0], address),
            "OutgoingPasswordSameAsIncomingPassword": True,
        }
    profile = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"posthouse.{host}.{uuid.uuid5(_SPACE, address)}",
        "PayloadUUID": str(uuid.uuid5(_SPACE, address)),
        "PayloadDisplayName": f"Mail for {address}",
        "PayloadDescription": f"Sets up {address} on {host}.",
        "PayloadOrganization": host,
        "PayloadRemovalDisallowed": False,
        "PayloadContent": [account],
    }
    return plistlib.dumps(profile)


def _server(direction: str, service: _Service, address: str) -> dict[str, object]:
    return {
        f"{direction}MailServerHostName": service.host,
        f"{direction}MailServerPortNumber": service.port,
        f"{direction}MailServerUseSSL": True,  # with a port for STARTTLS the device finds that out by itself
        f"{direction}MailServerAuthentication": "EmailAuthPassword",
        f"{direction}MailServerUsername": address,
    }


def signed(data: bytes, chain: Path, key: Path) -> bytes:
    """The profile within its signature (RFC 5652, DER); b"" when the key cannot sign."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import pkcs7

    try:
        certificates = x509.load_pem_x509_certificates(chain.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            return b""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(data)
        builder = builder.add_signer(certificates[0], private, hashes.SHA256())
        for further in certificates[1:]:
            builder = builder.add_certificate(further)
        return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
    except (OSError, ValueError, TypeError) as error:
        log.warning("profile.unsigned", reason=str(error))
        return b""
