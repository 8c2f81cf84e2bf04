"""Codes a person reads and types: TOTP (RFC 6238, by pyotp) and recovery codes."""

from __future__ import annotations

import hmac
import secrets

import pyotp
import segno

STEP_SECONDS = 30
DRIFT = 1
"""Time steps before and after now whose codes are taken: clocks of phones differ."""

ISSUER = "Posthouse"

RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """A shared secret of 160 bits in base32."""
    return pyotp.random_base32()


def enrolment_uri(secret: str, address: str, host: str) -> str:
    """The ``otpauth:`` address that authenticator programs read."""
    issuer = f"{ISSUER} {host}".strip()
    return pyotp.TOTP(secret).provisioning_uri(name=address, issuer_name=issuer)


def qr_svg(text: str) -> str:
    """A QR code as an SVG element, to stand in a page as it is (it holds no script and no style)."""
    return str(
        segno.make(text, error="m", micro=False).svg_inline(scale=5, border=4, light="#fff", dark="#000")
    )


def matching_step(secret: str, code: str, now: float, after: int) -> int:
    """The time step past ``after`` whose code this is, or 0. All candidates are compared in equal time."""
    given = "".join(code.split()).encode("utf-8", "surrogatepass")
    current = int(now) // STEP_SECONDS
    generator = pyotp.TOTP(secret)
    found = 0
    for step in range(current - DRIFT, current + DRIFT + 1):
        same = hmac.compare_digest(generator.generate_otp(step).encode(), given)
        if same and step > after:
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Ten codes of about 79 bits in groups that can be read aloud; nothing in them is mistaken for another."""
    return [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
        for _ in range(RECOVERY_CODES)
    ]
