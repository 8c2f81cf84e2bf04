"""TCP ports for a run."""

from __future__ import annotations

import random
import socket
import subprocess
import time

_RANGE = range(20000, 32000)
"""Below the ports that systems give to outgoing connections: one of those could sit on a port between a server's
stop and its next start."""

_given: set[int] = set()


def free_port() -> int:
    """A port on loopback that nothing listens on now; never the same one twice."""
    while True:
        port = random.choice(_RANGE)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def wait_for(port: int, seconds: float = 90.0, process: subprocess.Popen[bytes] | None = None) -> None:
    """Return when something answers on the port. Raises TimeoutError, and RuntimeError when the process ended."""
    stop = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process is not None and process.poll() is not None:
                raise RuntimeError(f"the server ended with status {process.returncode}") from None
            if time.monotonic() > stop:
                raise TimeoutError(f"nothing answered on port {port} within {seconds:g} s") from None
            time.sleep(0.005)
