"""Where backups are kept: a folder here, an object store in ``place_s3``.

A name in a place is made by this program only (``objects/ab/<64 hex>``, ``manifests/<id>``); what was read from a
backup never becomes part of a path.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from posthouse.bodies import flush

PIECE = 256 * 1024
NAME = re.compile(
    r"posthouse-backup\.json|objects/([0-9a-f]{2})/\1[0-9a-f]{62}|manifests/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}"
)
"""Every name there may be."""
_TEMPORARY = re.compile("[0-9a-f]{24}")


class PlaceError(Exception):
    """The place cannot be used: what is wrong and what to do, each a sentence. ``unset``: it is not one that could
    be, whatever its state."""

    def __init__(self, what: str, mend: str, *, unset: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend
        self.unset = unset


class Place(Protocol):
    """A place. All methods block and may be called from any thread; they raise PlaceError."""

    def put(self, name: str, content: Iterable[bytes]) -> int:
        """Keep a file; it is there whole or not at all. Returns its size."""

    def get(self, name: str) -> Iterator[bytes]:
        """The content in pieces. Raises FileNotFoundError."""

    def size(self, name: str) -> int | None:
        """The size of a file, None when there is none."""

    def names(self, folder: str) -> Iterator[tuple[str, int]]:
        """Every good name in ``objects`` or ``manifests`` with its size; anything else there is passed over."""

    def delete(self, name: str) -> None:
        """Remove a file; nothing if there is none."""

    def settle(self) -> None:
        """Return when everything put so far is durable."""


class FolderPlace:
    """A folder, on this machine or mounted."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._dirty: set[Path] = set()
        self._settled = False

    def put(self, name: str, content: Iterable[bytes]) -> int:
        target = self._path(name)
        temporary = self._folder / "tmp" / secrets.token_hex(12)
        try:
            for folder in (temporary.parent, target.parent):
                self._make(folder)
            size = _write(temporary, content)
            os.replace(temporary, target)
        except OSError as error:
            raise self._trouble(error) from error
        finally:
            temporary.unlink(missing_ok=True)
        self._dirty.add(target.parent)
        return size

    def get(self, name: str) -> Iterator[bytes]:
        try:
            with open(self._path(name), "rb") as file:
                while piece := file.read(PIECE):
                    yield piece
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._trouble(error) from error

    def size(self, name: str) -> int | None:
        try:
            return os.stat(self._path(name)).st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._trouble(error) from error

    def names(self, folder: str) -> Iterator[tuple[str, int]]:
        try:
            entries = sorted(os.scandir(self._folder / folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._trouble(error) from error
        for entry in entries:
            name = f"{folder}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if re.fullmatch("objects/[0-9a-f]{2}", name):
                    yield from self.names(name)
            elif NAME.fullmatch(name) and entry.is_file(follow_symlinks=False):
                yield name, entry.stat(follow_symlinks=False).st_size

    def delete(self, name: str) -> None:
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise self._trouble(error) from error

    def settle(self) -> None:
        """Flush the folders in which files appeared (the files themselves were flushed as they were written). The
        first time all folders: of what a run that was killed left there, a backup takes what it finds as kept."""
        dirty, self._dirty = self._dirty, set()
        try:
            if not self._settled:
                dirty |= {self._folder, *(each for each in self._folder.glob("objects*/**") if each.is_dir())}
            self._settled = True
            for folder in dirty:
                descriptor = flush.open_directory(str(folder))
                try:
                    flush.flush_directory(descriptor)
                finally:
                    if descriptor >= 0:
                        os.close(descriptor)
        except OSError as error:
            raise self._trouble(error) from error

    def sweep(self) -> None:
        """Remove what a crash left half written. Only while no backup runs. What somebody else put there stays: also
        a link from here to a folder of other files."""
        folder = self._folder / "tmp"
        try:
            if folder.is_symlink() or not folder.is_dir():
                return
            for left in folder.iterdir():
                if _TEMPORARY.fullmatch(left.name):
                    left.unlink(missing_ok=True)
        except OSError as error:
            raise self._trouble(error) from error

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._dirty.add(folder.parent)

    def _path(self, name: str) -> Path:
        return self._folder / checked(name)

    def _trouble(self, error: OSError) -> PlaceError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return PlaceError(
                f"The backup place {self._folder} is full.",
                "Make room there, or keep fewer backups and prune. What was written already is used next time.",
            )
        return PlaceError(
            f"The backup place {self._folder} cannot be used: {error.strerror or error}.",
            "Check that it is there, mounted, and writable for the server's user.",
        )


def checked(name: str) -> str:
    """The name, if it is one that this program makes."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a backup's file")
    return name


def open_place(where: str, *, endpoint: str, region: str, key_id: str, secret_key: str) -> Place:
    """The place that a setting names: an absolute path, or ``s3://bucket/prefix``. Raises PlaceError."""
    if where.startswith("s3://"):
        from posthouse.manage.backup.place_s3 import S3Place

        return S3Place(where, endpoint=endpoint, region=region, key_id=key_id, secret_key=secret_key)
    if not where:
        raise PlaceError(
            "No backup place is set.",
            "Set backup.place to a folder (an absolute path) or to s3://bucket/prefix, then run "
            "`posthouse backup init`.",
            unset=True,
        )
    if not os.path.isabs(where) or "\0" in where:
        raise PlaceError(
            f"The backup place {where!r} is no absolute path.",
            "Write it from the root on: /srv/backup/mail.",
            unset=True,
        )
    return FolderPlace(where)


def _write(path: Path, content: Iterable[bytes]) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    size = 0
    try:
        for piece in content:
            view = memoryview(piece)
            size += len(view)
            while view:
                view = view[os.write(descriptor, view) :]
        flush.flush_file(descriptor)
    finally:
        os.close(descriptor)
    return size
