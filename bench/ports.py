"""Free loopback ports, and waiting for one to answer."""

from __future__ import annotations

import socket
import time


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, seconds: float = 30.0) -> float:
    """Wait until a connection to the port is answered; return the seconds it took. Raises TimeoutError."""
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return time.perf_counter() - start
        except OSError:
            time.sleep(0.005)
    raise TimeoutError(f"nothing answered on port {port} within {seconds:g} s")
