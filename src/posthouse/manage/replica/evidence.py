"""What a repair finds among the body files: read whole, and what is wrong goes to the quarantine, never away."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from posthouse.bodies.files import FileBodies
from posthouse.manage.replica.rebuild import Body

Tell = Callable[[str, int, int], None]
"""Hears what is done, how far it is, and how much there is (0: unknown)."""

_CHUNK = 1 << 20


def good_bodies(bodies: FileBodies, quarantine: Path, tell: Tell) -> tuple[list[Body], list[str]]:
    """The bodies that are what their names say, and where those are now that are not. Raises OSError."""
    good: list[Body] = []
    bad: list[str] = []
    for number, (digest, written, size) in enumerate(sorted(bodies.kept())):
        tell("Reading messages", number, 0)
        path = Path(bodies.path(digest))
        if _digest(path) == digest:
            good.append((bytes.fromhex(digest), size, int(written)))
        else:
            folder = quarantine / "damaged"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.rename(path, folder / path.name)
            bad.append(str(folder / path.name))
    return good, bad


def set_apart(bodies: FileBodies, digests: list[str], quarantine: Path, tell: Tell) -> list[str]:
    """Messages that no row names are kept under a second name in the quarantine, where nothing removes them; where they
    are. Raises OSError."""
    folder = quarantine / "unnamed"
    kept = []
    for number, digest in enumerate(digests):
        tell("Keeping messages of nobody", number, len(digests))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        source, target = bodies.path(digest), folder / f"{digest}.eml"
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)  # (a file system without links)
        kept.append(str(target))
    return kept


def _digest(path: Path) -> str:
    hashed = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                hashed.update(piece)
    except FileNotFoundError:
        return ""
    return hashed.hexdigest()
