"""Administration: each use once.

A use checks the right of who asks, does its work in one unit of the database, and writes the audit line in
that same unit. The faces (``cli``, later ``api`` and ``web``) translate to and from uses and know nothing
else. ``control`` carries uses over the control socket of a running server; ``offline`` runs them on the
data folder of a stopped one.
"""
