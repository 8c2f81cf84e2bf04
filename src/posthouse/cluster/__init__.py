"""Several processes, one server: the change feed between them, leases for periodic jobs, and the supervisor.

``local`` is the feed within a process; ``link`` and ``hub`` carry it (and the counts of strangers) between
the workers of one node, through the supervisor. Between nodes it will be carried by the database's own
notices; until then a second node would hear of changes only when it looks, which is late but never wrong.
"""
