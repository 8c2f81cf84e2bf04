"""Ports for the servers that tests start."""

from __future__ import annotations

import os
import random
import socket

_PORTS = range(10_000, 32_000)
"""Below the ports that systems give to outgoing connections: one of those could sit on a port between a server's stop
and its next start."""

_SHARES = 8
"""Processes of one test run that draw ports at the same time; each has a share of its own."""

_given: set[int] = set()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody uses now, and that this process was not given before."""
    share = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0) % _SHARES
    mine = _PORTS[share::_SHARES]
    while True:
        if len(_given) > len(mine) // 2:
            _given.clear()  # those of long ago are free again
        port = random.choice(mine)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
