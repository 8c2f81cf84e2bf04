"""A message made ready to be sent."""

from __future__ import annotations

from posthouse.deliver.remote.contract import Parcel
from posthouse.mail import headers
from posthouse.mail.mime import Buffer
from posthouse.queue.contract import Lease, QueuedMessage

_PIECE = 1 << 20


def parcel_of(message: QueuedMessage, leases: tuple[Lease, ...], prefix: bytes, body: Buffer) -> Parcel:
    """What is sent, and what it asks of the other side. The body is looked through, not believed: clients declare
    8BITMIME for plain ASCII and the other way round."""
    eight_bit = not (prefix.isascii() and is_ascii(body))
    header = bytes(body[: header_end(body)])
    return Parcel(
        sender=message.sender,
        prefix=prefix,
        body=body,
        leases=leases,
        eight_bit=eight_bit,
        binary=message.body_type == "BINARYMIME",
        utf8_header=eight_bit and not header.isascii(),
        tls_optional=is_tls_optional(header),
    )


def is_tls_optional(header: bytes) -> bool:
    """Whether the header says ``TLS-Required: No``: what the recipient's domain demands is not to hold it up
    (RFC 8689 5). Any other value says nothing."""
    if b"tls-required" not in header.lower():
        return False
    value = headers.get(header, b"tls-required")
    return value is not None and value.strip().lower() == b"no"


def is_ascii(body: Buffer) -> bool:
    """Whether there is no byte above 127; a large body is looked at piece by piece."""
    return all(bytes(body[start : start + _PIECE]).isascii() for start in range(0, len(body), _PIECE))


def header_end(body: Buffer) -> int:
    """Where the header ends (the end of its last line)."""
    if body[:2] == b"\r\n":
        return 0
    end = body.find(b"\r\n\r\n")
    return len(body) if end < 0 else end + 2
