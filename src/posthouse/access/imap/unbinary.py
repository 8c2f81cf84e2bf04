"""Messages appended with NUL octets (BINARY, RFC 3516 4.4): binary parts are kept in base64.

A message part may be sent with ``Content-Transfer-Encoding: binary`` in a literal8. Kept like that it could not be
shown by BODY[], whose octets may be anything but NUL.
"""

from __future__ import annotations

import asyncio

from posthouse.bodies.contract import Spool
from posthouse.mail.mime import Buffer
from posthouse.mail.unbinary import encoded


async def without_nul(message: Buffer, spool: Spool) -> None:
    """Write the message to the spool with its binary parts in base64. Raises ValueError when a NUL stands where no
    encoding can take it away."""
    await asyncio.to_thread(_write, message, spool)


def _write(message: Buffer, spool: Spool) -> None:
    for piece in encoded(message):
        if 0 in piece:
            raise ValueError("There is a NUL outside of the binary parts")
        spool.write(piece)
