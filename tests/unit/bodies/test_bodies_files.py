"""Bodies as files: spooling, caching, flushing, what a full disk does."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from mmap import mmap
from pathlib import Path

import pytest

from posthouse.bodies import flush
from posthouse.bodies.cache import ReadCache
from posthouse.bodies.contract import BodyMissing
from posthouse.bodies.files import FileBodies
from posthouse.bodies.spool import IN_MEMORY, FileBody, MemoryBody
from posthouse.observe import steps


@pytest.fixture
def bodies(tmp_path: Path) -> Iterator[FileBodies]:
    made = FileBodies(tmp_path)
    yield made
    made.close()


def temporary(bodies: FileBodies) -> list[str]:
    return os.listdir(bodies.temporary)


def test_small_bodies_stay_in_memory(bodies: FileBodies) -> None:
    """Up to 256 KiB nothing is written before it is kept."""
    spool = bodies.spool()
    spool.write(b"a" * (IN_MEMORY - 1))
    spool.write(memoryview(b"b"))
    assert spool.size == IN_MEMORY
    body = spool.finish()
    assert isinstance(body, MemoryBody)
    assert body.digest == hashlib.sha256(b"a" * (IN_MEMORY - 1) + b"b").hexdigest()
    assert temporary(bodies) == []


def test_large_bodies_go_through_a_file(bodies: FileBodies) -> None:
    """One byte more goes to a temporary file, which is renamed into place, mapped and whole."""
    content = os.urandom(IN_MEMORY) + b"!"
    spool = bodies.spool()
    spool.write(content[:1000])
    spool.write(content[1000:])
    body = spool.finish()
    assert isinstance(body, FileBody)
    assert len(temporary(bodies)) == 1
    assert body.buffer()[:] == content
    bodies.keep(body)
    assert temporary(bodies) == []
    body.discard()
    body.discard()
    found = bodies.read(body.digest)
    assert isinstance(found, mmap)
    assert found[:] == content
    assert bodies.read(body.digest) is found
    assert bodies.read_range(body.digest, len(content) - 2, 10) == content[-2:]


def test_a_large_body_can_be_kept_again(bodies: FileBodies) -> None:
    """Its temporary file is long renamed and the kept file removed: the open descriptor still has the
    content."""
    spool = bodies.spool()
    spool.write(b"z" * (IN_MEMORY + 5))
    body = spool.finish()
    bodies.keep(body)
    bodies.unlink(body.digest)
    bodies.keep(body)
    assert len(bodies.read(body.digest)) == IN_MEMORY + 5
    body.discard()


@pytest.mark.parametrize("size", [0, 10, IN_MEMORY + 1])
@pytest.mark.parametrize("finished", [False, True])
def test_discard_leaves_nothing(bodies: FileBodies, size: int, finished: bool) -> None:
    """discard before and after finish, twice, leaves no file."""
    spool = bodies.spool()
    spool.write(b"x" * size)
    if finished:
        spool.finish()
    spool.discard()
    spool.discard()
    assert temporary(bodies) == []


def test_every_write_step_in_order(bodies: FileBodies, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content is flushed before the rename, the directory after it; taking one flush away is noticed here."""
    seen: list[str] = []
    flushed = flush.flush_file

    def record(descriptor: int) -> None:
        seen.append("flush directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "flush file")
        flushed(descriptor)

    monkeypatch.setattr(flush, "flush_file", record)
    monkeypatch.setattr(steps, "step", seen.append)
    spool = bodies.spool()
    spool.write(b"x")
    bodies.keep(spool.finish())
    order = ["body.written", "flush file", "body.synced", "body.renamed", "flush directory", "body.directory"]
    assert seen == order
    seen.clear()
    spool = bodies.spool()
    spool.write(b"x" * (IN_MEMORY + 1))
    body = spool.finish()
    bodies.keep(body)
    body.discard()
    assert seen == order


def test_a_full_disk_leaves_no_temporary_file(bodies: FileBodies, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC while writing: the error passes on, the temporary file does not stay."""
    spool = bodies.spool()
    spool.write(b"x")
    body = spool.finish()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(flush, "flush_file", full)
        with pytest.raises(OSError, match="No space"):
            bodies.keep(body)
    assert temporary(bodies) == []
    bodies.keep(body)
    assert bodies.read(body.digest) == b"x"


def test_missing_body(bodies: FileBodies) -> None:
    """A body that is not there is BodyMissing, with its digest."""
    with pytest.raises(BodyMissing) as error:
        bodies.read("ab" * 32)
    assert error.value.args == ("ab" * 32,)
    bodies.unlink("ab" * 32)


def test_free_space_is_cached(bodies: FileBodies, monkeypatch: pytest.MonkeyPatch) -> None:
    """free_space tells the disk's free bytes and asks at most once a second."""
    calls = []
    real = os.statvfs(bodies.folder)
    monkeypatch.setattr("shutil.disk_usage", lambda path: calls.append(path) or type("U", (), {"free": 77}))
    assert bodies.free_space() == 77
    assert bodies.free_space() == 77
    assert len(calls) == 1
    assert real.f_bavail >= 0


def test_files_are_private(bodies: FileBodies) -> None:
    """Only the server's user may read mail."""
    spool = bodies.spool()
    spool.write(b"secret")
    body = spool.finish()
    bodies.keep(body)
    assert os.stat(bodies.path(body.digest)).st_mode & 0o077 == 0
    assert os.stat(bodies.folder / body.digest[:2]).st_mode & 0o077 == 0


def test_read_cache_is_bounded() -> None:
    """The cache holds at most its limit; the least recently used goes first; too large a body is not
    taken."""
    cache = ReadCache(10)
    cache.put("a", b"12345")
    cache.put("b", b"12345")
    assert cache.get("a") == b"12345"
    cache.put("c", b"1")
    assert cache.get("b") is None
    assert cache.get("a") == b"12345"
    cache.put("big", b"x" * 11)
    assert cache.get("big") is None


def test_side_record_is_readable_json(tmp_path: Path) -> None:
    """Lines are JSON objects, prefixes Base64; close writes what is left."""
    import json

    from posthouse.bodies.side import SideRecord

    side = SideRecord(tmp_path)
    side.note({"t": "copy", "p": b"A: b\r\n"})
    side.notes([{"t": "gone", "m": 1}])
    side.close()
    side.close()
    [path] = (tmp_path / "records").iterdir()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"t": "copy", "p": "QTogYg0K"}, {"t": "gone", "m": 1}]


def test_folders_made_before_a_crash_are_flushed_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first start that died between making the folders and flushing them leaves entries that a power cut
    may still take: the next start flushes them, before anything is put there."""

    def dies(descriptor: int) -> None:
        raise KeyboardInterrupt

    flushed: list[str] = []

    def remember(descriptor: int) -> None:
        if descriptor >= 0:
            flushed.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    with monkeypatch.context() as first:
        first.setattr(flush, "flush_directory", dies)
        with pytest.raises(KeyboardInterrupt):
            FileBodies(tmp_path)
    assert (tmp_path / "messages" / "tmp").is_dir()
    monkeypatch.setattr(flush, "flush_directory", remember)
    FileBodies(tmp_path).close()
    assert flushed == [str(tmp_path / "messages"), str(tmp_path)]
