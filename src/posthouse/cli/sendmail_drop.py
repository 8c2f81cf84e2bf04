"""Leaves a message in the maildrop: complete and on disk, or not at all."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

from posthouse.mail import dropped
from posthouse.mail.dropped import SUFFIX, Dropped


def drop(folder: Path, envelope: Dropped, message: bytes) -> Path:
    """Write the file and make it durable. Raises OSError."""
    name = f"{time.time_ns() // 1000}.{secrets.token_hex(16)}"
    unfinished, finished = folder / f"{name}.tmp", folder / f"{name}{SUFFIX}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    # The server's user must be able to read it. Nobody else finds it: the folder cannot be listed, and the name not
    # be guessed.
    descriptor = os.open(unfinished, flags, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), 0o644)
            file.write(dropped.write(envelope, message))
            file.flush()
            os.fsync(file.fileno())
        os.rename(unfinished, finished)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(folder)
    return finished


def _sync_folder(folder: Path) -> None:
    """A folder that one may write to and not list cannot be opened; its server's file system syncs it in time."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
