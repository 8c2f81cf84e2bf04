"""Tells systemd how we are (sd_notify): a datagram to the socket that the environment names, or nothing at all where no
service manager asked."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping


def notify(text: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send a state such as ``READY=1`` or ``STATUS=…``; whether somebody was there to tell."""
    place = environ.get("NOTIFY_SOCKET", "")
    if not place or place[0] not in "/@" or not hasattr(socket, "AF_UNIX"):
        return False
    address = "\0" + place[1:] if place[0] == "@" else place  # an abstract socket (Linux)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.connect(address)
            told.send(text.encode())
    except OSError:
        return False
    return True


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float:
    """How often systemd wants a sign of life from this process, halved to be safe; 0.0 if it does not."""
    text, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not text.isdecimal() or (pid and pid != str(os.getpid())):
        return 0.0
    return int(text) / 2_000_000


async def keep_alive(environ: Mapping[str, str] = os.environ) -> None:
    """Give signs of life from the event loop, as long as it turns; returns at once where nobody wants them."""
    seconds = watchdog_seconds(environ)
    while seconds > 0:
        notify("WATCHDOG=1", environ)
        await asyncio.sleep(seconds)
