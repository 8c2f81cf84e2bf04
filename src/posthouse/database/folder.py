"""The data folder: one server at a time, a known format, a local disk.

The lock is held by the supervisor (or by a command that works on a stopped server) for as long as it runs;
the operating system drops it when the process dies, however that happens.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

FORMAT = 1
"""The layout of the data folder this program reads and writes."""

_MARKER = "posthouse data folder, format "
_NETWORK = frozenset(
    (
        "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "ncpfs", "ncp", "ceph", "fuse.ceph",
        "lustre", "gpfs", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone",
        "fuse.davfs", "davfs", "beegfs", "ocfs2", "gfs2", "webdav", "afpfs",
    )
)  # fmt: skip
"""File systems (by the names mount uses) whose locks and flushes are not those of a local disk."""


_ESCAPED = re.compile(r"\\([0-7]{3})")
"""How mount tables write a blank, a tab, a newline or a backslash in a path."""


class DataFolderError(Exception):
    """The data folder cannot be used; the text names the folder and the mend."""


class DataFolder:
    """A locked data folder. Use as a context manager, or call :meth:`close`.

    Raises :class:`DataFolderError` when another process holds it, when its format is not ours, or when it
    lies on a network file system.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        self.path = Path(path).absolute()
        self._descriptor = -1
        self._prepare(create)
        kind = file_system(self.path)
        if kind in _NETWORK:
            raise DataFolderError(
                f"data folder {self.path} is on a network file system ({kind}), where locks and flushes "
                "cannot be relied on: put it on a local disk (setting 'data' in posthouse.toml)"
            )
        self._lock()
        try:
            self._check_format()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> DataFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the folder back. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _prepare(self, create: bool) -> None:
        try:
            if create:
                _make_durably(self.path)
            if not self.path.is_dir():
                raise DataFolderError(
                    f"data folder {self.path} does not exist: start the server once, or name the "
                    "right folder with --data"
                )
        except OSError as error:
            raise DataFolderError(
                f"data folder {self.path} cannot be made: {error.strerror or error}"
            ) from error

    def _lock(self) -> None:
        name = self.path / "posthouse.lock"
        try:
            self._descriptor = os.open(name, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            raise DataFolderError(
                f"data folder {self.path} cannot be written to: {error.strerror or error}; run as its owner"
            ) from error
        if not _try_lock(self._descriptor):
            holder = _holder(self._descriptor)
            self.close()
            raise DataFolderError(
                f"data folder {self.path} is in use by another posthouse{holder}: stop that one first, or "
                "talk to it over its control socket"
            )
        _write_holder(self._descriptor)

    def _check_format(self) -> None:
        marker = self.path / "format"
        try:
            text = marker.read_text("ascii")
        except FileNotFoundError:
            _write_durably(marker, f"{_MARKER}{FORMAT}\n")
            return
        except (OSError, UnicodeDecodeError) as error:
            raise DataFolderError(f"{marker} cannot be read: {error}") from error
        number = text.removeprefix(_MARKER).strip()
        if not text.startswith(_MARKER) or not number.isdigit():
            raise DataFolderError(
                f"{marker} is not a posthouse format marker: is {self.path} the right folder?"
            )
        if int(number) != FORMAT:
            raise DataFolderError(
                f"data folder {self.path} has format {number}, this posthouse knows format {FORMAT}: "
                + (
                    "install a newer posthouse"
                    if int(number) > FORMAT
                    else "install the version that converts it"
                )
            )


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Hold a lock file while the block runs, if nobody else does; whether it is held. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        yield _try_lock(descriptor)
    finally:
        os.close(descriptor)


def file_system(path: Path) -> str:
    """The kind of file system that holds ``path``, as mount names it; "" where the system does not tell."""
    if sys.platform == "win32":
        return _windows_file_system(path)
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as mounts:
            lines = mounts.read().splitlines()
    except OSError:
        return ""
    return kind_from_mounts(lines, os.path.realpath(path))


def kind_from_mounts(lines: list[str], path: str) -> str:
    """The file system type of the mount that ``path`` lies in, from lines of /proc/self/mounts."""
    best, kind = "", ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        place = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[1])
        inside = path == place or path.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, fields[2]
    return kind


def _windows_file_system(path: Path) -> str:
    if sys.platform != "win32":
        return ""
    import ctypes

    remote = 4
    root = os.path.splitdrive(os.path.realpath(path))[0] + "\\"
    if root.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(root) == remote:
        return "smb"
    return ""


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # a byte nobody reads: Windows locks forbid reading
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _holder(descriptor: int) -> str:
    """ ", process N)" when the holder wrote its number."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        number = os.read(descriptor, 20).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return f" (process {number})" if number.isdigit() else ""


def _write_holder(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, f"{os.getpid()}\n".encode())


def _make_durably(path: Path) -> None:
    """Make a folder and those above it. Their names are on the disk when this returns, also where an earlier
    start was cut off between the two."""
    missing = [place for place in (path, *path.parents) if not place.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for place in missing or [path]:
        _flush_directory(place.parent)


def _flush_directory(path: Path) -> None:
    """Put a directory's entries on the disk; nothing where that is not ours to do (Windows; a folder above
    that we may not read)."""
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_durably(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    with open(temporary, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    _flush_directory(path.parent)
