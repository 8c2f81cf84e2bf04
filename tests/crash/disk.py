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

    live: dict[str, Inode | Directory] = field(default_factory=dict)
    synced: dict[str, Inode | Directory] = field(default_factory=dict)
    pending: list[tuple[str, Inode | Directory | None]] = field(default_factory=list)

    def change(self, name: str, thing: Inode | Directory | None) -> None:
        """A name appeared, or (None) went."""
        _put(self.live, name, thing)
        self.pending.append((name, thing))

    def sync(self, count: int) -> None:
        """The first ``count`` changes are on the disk."""
        for name, thing in self.pending[:count]:
            _put(self.synced, name, thing)
        del self.pending[:count]


def _put(names: dict[str, Inode | Directory], name: str, thing: Inode | Directory | None) -> None:
    if thing is None:
        names.pop(name, None)
    else:
        names[name] = thing


def _write_directory(directory: Directory, folder: Path, rng: random.Random | None) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = dict(directory.synced)
    for name, thing in directory.pending:
        if rng is not None and rng.random() < 0.5:
            _put(names, name, thing)
    for name, thing in names.items():
        if isinstance(thing, Directory):
            _write_directory(thing, folder / name, rng)
            continue
        content = bytearray(thing.synced)
        for apply in thing.pending:
            if rng is not None and rng.random() < 0.5:
                apply(content)
        (folder / name).write_bytes(content)


class Disk:
    """The files below ``root``, which begins as it is now: all of it on the disk."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.directories: dict[str, Directory] = {self.root: Directory()}
        for path in sorted(root.rglob("*")):
            if path.name.endswith(_IGNORED):
                continue
            thing: Inode | Directory
            if path.is_dir():
                thing = self.directories[str(path)] = Directory()
            else:
                content = path.read_bytes()
                thing = Inode(bytearray(content), bytearray(content))
            folder = self.directories[str(path.parent)]
            folder.live[path.name] = folder.synced[path.name] = thing

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
        thing: Inode | Directory | None = self.directories[self.root]
        for name in path[len(self.root) + 1 :].split("/"):
            if not isinstance(thing, Directory):
                return None
            thing = thing.synced.get(name)
        return bytes(thing.synced) if isinstance(thing, Inode) else None

    def live_file(self, path: str) -> bytes | None:
        """The bytes the system shows now."""
        inode = self._inode(path)
        return bytes(inode.live) if inode else None

    def write(self, folder: Path, rng: random.Random | None = None) -> None:
        """Lay the disk after a power cut now into a folder. With ``rng`` some changes that were never synced
        are on it as well, in no order, as a real disk may have it."""
        _write_directory(self.directories[self.root], folder, rng)

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
        thing = directory.live.get(name) if directory else None
        return thing if isinstance(thing, Inode) else None

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
        elif isinstance(inode, Inode) and "O_TRUNC" in call.args:
            inode.change(lambda content: content.clear())

    _openat = _open

    def _mkdir(self, call: Call) -> None:
        path = call.strings[0].decode()
        parent, name = self._parent(path)
        if parent is not None:
            made = self.directories[path] = Directory()
            parent.change(name, made)

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
