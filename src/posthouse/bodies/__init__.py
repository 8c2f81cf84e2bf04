"""Message bodies: the raw bytes of every message, kept once as a file named by its SHA-256.

``files.py`` holds the kept files, ``spool.py`` a body being received, ``plain.py`` makes bodies and the unit
that refers to them durable together, ``removal.py`` removes what nothing refers to, ``side.py`` writes what a
repair needs should the database be lost. ``contract.py`` is what others may rely on.
"""
