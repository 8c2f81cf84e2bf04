"""TLS: what is negotiated, and how long a handshake may take."""

from __future__ import annotations

from posthouse.settings.contract import Setting

MINIMUM_VERSION = Setting(
    "tls.minimum_version",
    "1.2",
    "The oldest TLS version that is accepted.",
    choices=("1.2", "1.3"),
    effect="restart",
)

HANDSHAKE_TIME = Setting(
    "tls.handshake_time",
    30.0,
    "How long a TLS handshake (or the PROXY header before it) may take before the connection is dropped.",
    unit="seconds",
    minimum=1,
    maximum=300,
    effect="restart",
)
