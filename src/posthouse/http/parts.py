"""What other parts of the server hand to HTTP before it opens."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from posthouse.http.well_known import WellKnown

AcmeContext = Callable[[str], "ssl.SSLContext | None"]
"""The context that answers an ACME TLS-ALPN-01 challenge for a host name (RFC 8737), None where none is open."""


@dataclass(slots=True)
class HttpParts:
    """``well_known`` takes handlers of fixed paths. ``acme_tls`` is asked when a client offers the protocol
    ``acme-tls/1``. ``stopping`` is set when the server stops: streams end then. ``kept_out`` tells whether a visitor
    behind a proxy may not use these doors; whoever comes by himself was asked at the connection."""

    well_known: WellKnown = field(default_factory=WellKnown)
    acme_tls: AcmeContext | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    kept_out: Callable[[str], bool] | None = None
