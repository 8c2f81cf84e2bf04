"""The kept bodies as files: ``messages/ab/abcdef….eml``, content exactly as accepted (RFC 5322, CRLF).

A file appears by rename only and is complete and flushed by then. A path that exists already is not trusted:
the same content is written and renamed over it again, unless the body's row is live, which is checked in the
unit that refers.
"""

from __future__ import annotations

import itertools
import mmap
import os
import secrets
import shutil
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from posthouse.bodies import flush
from posthouse.bodies.cache import ReadCache
from posthouse.bodies.contract import Body, BodyMissing
from posthouse.bodies.records import REVIVE, SELECT_BODY, bodies
from posthouse.bodies.spool import IN_MEMORY, FileBody, MemoryBody, Spooling, write_all
from posthouse.database.contract import Transaction
from posthouse.mail.mime import Buffer
from posthouse.observe import steps

MAPS = 16
"""Large bodies kept mapped."""

_CHUNK = 1 << 20
_FLUSHERS = 8
"""Files flushed side by side: a disk takes many flushes at once in little more than the time of one."""
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_FLUSHED = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY
"""How a file is opened that is to be flushed: Windows flushes only what may be written."""


class FileBodies:
    """The Bodies of contract.py, in the folder ``messages`` of the data folder."""

    def __init__(self, data: str | os.PathLike[str], *, cache: int = 32 << 20) -> None:
        self.folder = Path(data).absolute() / "messages"
        self.temporary = self.folder / "tmp"
        self._prefix = str(self.folder)
        self._temporary_prefix = str(self.temporary)
        self._names = itertools.count()
        self._cache = ReadCache(cache)
        self._lent: dict[str, bytes] = {}
        self._maps: OrderedDict[str, mmap.mmap] = OrderedDict()
        self._directories: dict[str, int] = {}
        self._free = (0.0, 0)
        self._make_folders()

    def close(self) -> None:
        """Close the directories held open. The object is not used afterwards."""
        for descriptor in self._directories.values():
            if descriptor >= 0:
                os.close(descriptor)
        self._directories.clear()
        self._maps.clear()

    def spool(self) -> Spooling:
        return Spooling(self._temporary_name)

    def path(self, digest: str) -> str:
        """Where a body's file is, or would be."""
        return f"{self._prefix}/{digest[:2]}/{digest}.eml"

    def claim(self, tx: Transaction, digest: str, size: int) -> None:
        key = bytes.fromhex(digest)
        rows = tx.lock(SELECT_BODY, {"digest": key})
        if not rows:
            now = int(time.time())
            tx.insert_ignore(bodies, {"digest": key, "size": size, "created_at": now, "condemned_at": None})
        elif rows[0][1] is not None:
            tx.execute(REVIVE, {"of_digest": key})
        # looked at after the row is ours: the removal job unlinks only while it holds that row
        try:
            found = os.stat(self.path(digest)).st_size
        except OSError:
            found = -1
        if found != size:
            raise BodyMissing(digest)

    def read(self, digest: str) -> Buffer:
        content = self._cache.get(digest)
        if content is not None:
            return content
        mapped = self._maps.get(digest)
        if mapped is not None:
            return mapped
        lent = self._lent.get(digest)
        if lent is not None:
            return lent
        descriptor = self._open(digest)
        try:
            size = os.fstat(descriptor).st_size
            if size <= IN_MEMORY:
                content = _read_all(descriptor, size)
                self._cache.put(digest, content)
                return content
            mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        self._maps[digest] = mapped
        while len(self._maps) > MAPS:
            self._maps.popitem(last=False)  # closed when its last reader lets go
        return mapped

    def lend(self, digest: str, content: bytes) -> None:
        self._lent[digest] = content

    def lend_no_more(self, digest: str) -> None:
        self._lent.pop(digest, None)

    def read_range(self, digest: str, start: int, length: int) -> bytes:
        return self.read(digest)[start : start + length]

    def free_space(self) -> int:
        checked, free = self._free
        now = time.monotonic()
        if now - checked >= 1.0 or not checked:
            free = shutil.disk_usage(self.folder).free
            self._free = (now, free)
        return free

    def keep(self, body: Body) -> None:
        """Write, flush and rename a body into place, and flush its directory entry. Blocking; any thread."""
        digest = body.digest
        if isinstance(body, FileBody) and body.path is not None:
            self._flush_spooled(body)
            _rename(body.path, self.path(digest))
            body.path = None
        else:
            _rename(self._write_temporary(body), self.path(digest))
        steps.step("body.renamed")
        flush.flush_directory(self._directory(digest[:2]))
        steps.step("body.directory")

    def put(self, body: Body) -> None:
        """Write a small body's file without a flush: something else keeps its content until :meth:`flush_kept`.
        Blocking but short; any thread."""
        self.put_content(body.digest, bytes(body.buffer()))

    def put_content(self, digest: str, content: bytes) -> bool:
        """As :meth:`put`; whether the file was not there with this content already."""
        path = self.path(digest)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        except FileExistsError:
            if _holds(path, content):
                return False
            _rename(self._write_temporary(MemoryBody(content, digest)), path)
            return True
        try:
            write_all(descriptor, content)
        except BaseException:
            # Not unlinked: somebody else may have put a whole one there meanwhile.
            os.ftruncate(descriptor, 0)
            raise
        finally:
            os.close(descriptor)
        return True

    def flush_kept(self, digests: Sequence[str]) -> None:
        """Return once the files of these bodies, as far as they are still there, and their directory entries are on
        the disk. Blocking, for long; any thread. Raises OSError."""
        with ThreadPoolExecutor(_FLUSHERS, "posthouse-flush") as pool:
            for _ in pool.map(self._flush_one, sorted(set(digests))):
                pass
        for folder in sorted({digest[:2] for digest in digests}):
            flush.flush_directory(self._directory(folder))

    def _flush_one(self, digest: str) -> None:
        try:
            descriptor = os.open(self.path(digest), _FLUSHED | _BINARY)
        except FileNotFoundError:
            return  # removed meanwhile
        try:
            flush.flush_file(descriptor)
        finally:
            os.close(descriptor)

    def unlink(self, digest: str) -> None:
        """Remove a body's file; nothing if it is not there."""
        try:
            os.unlink(self.path(digest))
        except FileNotFoundError:
            pass

    def kept(self) -> Iterator[tuple[str, float, int]]:
        """Every body's file: digest, when written (seconds since 1970), size. Blocking."""
        for number in range(256):
            try:
                entries = list(os.scandir(self.folder / f"{number:02x}"))
            except FileNotFoundError:
                continue
            for entry in entries:
                digest, dot, kind = entry.name.partition(".")
                if dot and kind == "eml" and len(digest) == 64:
                    try:
                        status = entry.stat()
                    except FileNotFoundError:
                        continue
                    yield digest, status.st_mtime, status.st_size

    def sweep_temporary(self, older_than: float) -> int:
        """Remove temporary files last written before this time (what a crash left). Blocking; returns how
        many."""
        swept = 0
        for entry in os.scandir(self.temporary):
            try:
                if entry.stat().st_mtime < older_than:
                    os.unlink(entry.path)
                    swept += 1
            except OSError:
                continue
        return swept

    def _make_folders(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = set(os.listdir(self.folder))
        for name in (*(f"{number:02x}" for number in range(256)), self.temporary.name):
            if name not in there:
                (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        # also when all were there: a start that was cut off may have made them and not come this far
        for place in (self.folder, self.folder.parent):
            descriptor = flush.open_directory(str(place))
            flush.flush_directory(descriptor)
            if descriptor >= 0:
                os.close(descriptor)

    def _temporary_name(self) -> str:
        return f"{self._temporary_prefix}/{os.getpid():x}-{next(self._names):x}-{secrets.token_hex(4)}"

    def _directory(self, name: str) -> int:
        descriptor = self._directories.get(name)
        if descriptor is None:
            descriptor = flush.open_directory(f"{self._prefix}/{name}")
            first = self._directories.setdefault(name, descriptor)
            if first != descriptor:
                os.close(descriptor)  # another thread was quicker
                descriptor = first
        return descriptor

    def _open(self, digest: str) -> int:
        try:
            return os.open(self.path(digest), os.O_RDONLY | _BINARY)
        except FileNotFoundError:
            raise BodyMissing(digest) from None

    def _flush_spooled(self, body: FileBody) -> None:
        steps.step("body.written")
        flush.flush_file(body.descriptor)
        steps.step("body.synced")
        if sys.platform == "win32":
            body.close()

    def _write_temporary(self, body: Body) -> str:
        temporary = self._temporary_name()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        try:
            content = body.buffer()
            for start in range(0, len(content), _CHUNK):
                write_all(descriptor, content[start : start + _CHUNK])
            steps.step("body.written")
            flush.flush_file(descriptor)
            steps.step("body.synced")
        except BaseException:
            os.close(descriptor)
            try:
                os.unlink(temporary)
            except OSError:
                pass
            raise
        os.close(descriptor)
        return temporary


def _holds(path: str, content: bytes) -> bool:
    """Whether a file has exactly this content."""
    try:
        with open(path, "rb") as file:
            return file.read(len(content) + 1) == content
    except FileNotFoundError:
        return False


def _read_all(descriptor: int, size: int) -> bytes:
    content = os.read(descriptor, size)
    while len(content) < size:
        more = os.read(descriptor, size - len(content))
        if not more:
            break
        content += more
    return content


def _rename(temporary: str, path: str) -> None:
    try:
        os.replace(temporary, path)
    except PermissionError:
        if sys.platform != "win32" or not _same_content(temporary, path):
            raise
        os.unlink(temporary)  # Windows: somebody reads the kept file, and it is what we would put there


def _same_content(one: str, other: str) -> bool:
    with open(one, "rb") as first, open(other, "rb") as second:
        while True:
            piece = first.read(_CHUNK)
            if piece != second.read(_CHUNK):
                return False
            if not piece:
                return True
