"""Limits on what strangers may use of the machine, whatever the protocol."""

from __future__ import annotations

from posthouse.settings.contract import Setting

CONNECTIONS = Setting(
    "limits.connections",
    10_000,
    "Open connections in all, over all protocols and worker processes of this node. "
    "The operating system's limit on open files may lower it.",
    minimum=10,
    maximum=1_000_000,
)

CONNECTIONS_PER_ADDRESS = Setting(
    "limits.connections_per_address",
    100,
    "Open connections from one IPv4 address or one IPv6 /64 network. This machine itself is not limited.",
    minimum=1,
    maximum=1_000_000,
)

STOP_TIME = Setting(
    "limits.stop_time",
    5.0,
    "How long a stopping server waits for running commands and for peers to read their last reply.",
    unit="seconds",
    minimum=0,
    maximum=300,
)

FREE_SPACE = Setting(
    "limits.free_space",
    256 * 1024 * 1024,
    "Space that must stay free on the disk that holds the messages: below it mail is refused for now (452, NO), "
    "before the disk is full.",
    unit="bytes",
    minimum=0,
)
