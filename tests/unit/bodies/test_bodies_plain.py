"""Layout "plain" at its end: what comes too late."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from posthouse.bodies.files import FileBodies
from posthouse.bodies.plain import PlainDurability
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
