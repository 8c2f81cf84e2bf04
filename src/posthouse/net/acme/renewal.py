"""When to renew: what the authority suggests (ARI, RFC 9773), else when a third of the lifetime is left. All times
are seconds since 1970."""

from __future__ import annotations

import random
from typing import Final

from posthouse.net.acme.keys import b64url

LEFT_TO_RENEW = 1 / 3
"""The part of a certificate's lifetime that is left when it is renewed."""

SPREAD = 0.02
"""Renewals are brought forward by up to this part of the lifetime, so that not all come at once."""

LOOK_SECONDS = 6 * 3600.0
"""How often the authority is asked when to renew, unless it says how often (RFC 9773 4.3.2)."""

LOOK_BOUNDS: Final = (60.0, 86400.0)
"""The shortest and the longest pause an authority may ask for between two such questions."""

FIRST_PAUSE = 300.0
LONGEST_PAUSE = 86400.0
"""The pauses after a failed order double from the one to the other."""


def certificate_name(chain_pem: str) -> str:
    """The name of a certificate in renewal information: key identifier of its authority and serial number (RFC
    9773 4.1). "" for one without authority key identifier."""
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(chain_pem.encode())
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return ""
    identifier = extension.value.key_identifier
    if identifier is None:
        return ""
    number = certificate.serial_number
    serial = number.to_bytes(
        number.bit_length() // 8 + 1, "big"
    )  # as in DER: a leading zero keeps it positive
    return f"{b64url(identifier)}.{b64url(serial)}"


def by_lifetime(not_before: float, not_after: float, dice: random.Random) -> float:
    """The moment to renew without being told."""
    life = max(0.0, not_after - not_before)
    return not_after - life * (LEFT_TO_RENEW + dice.uniform(0, SPREAD))


def in_window(begin: float, end: float, dice: random.Random) -> float:
    """A moment of the suggested window, all equally likely (RFC 9773 4.2)."""
    return dice.uniform(begin, end)


def until_next_look(retry_after: float) -> float:
    """Seconds until the authority is asked again."""
    if not retry_after:
        return LOOK_SECONDS
    return min(max(retry_after, LOOK_BOUNDS[0]), LOOK_BOUNDS[1])


def pause(failures: int, asked: float, dice: random.Random) -> float:
    """Seconds until the next try after so many failures in a row; at least what the authority ``asked`` for."""
    grown = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(max(failures, 1) - 1, 20))
    return max(grown * dice.uniform(0.75, 1.25), asked)
