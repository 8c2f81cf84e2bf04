"""Backups: what they look like, how they are written while mail flows, and how they are put back.

``sealing`` encrypts, ``keys`` says who can read, ``place`` is a folder or an object store, ``repository`` keeps
objects and manifests in it, ``tables`` turns rows into pieces and back, ``writing`` makes a backup, ``exact`` and
``merge`` put one back, ``schedule`` says when. ``uses`` is what the faces call. The format is described in
docs/decisions/0013-backup-format.md.
"""
