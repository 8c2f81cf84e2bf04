"""Flushing to the disk, in each operating system's own way."""

from __future__ import annotations

import os
import sys

if sys.platform == "darwin":
    import fcntl

    def flush_file(descriptor: int) -> None:
        """Return once the file's content is on the disk. fsync alone stops at the drive's cache there."""
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)

elif sys.platform == "win32":

    def flush_file(descriptor: int) -> None:
        """Return once the file's content is on the disk (FlushFileBuffers)."""
        os.fsync(descriptor)

else:

    def flush_file(descriptor: int) -> None:
        """Return once the file's content is on the disk."""
        os.fsync(descriptor)


if hasattr(os, "fdatasync") and sys.platform != "darwin":

    def flush_data(descriptor: int) -> None:
        """Return once the file's bytes are on the disk, and of what is known about it as much as reading them
        takes."""
        os.fdatasync(descriptor)

else:
    flush_data = flush_file


def open_directory(path: str) -> int:
    """A descriptor for :func:`flush_directory`; -1 where directories cannot be opened (Windows, whose file
    system journals renames itself)."""
    if sys.platform == "win32":
        return -1
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def flush_directory(descriptor: int) -> None:
    """Return once the directory's entries are on the disk."""
    if descriptor >= 0:
        flush_file(descriptor)


def flush_folder(path: str | os.PathLike[str]) -> None:
    """Return once a folder's entries are on the disk."""
    descriptor = open_directory(os.fspath(path))
    try:
        flush_directory(descriptor)
    finally:
        if descriptor >= 0:
            os.close(descriptor)
