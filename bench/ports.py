"""TCP ports for a run."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "doubles"))

from free_ports import free_port

__all__ = ["free_port", "wait_for"]


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
