"""The PROXY protocol, versions 1 and 2, receiving side, without I/O.

A load balancer in front of the server says at the head of the connection who the real peer is.
:func:`parse` reads that header from a growing buffer. Whether the sender may be believed is not decided here.
"""

from __future__ import annotations

from posthouse.wire.proxy.header import MAX_V1, MAX_V2, Address, Bad, Header, NeedMore, parse

__all__ = ["MAX_V1", "MAX_V2", "Address", "Bad", "Header", "NeedMore", "parse"]
