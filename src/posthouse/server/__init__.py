"""One node, assembled by hand from top to bottom: the only folder that may know every other.

``serve`` prepares what the whole node shares (data folder, listening sockets, schema, certificate), then runs
one worker in this process, or several under a supervisor. ``work`` is such a worker process. Both end in
``worker``, which builds the road a message travels: receive, route, acceptance, queue, delivery, store,
access. What stands beside the road (web and API, certificates, backup, measurements) has a file each, ``with_*.py``,
that attaches it to the worker.
"""

from __future__ import annotations

from posthouse.server.node import OnReady, serve, work

__all__ = ["OnReady", "serve", "work"]
