"""``listeners.toml`` in the data folder: the complete set of listeners once administration has changed them. It
stands in the place of the ``[[listener]]`` tables of ``posthouse.toml`` until it is removed."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from posthouse.settings.config import Listener

MANAGED = "listeners.toml"

_HEADER = """# Written by Posthouse when its listeners were changed by administration. While this file is here, the
# [[listener]] tables of posthouse.toml do not count. `posthouse listener reset` goes back to those.
"""


def managed_path(data: str | os.PathLike[str]) -> Path:
    """Where the file is."""
    return Path(data) / MANAGED


def write_managed(data: str | os.PathLike[str], listeners: Iterable[Listener]) -> None:
    """Replace the file as a whole; on the disk when this returns. Raises OSError."""
    text = _HEADER + "".join(_table(listener) for listener in listeners)
    target = managed_path(data)
    descriptor, name = tempfile.mkstemp(prefix=".listeners-", dir=target.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    _sync_folder(target.parent)


def remove_managed(data: str | os.PathLike[str]) -> None:
    """Take the file away; nothing where there is none. Raises OSError."""
    managed_path(data).unlink(missing_ok=True)
    _sync_folder(Path(data))


def _table(listener: Listener) -> str:
    lines = ["", "[[listener]]"]
    for name, value in msgspec.to_builtins(listener).items():
        if value or name == "tls":
            # Strings, numbers and lists of strings are written in TOML as in JSON.
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
