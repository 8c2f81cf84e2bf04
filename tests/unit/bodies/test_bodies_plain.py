"""Layout "plain": who keeps a body, and what comes too late."""

from __future__ import annotations

import asyncio
import errno
import threading
from pathlib import Path

import pytest

from posthouse.bodies.contract import Body
from posthouse.bodies.files import FileBodies
from posthouse.bodies.plain import SMALL, PlainDurability
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction


def nothing(tx: Transaction) -> None:
    """A unit without work."""


@pytest.mark.parametrize("count", [1, 3])
async def test_what_comes_after_the_end_is_refused_at_once(
    sqlite_database: Database, tmp_path: Path, count: int
) -> None:
    """A session that is still accepting while the server stops gets an error; it does not wait for threads
    that are gone, which nothing could end."""
    bodies = FileBodies(tmp_path)
    durability = PlainDurability(sqlite_database, bodies, threads=2)
    await durability.close()
    spools = [bodies.spool() for _ in range(count)]
    for number, spool in enumerate(spools):
        spool.write(b"%d" % number)
    late = [spool.finish() for spool in spools]
    with pytest.raises(DatabaseUnavailable, match="stopping"):
        await asyncio.wait_for(durability.commit(late, nothing), 5)
    bodies.close()


def keep_names(bodies: FileBodies, monkeypatch: pytest.MonkeyPatch, *, fails: int = 0) -> list[str]:
    """The threads that keep bodies from now on, the first ``fails`` times in vain."""
    names: list[str] = []
    keep = FileBodies.keep

    def kept(self: FileBodies, body: Body) -> None:
        names.append(threading.current_thread().name)
        if len(names) <= fails:
            raise OSError(errno.ENOSPC, "no space")
        keep(self, body)

    monkeypatch.setattr(FileBodies, "keep", kept)
    return names


def spooled(bodies: FileBodies, content: bytes) -> Body:
    spool = bodies.spool()
    spool.write(content)
    return spool.finish()


async def test_a_lone_body_is_kept_where_its_unit_is_committed(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time goes no further than the writer's thread; several are kept side by side as ever."""
    bodies = FileBodies(tmp_path)
    names = keep_names(bodies, monkeypatch)
    durability = PlainDurability(sqlite_database, bodies, threads=2)
    one = spooled(bodies, b"one")

    def claim(tx: Transaction) -> int:
        bodies.claim(tx, one.digest, one.size)
        return 7

    assert await durability.commit([one], claim) == 7
    assert names == ["posthouse-writer"]
    assert bytes(bodies.read(one.digest)) == b"one"
    large = spooled(bodies, b"l" * (SMALL + 1))
    await durability.commit([large], nothing)
    assert names.pop().startswith("posthouse-keeper")
    more = [spooled(bodies, b"%d" % number) for number in range(5)]
    await asyncio.gather(*(durability.commit([each], nothing) for each in more))
    assert names.count("posthouse-writer") == 2
    assert {bytes(bodies.read(each.digest)) for each in more} == {b"0", b"1", b"2", b"3", b"4"}
    await durability.close()
    bodies.close()


async def test_a_lone_body_that_cannot_be_kept_fails_alone(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its unit is not run; what shares the writer with it is, and the next body is kept."""
    bodies = FileBodies(tmp_path)
    keep_names(bodies, monkeypatch, fails=1)
    durability = PlainDurability(sqlite_database, bodies, threads=2)
    ran: list[str] = []
    one, two = spooled(bodies, b"one"), spooled(bodies, b"two")
    first = asyncio.ensure_future(durability.commit([one], lambda tx: ran.append("one")))
    await asyncio.sleep(0)
    other = asyncio.ensure_future(sqlite_database.run(lambda tx: ran.append("other")))
    with pytest.raises(OSError, match="no space"):
        await first
    await other
    await durability.commit([two], lambda tx: ran.append("two"))
    assert ran == ["other", "two"]
    await durability.close()
    bodies.close()
