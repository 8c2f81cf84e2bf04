"""A data folder nobody else looks into: what others may do with it is taken back at the start."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from pathlib import Path

from posthouse.observe.log import logger

log = logger("cluster.closed")

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def close_to_others(data: Path, doors: Collection[Path] = (), kept: Collection[Path] = ()) -> None:
    """Take every right of group and others from the data folder and from what lies directly in it: whatever lies
    deeper is out of reach then, too. What cannot be mended is told in the log; never raises.

    ``doors`` are what others must get at, such as the socket of a listener: where one lies in the folder, they may
    still go through it, though neither list nor change it, and the door stays as it is. ``kept`` stays as it is, too,
    but is no reason to let anybody through.
    """
    if os.name != "posix":
        return
    ways = {Path(os.path.abspath(door)) for door in doors}
    left = ways | {Path(os.path.abspath(path)) for path in kept}
    inside = any(data in door.parents for door in ways)
    _close(data, stat.S_IXGRP | stat.S_IXOTH if inside else 0)
    try:
        entries = list(os.scandir(data))
    except OSError as error:
        log.warning("data.open_to_others", path=str(data), reason=str(error))
        return
    for entry in entries:
        place = data / entry.name
        if entry.is_symlink() or place in left:
            continue
        _close(place, stat.S_IXGRP | stat.S_IXOTH if any(place in door.parents for door in ways) else 0)


def _close(path: Path, left: int) -> None:
    """Take the rights of others away but for those in ``left``."""
    try:
        found = os.stat(path, follow_symlinks=False)
        mode = stat.S_IMODE(found.st_mode)
        wanted = mode & ~_OTHERS | mode & left
        if wanted == mode:
            return
        os.chmod(path, wanted)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("data.open_to_others", path=str(path), reason=str(error))
        return
    log.warning("data.closed_to_others", path=str(path), was=f"{mode:04o}", now=f"{wanted:04o}")
