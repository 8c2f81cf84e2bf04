"""Objects and manifests in a place.

An object is content kept once: its name is a keyed hash of what it holds (nobody without the key can test whether a
known message is in there), so a backup writes only what no earlier one wrote. Stored form::

    "PHB1"  mode: "X" sealed for the public key, "S" locked with the secret
    the sealed or locked stream of: "z" or "r" (compressed by zlib, or raw), then the content
    HMAC-SHA256 over name and everything before

The server can check the mark at the end of every object without being able to read it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from posthouse.manage.backup import keys as keys_module
from posthouse.manage.backup.keys import Keys
from posthouse.manage.backup.manifest import MAX_MANIFEST, Manifest, check_manifest
from posthouse.manage.backup.place import Place
from posthouse.manage.backup.sealing import Damaged, lock, seal, unlock, unseal

Kind = Literal["body", "rows", "list", "manifest"]
"""``body`` and ``rows`` are sealed; ``list`` (which bodies a backup has) and ``manifest`` are for the server, too."""

DESCRIPTOR = "posthouse-backup.json"
MAGIC = b"PHB1"
ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
"""The id of a backup: when it began (UTC), and something random."""

_MARK = 32
_LEVEL = 4
_INFLATED = 256 * 1024


class Missing(Damaged):
    """An object is not there."""


class Repository:
    """One place and the keys to it. All methods block; any thread, but one at a time for writing."""

    def __init__(self, place: Place, keys: Keys, pace: Callable[[int], None] = lambda count: None) -> None:
        self.place = place
        self.keys = keys
        self._pace = pace
        """Told each number of bytes read or written; it may wait."""

    # objects

    def name(self, kind: Kind, digest: bytes) -> str:
        """Where content with this SHA-256 is kept."""
        found = hmac.digest(self.keys.names, kind.encode() + b"\0" + digest, "sha256").hex()
        return f"objects/{found[:2]}/{found}"

    def put(self, kind: Kind, digest: bytes, content: Iterable[bytes]) -> int:
        """Keep content of this SHA-256 (not checked here); returns the bytes stored."""
        return self._put(self.name(kind, digest), kind, content)

    def read(self, kind: Kind, digest: bytes, limit: int) -> Iterator[bytes]:
        """The content with this SHA-256, checked at the end: raises Damaged there, so nothing may be believed
        before. More than ``limit`` bytes raise at once."""
        found = hashlib.sha256()
        for piece in self._read(self.name(kind, digest), kind, limit):
            found.update(piece)
            yield piece
        if found.digest() != digest:
            raise Damaged("its content has another hash")

    def check(self, kind: Kind, digest: bytes) -> int:
        """Check an object without reading what it holds; its size. Raises Damaged."""
        return sum(map(len, self._stored(self.name(kind, digest))))

    # manifests

    def write_manifest(self, manifest: Manifest) -> int:
        """Keep a manifest: only with it there is a backup. Everything it names is durable before."""
        self.place.settle()
        size = self._put(f"manifests/{manifest.id}", "manifest", [msgspec.msgpack.encode(manifest)])
        self.place.settle()
        return size

    def read_manifest(self, backup: str) -> Manifest:
        """The manifest of a backup. Raises Damaged."""
        if not ID.fullmatch(backup):
            raise Missing(f"{backup!r} is no id of a backup")
        content = b"".join(self._read(f"manifests/{backup}", "manifest", MAX_MANIFEST))
        try:
            manifest = msgspec.msgpack.decode(content, type=Manifest)
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise Damaged("its manifest cannot be read") from None
        check_manifest(manifest, backup)
        return manifest

    def backups(self) -> list[str]:
        """The ids of all backups, oldest first."""
        found = (name.removeprefix("manifests/") for name, _ in self.place.names("manifests"))
        return sorted(backup for backup in found if _is_moment(backup))

    # inside

    def _put(self, name: str, kind: Kind, content: Iterable[bytes]) -> int:
        return self.place.put(name, self._paced(self._marked(name, self._covered(kind, _deflate(content)))))

    def _covered(self, kind: Kind, content: Iterable[bytes]) -> Iterator[bytes]:
        if kind in ("body", "rows"):
            yield MAGIC + b"X"
            yield from seal(self.keys.recipient, content)
        else:
            yield MAGIC + b"S"
            yield from lock(self.keys.lists, content)

    def _marked(self, name: str, stored: Iterable[bytes]) -> Iterator[bytes]:
        mark = hmac.new(self.keys.marks, name.encode() + b"\0", "sha256")
        for piece in stored:
            mark.update(piece)
            yield piece
        yield mark.digest()

    def _paced(self, stored: Iterable[bytes]) -> Iterator[bytes]:
        for piece in stored:
            self._pace(len(piece))
            yield piece

    def _read(self, name: str, kind: Kind, limit: int) -> Iterator[bytes]:
        stored = self._stored(name)
        head = next(stored, b"")
        while len(head) < len(MAGIC) + 1:
            more = next(stored, b"")
            if not more:
                raise Damaged("it is cut short")
            head += more
        mode = b"X" if kind in ("body", "rows") else b"S"
        if head[: len(MAGIC) + 1] != MAGIC + mode:
            raise Damaged("it is no object of a backup, or of a newer program")

        def rest() -> Iterator[bytes]:
            yield head[len(MAGIC) + 1 :]
            yield from stored

        if mode == b"S":
            yield from _inflate(unlock(self.keys.lists, rest()), limit)
            return
        if self.keys.private is None:
            raise keys_module.WrongKey("The recovery key is needed to read what a backup holds.")
        yield from _inflate(unseal(self.keys.private, rest()), limit)

    def _stored(self, name: str) -> Iterator[bytes]:
        """Everything before the mark; raises Damaged at the end if that is wrong."""
        mark = hmac.new(self.keys.marks, name.encode() + b"\0", "sha256")
        waiting = b""
        try:
            for piece in self.place.get(name):
                self._pace(len(piece))
                waiting += piece
                if len(waiting) > _MARK:
                    mark.update(waiting[:-_MARK])
                    yield waiting[:-_MARK]
                    waiting = waiting[-_MARK:]
        except FileNotFoundError:
            raise Missing("it is missing") from None
        if not hmac.compare_digest(mark.digest(), waiting):
            raise Damaged("it is damaged or cut short")


def _deflate(content: Iterable[bytes]) -> Iterator[bytes]:
    """Compressed, unless the beginning does not get smaller."""
    parts = iter(content)
    first = next(parts, b"")
    if len(first) > 1024 and len(zlib.compress(first[:65536], 1)) > 0.95 * len(first[:65536]):
        yield b"r"
        yield first
        yield from parts
        return
    packer = zlib.compressobj(_LEVEL)
    yield b"z"
    yield packer.compress(first)
    for part in parts:
        yield packer.compress(part)
    yield packer.flush()


def _inflate(stored: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """The content, at most ``limit`` bytes of it: what was made to grow without end is refused when it does."""
    parts = iter(stored)
    head = next(parts, b"")
    while not head:
        more = next(parts, None)
        if more is None:
            raise Damaged("it is empty")
        head = more
    if head[:1] not in (b"z", b"r"):
        raise Damaged("it is packed in an unknown manner")
    unpacker = zlib.decompressobj() if head[:1] == b"z" else None
    size = 0
    for piece in _pieces(head[1:], parts, unpacker):
        size += len(piece)
        if size > limit:
            raise Damaged("it is larger than it says")
        yield piece
    if unpacker is not None and (not unpacker.eof or unpacker.unused_data):
        raise Damaged("it is packed wrongly")


def _pieces(head: bytes, rest: Iterator[bytes], unpacker: zlib._Decompress | None) -> Iterator[bytes]:
    def source() -> Iterator[bytes]:
        yield head
        yield from rest

    for part in source():
        if unpacker is None:
            if part:
                yield part
            continue
        try:
            while part:
                piece = unpacker.decompress(part, _INFLATED)
                part = unpacker.unconsumed_tail
                if piece:
                    yield piece
                if unpacker.eof:
                    break
        except zlib.error:
            raise Damaged("it is packed wrongly") from None


def _is_moment(backup: str) -> bool:
    """Whether an id begins with a moment that there is: whoever can write to the place can make up names."""
    try:
        time.strptime(backup[:16], "%Y%m%dT%H%M%SZ")
    except ValueError:
        return False
    return True


def new_id(now: float) -> str:
    """The id of a backup that begins now; later ones sort behind earlier ones."""
    fraction = int(now % 1 * 1_000_000)
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{fraction:05x}{secrets.token_hex(2)[:3]}"
