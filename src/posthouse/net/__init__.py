"""The network edge: connections, listening sockets, TLS contexts and the limits on strangers.

Nothing here knows a mail protocol. A session subclasses :class:`posthouse.net.connection.Connection`;
``server.py`` opens :mod:`posthouse.net.listeners` and hands each accepted connection a
:class:`posthouse.net.door.Door`, which carries what belongs to the listener (its TLS contexts, its limits,
its words of refusal).
"""
