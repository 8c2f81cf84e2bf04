"""Mail addresses: ``local-part@domain`` as values (RFC 5321 4.1.2, RFC 6531, RFC 5890)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox address.

    ``local`` is the local part with quoting removed, ``domain`` the lower-case domain in its U-label form
    (``"[192.0.2.1]"`` for address literals, ``""`` only for the bare ``postmaster``).
    """

    local: str
    domain: str

    def __str__(self) -> str:
        """The address as written in SMTP, its local part quoted where RFC 5321 asks for it."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        """The form used for look-ups: local part and domain in lower case and NFC, never quoted."""
        raise NotImplementedError


def parse_address(text: str) -> Address:
    """Parse one bare address (no angle brackets, no display name). Raises ValueError with a plain reason."""
    raise NotImplementedError
