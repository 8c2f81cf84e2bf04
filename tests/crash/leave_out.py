"""Starts Posthouse with one flush left out, to show that the tests would notice: ``leave_out.py WHICH serve …``."""

from __future__ import annotations

import os
import sys

import apsw

from posthouse.bodies import flush
from posthouse.bodies.files import FileBodies
from posthouse.database import sqlite

which = sys.argv.pop(1)
if which == "file":
    real_flush = flush.flush_file

    def only_directories(descriptor: int) -> None:
        """Files are not flushed."""
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            real_flush(descriptor)

    flush.flush_file = only_directories
elif which == "journal":
    flush.flush_data = lambda descriptor: None
elif which == "freeing":
    FileBodies.flush_kept = lambda self, digests: None  # type: ignore[method-assign]
elif which == "directory":
    flush.flush_directory = lambda descriptor: None
elif which == "commit":
    real_connect = sqlite.connect

    def careless(path: str, *, writing: bool) -> apsw.Connection:
        """A connection that does not flush its commits."""
        connection = real_connect(path, writing=writing)
        connection.pragma("synchronous", "normal")
        return connection

    sqlite.connect = careless
elif which != "nothing":
    raise SystemExit(f"unknown flush: {which}")

from posthouse.__main__ import main  # noqa: E402  the flush is taken out first

main()
