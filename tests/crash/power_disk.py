"""A disk that loses its power: what was written, in its order, and what of it was flushed.

The rules are those of ``disk.py`` (a file's bytes are on the disk once a flush of the file returned that began after
their write had returned, a name once a flush of its directory did). Here every change is a thing of its own, so that a
state can be laid down with any choice of the changes that were not flushed, also with parts of one.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from syscalls import Call, parse

SECTOR = 512
"""Bytes that a disk writes wholly or not at all."""

_IGNORED = ("-shm", ".lock", ".sock")
_REPLIES = ("sendto", "sendmsg", "write", "writev")
_TO = re.compile(r"^TCP(?:v6)?:\[.*->.*:(\d+)\]$")
_FLUSHES = ("fsync", "fdatasync")


@dataclass(slots=True)
class Event:
    """Something that a server did: ``what`` is ``sent`` (to the port ``place``), ``begins`` and ``flushed`` (of the
    flush ``place``), ``write``, ``truncate``, ``create``, ``mkdir``, ``unlink`` or ``rename``."""

    what: str
    path: str = ""
    to: str = ""
    data: bytes = b""
    place: int = 0


def events(trace: str, root: str) -> Iterator[Event]:
    """What a trace of system calls says about the files below ``root`` and about what was sent."""
    numbers: dict[int, int] = {}
    next_number = itertools.count()
    for phase, call in parse(trace):
        if phase == "begin" and call.name in _REPLIES and (to := _TO.match(call.descriptor)):
            yield Event("sent", data=b"".join(call.strings), place=int(to[1]))
        elif call.name in _FLUSHES:
            if phase == "begin":
                number = numbers[id(call)] = next(next_number)
                yield Event("begins", call.descriptor, place=number)
            elif call.result == 0:
                yield Event("flushed", call.descriptor, place=numbers.pop(id(call), -1))
        elif phase == "end" and (call.result or 0) >= 0:
            found = _change(call)
            if found is not None and found.path.startswith(root) and not found.path.endswith(_IGNORED):
                yield found


def _change(call: Call) -> Event | None:
    name = call.name.removesuffix("2").removesuffix("at") if call.name != "ftruncate" else call.name
    if name == "write":
        return Event("write", call.descriptor, data=call.strings[0][: call.result], place=-1)
    if name == "pwrite64":
        return Event("write", call.descriptor, data=call.strings[0][: call.result], place=call.last_number)
    if name == "ftruncate":
        return Event("truncate", call.descriptor, place=call.last_number)
    if name == "open":
        path = call.strings[0].decode()
        if "O_TRUNC" in call.args:
            return Event("create", path, place=1)
        return Event("create", path) if "O_CREAT" in call.args else None
    if name in ("mkdir", "unlink"):
        return Event(name, call.strings[0].decode())
    if name == "rename":
        old, new = (each.decode() for each in call.strings)
        return Event("rename", old, new)
    if name in ("writev", "pwritev") and call.descriptor.startswith("/"):
        raise ValueError(f"{call.name} to {call.descriptor} is not known to this model")
    return None


@dataclass(slots=True, eq=False)
class Change:
    """Bytes of a file (``thing`` is None and ``name`` empty) or a name in a directory, which leads to ``thing`` or is
    gone. ``number`` is its place among all changes. Without ``data`` a file is cut off at ``place``."""

    number: int
    place: int = 0
    data: bytes | None = None
    name: str = ""
    thing: File | Folder | None = None

    def put(self, content: bytearray, parts: Sequence[tuple[int, int]] | None = None) -> None:
        """Apply a change of bytes, or parts (from, to) of it."""
        if self.data is None:
            del content[self.place :]
            if len(content) < self.place:
                content.extend(bytes(self.place - len(content)))
            return
        for start, end in ((0, len(self.data)),) if parts is None else parts:
            at = self.place + start
            if len(content) < at:
                content.extend(bytes(at - len(content)))
            content[at : at + end - start] = self.data[start:end]

    def sectors(self) -> list[tuple[int, int]]:
        """The parts that are written wholly or not at all."""
        length = len(self.data or b"")
        first = -self.place % SECTOR
        edges = [0, *range(first or SECTOR, length, SECTOR), length]
        return list(itertools.pairwise(edges))


Choice = Callable[[Change], bool | Sequence[tuple[int, int]]]
"""Which of the changes that were not flushed are on the disk: all of one, nothing of it, or parts of it."""


@dataclass(eq=False)
class File:
    """Its bytes as the system shows them, its bytes on the disk, and the changes between the two."""

    live: bytearray
    synced: bytearray
    pending: list[Change] = field(default_factory=list)

    def content(self, choose: Choice) -> bytes | bytearray:
        """After a power cut."""
        if not self.pending:
            return self.synced
        content = bytearray(self.synced)
        for change in self.pending:
            parts = choose(change)
            if parts is True:
                change.put(content)
            elif parts:
                change.put(content, parts)
        return content

    def reaches(self, change: Change) -> None:
        """A change is on the disk."""
        change.put(self.synced)


@dataclass(eq=False)
class Folder:
    """Its names as the system shows them, on the disk, and the changes between."""

    live: dict[str, File | Folder] = field(default_factory=dict)
    synced: dict[str, File | Folder] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)

    def names(self, choose: Choice) -> dict[str, File | Folder]:
        """After a power cut."""
        names = dict(self.synced)
        for change in self.pending:
            if choose(change):
                _name(names, change)
        return names

    def reaches(self, change: Change) -> None:
        """A change is on the disk."""
        _name(self.synced, change)


def _name(names: dict[str, File | Folder], change: Change) -> None:
    if change.thing is None:
        names.pop(change.name, None)
    else:
        names[change.name] = change.thing


class PowerDisk:
    """The files below ``root``, which begins with what ``before`` holds (:func:`snapshot`), all of it on the disk.
    ``unsynced`` are all changes that were not flushed, by number."""

    def __init__(self, root: str, before: dict[str, bytes | None]) -> None:
        self.root = root
        self.folders: dict[str, Folder] = {root: Folder()}
        self.unsynced: dict[int, Change] = {}
        self._number = 0
        self._flushes: dict[int, tuple[File | Folder, set[Change]]] = {}
        for path in sorted(before):
            content = before[path]
            thing: File | Folder
            if content is None:
                thing = self.folders[f"{root}/{path}"] = Folder()
            else:
                thing = File(bytearray(content), bytearray(content))
            folder, name = self._parent(f"{root}/{path}")
            assert folder is not None
            folder.live[name] = folder.synced[name] = thing

    def take(self, event: Event) -> None:
        """The next of the events."""
        getattr(self, f"_{event.what}")(event)

    def lay(self, folder: Path, choose: Choice) -> None:
        """Lay the disk after a power cut now into a folder, which is empty but for folders."""
        _lay(self.folders[self.root], folder, choose)

    def shown(self) -> dict[str, bytes | None]:
        """What the system shows now, as :func:`snapshot` gives it."""
        found: dict[str, bytes | None] = {}
        for path, folder in self.folders.items():
            for name, thing in folder.live.items():
                where = f"{path}/{name}"[len(self.root) + 1 :]
                found[where] = bytes(thing.live) if isinstance(thing, File) else None
        return found

    def _sent(self, event: Event) -> None:
        """Nothing of this is on a disk."""

    def _begins(self, event: Event) -> None:
        thing = self.folders.get(event.path) or self._file(event.path)
        if thing is not None:
            self._flushes[event.place] = thing, set(thing.pending)

    def _flushed(self, event: Event) -> None:
        """What was done before the flush began is on the disk now."""
        thing, seen = self._flushes.pop(event.place, (None, set[Change]()))
        if thing is None:
            return
        rest = []
        for change in thing.pending:
            if change in seen:
                thing.reaches(change)
                self.unsynced.pop(change.number, None)
            else:
                rest.append(change)
        thing.pending = rest

    def _file(self, path: str) -> File | None:
        folder, name = self._parent(path)
        thing = folder.live.get(name) if folder is not None else None
        return thing if isinstance(thing, File) else None

    def _parent(self, path: str) -> tuple[Folder | None, str]:
        folder, _, name = path.rpartition("/")
        return self.folders.get(folder), name

    def _add(self, thing: File | Folder, change: Change) -> None:
        self._number = change.number = self._number + 1
        thing.pending.append(change)
        self.unsynced[change.number] = change

    def _changed(self, path: str, data: bytes | None, place: int) -> None:
        file = self._file(path)
        if file is not None:
            # A write without a place appends: so this server writes every file but the database's and the journal's.
            change = Change(0, len(file.live) if place < 0 else place, data)
            change.put(file.live)
            self._add(file, change)

    def _named(self, path: str, thing: File | Folder | None) -> None:
        folder, name = self._parent(path)
        if folder is not None and (thing is not None or name in folder.live):
            change = Change(0, name=name, thing=thing)
            _name(folder.live, change)
            self._add(folder, change)

    def _write(self, event: Event) -> None:
        self._changed(event.path, event.data, event.place)

    def _truncate(self, event: Event) -> None:
        self._changed(event.path, None, event.place)

    def _create(self, event: Event) -> None:
        if self._file(event.path) is None:
            if event.path not in self.folders:
                self._named(event.path, File(bytearray(), bytearray()))
        elif event.place:
            self._changed(event.path, None, 0)

    def _mkdir(self, event: Event) -> None:
        made = self.folders[event.path] = Folder()
        self._named(event.path, made)

    def _unlink(self, event: Event) -> None:
        self._named(event.path, None)

    def _rename(self, event: Event) -> None:
        file = self._file(event.path)
        if file is not None:
            self._named(event.path, None)
            self._named(event.to, file)


def _lay(folder: Folder, where: Path, choose: Choice) -> None:
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, thing in folder.names(choose).items():
        if isinstance(thing, Folder):
            _lay(thing, where / name, choose)
        else:
            with open(where / name, "wb") as file:
                file.write(thing.content(choose))


def snapshot(root: Path) -> dict[str, bytes | None]:
    """What is below a folder: path → content, None for a folder."""
    return {
        path.relative_to(root).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in root.rglob("*")
        if not path.name.endswith(_IGNORED)
    }
