"""What a disk would hold after a power cut: only what was synced, and at will some of what was not.

Built from a trace of system calls, with the rules of POSIX and none of a kind file system's gifts: a file's bytes
are on the disk once a flush of the *file* returned that began after their write had returned; a name is on the
disk once a flush of its *directory* returned that began after the rename, creation or removal.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from syscalls import Call

_IGNORED = ("-shm", ".lock", ".sock")


@dataclass(eq=False)
class Inode:
    """A file: its bytes as the system shows them, its bytes on the disk, and the writes between the two."""

    live: bytearray = field(default_factory=bytearray)
    synced: bytearray = field(default_factory=bytearray)
    pending: list[Callable[[bytearray], None]] = field(default_factory=list)

    def change(self, apply: Callable[[bytearray], None]) -> None:
        """A write or a truncation returned."""
        apply(self.live)
        self.pending.append(apply)

    def sync(self, count: int) -> None:
        """The first ``count`` changes are on the disk."""
        for apply in self.pending[:count]:
            apply(self.synced)
        del self.pending[:count]


@dataclass(eq=False)
class Directory:
    """A directory: names as the system shows them, names on the disk, and the changes between."""

    live: dict[str, Inode] = field(default_factory=dict)
    synced: dict[str, Inode] = field(default_factory=dict)
    pending: list[tuple[str, Inode | None]] = field(default_factory=list)

    def change(self, name: str, inode: Inode | None) -> None:
        """A name appeared, or (None) went."""
        _put(self.live, name, inode)
        self.pending.append((name, inode))

    def sync(self, count: int) -> None:
        """The first ``count`` changes are on the disk."""
        for name, inode in self.pending[:count]:
            _put(self.synced, name, inode)
        del self.pending[:count]


def _put(names: dict[str, Inode], name: str, inode: Inode | None) -> None:
    if inode is None:
        names.pop(name, None)
    else:
        names[name] = inode


class Disk:
    """The files below ``root``, which begins as it is now: all of it on the disk."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.directories: dict[str, Directory] = {}
        for path in sorted(root.rglob("*")):
            if path.is_dir():
                self.directories.setdefault(str(path), Directory())
            elif path.is_file() and not path.name.endswith(_IGNORED):
                content = path.read_bytes()
                inode = Inode(bytearray(content), bytearray(content))
                folder = self.directories.setdefault(str(path.parent), Directory())
                folder.live[path.name] = folder.synced[path.name] = inode
        self.directories.setdefault(self.root, Directory())

    def take(self, phase: str, call: Call) -> None:
        """The next begin or end of a call."""
        if call.name in ("fsync", "fdatasync"):
            self._flush(phase, call)
        elif phase == "end" and (call.result or 0) >= 0:
            take = getattr(self, f"_{call.name}", None)
            if take is not None:
                take(call)

    def synced_file(self, path: str) -> bytes | None:
        """The bytes a power cut would leave under a name; None if it would not leave the name."""
        folder, _, name = path.rpartition("/")
        directory = self.directories.get(folder)
        inode = directory.synced.get(name) if directory else None
        return bytes(inode.synced) if inode else None

    def write(self, folder: Path, rng: random.Random | None = None) -> None:
        """Lay the disk after a power cut now into a folder. With ``rng`` some changes that were never synced
        are on it as well, in no order, as a real disk may have it."""
        for place, directory in self.directories.items():
            target = folder / Path(place).relative_to(self.root)
            target.mkdir(parents=True, exist_ok=True, mode=0o700)
            names = dict(directory.synced)
            for name, inode in directory.pending:
                if rng is not None and rng.random() < 0.5:
                    _put(names, name, inode)
            for name, inode in names.items():
                content = bytearray(inode.synced)
                for apply in inode.pending:
                    if rng is not None and rng.random() < 0.5:
                        apply(content)
                (target / name).write_bytes(content)

    def _flush(self, phase: str, call: Call) -> None:
        """What was done before the flush began is on the disk when it has returned."""
        thing = self.directories.get(call.descriptor) or self._inode(call.descriptor)
        if thing is None:
            return
        if phase == "begin":
            call.note = (thing, tuple(thing.pending))
        elif call.result == 0 and isinstance(call.note, tuple):
            seen = call.note[1]
            # another flush of the same thing may have taken some of them meanwhile
            thing.sync(sum(1 for change in thing.pending if any(change is each for each in seen)))

    def _inode(self, path: str) -> Inode | None:
        folder, _, name = path.rpartition("/")
        directory = self.directories.get(folder)
        return directory.live.get(name) if directory else None

    def _parent(self, path: str) -> tuple[Directory | None, str]:
        folder, _, name = path.rpartition("/")
        if name.endswith(_IGNORED):
            return None, name
        return self.directories.get(folder), name

    def _open(self, call: Call) -> None:
        directory, name = self._parent(call.strings[0].decode())
        if directory is None:
            return
        inode = directory.live.get(name)
        if inode is None and "O_CREAT" in call.args:
            directory.change(name, Inode())
        elif inode is not None and "O_TRUNC" in call.args:
            inode.change(lambda content: content.clear())

    _openat = _open

    def _mkdir(self, call: Call) -> None:
        path = call.strings[0].decode()
        if path.startswith(self.root + "/"):
            self.directories.setdefault(path, Directory())

    _mkdirat = _mkdir

    def _unlink(self, call: Call) -> None:
        directory, name = self._parent(call.strings[0].decode())
        if directory is not None and name in directory.live:
            directory.change(name, None)

    _unlinkat = _unlink

    def _rename(self, call: Call) -> None:
        old, new = (each.decode() for each in call.strings)
        inode = self._inode(old)
        source, old_name = self._parent(old)
        target, new_name = self._parent(new)
        if inode is not None and source is not None and target is not None:
            source.change(old_name, None)
            target.change(new_name, inode)

    _renameat = _renameat2 = _rename

    def _ftruncate(self, call: Call) -> None:
        inode, size = self._inode(call.descriptor), call.last_number
        if inode is not None:
            inode.change(lambda content: content.__setitem__(slice(size, None), b""))

    def _pwrite64(self, call: Call) -> None:
        inode = self._inode(call.descriptor)
        if inode is not None:
            (data,) = call.strings
            self._put(inode, data[: call.result], call.last_number)

    def _write(self, call: Call) -> None:
        """A write without a place appends: so this server writes every file but the database's."""
        inode = self._inode(call.descriptor)
        if inode is not None:
            (data,) = call.strings
            self._put(inode, data[: call.result], len(inode.live))

    def _writev(self, call: Call) -> None:
        if self._inode(call.descriptor) is not None:
            raise ValueError(f"{call.name} to {call.descriptor} is not known to this model")

    _pwritev = _writev

    @staticmethod
    def _put(inode: Inode, data: bytes, place: int) -> None:
        def apply(content: bytearray) -> None:
            if len(content) < place:
                content.extend(bytes(place - len(content)))
            content[place : place + len(data)] = data

        inode.change(apply)
