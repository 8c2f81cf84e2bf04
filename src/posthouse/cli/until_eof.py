"""Stopping the server by closing its standard input: for keepers that have no signals to send (a Windows service)."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading


def watch() -> None:
    """Ask this process to stop, as SIGTERM does, once standard input ends. The thread dies with the process."""
    threading.Thread(target=_wait, name="until-eof", daemon=True).start()


def _wait() -> None:
    with contextlib.suppress(OSError, ValueError):  # a standard input that is broken has ended
        while sys.stdin.buffer.read(1):
            pass
    # The C handler only notes the signal and wakes the event loop: both may be done from any thread, on every system.
    signal.raise_signal(signal.SIGTERM)
