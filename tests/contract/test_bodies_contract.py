"""The bodies' contract on each engine: keep, claim, removal and the races between them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import bindparam, delete, insert, select
from store_parts import Parts

from posthouse.bodies.contract import Body, BodyMissing
from posthouse.bodies.records import bodies as bodies_table
from posthouse.bodies.removal import Removal
from posthouse.database.contract import Transaction
from posthouse.settings.store import REMOVAL_WAIT
from posthouse.store.records import subscriptions

INSERT = insert(subscriptions)
FIND = select(subscriptions.c.name).where(subscriptions.c.name.in_(bindparam("names", expanding=True)))


def referrer(tx: Transaction, digests: Sequence[str]) -> set[str]:
    """Subscriptions stand in for whatever refers to bodies."""
    return {row[0] for row in tx.execute(FIND, {"names": list(digests)})}


def refer(tx: Transaction, parts: Parts, digest: str, size: int) -> None:
    parts.bodies.claim(tx, digest, size)
    tx.insert_ignore(subscriptions, {"account_id": 1, "name": digest})


def forget_all(tx: Transaction) -> None:
    tx.execute(delete(subscriptions))


def body(parts: Parts, content: bytes) -> Body:
    spool = parts.bodies.spool()
    spool.write(content)
    return spool.finish()


async def keep(parts: Parts, made: Body) -> None:
    await parts.durability.commit([made], refer, parts, made.digest, made.size)


def removal(parts: Parts) -> Removal:
    return Removal(parts.database, parts.bodies, [referrer], [], parts.settings)


def there(parts: Parts, digest: str) -> bool:
    return os.path.exists(parts.bodies.path(digest))


LATER = float(REMOVAL_WAIT.default) + 1


async def test_keep_and_read(parts: Parts) -> None:
    """What was kept is read back under the hash of its content, and no temporary file stays."""
    content = b"Subject: x\r\n\r\nhello\r\n"
    made = body(parts, content)
    assert made.digest == hashlib.sha256(content).hexdigest()
    await keep(parts, made)
    assert parts.bodies.read(made.digest) == content
    assert parts.bodies.read_range(made.digest, 9, 100) == content[9:]
    assert Path(parts.bodies.path(made.digest)).read_bytes() == content
    assert os.listdir(parts.bodies.temporary) == []


async def test_a_failing_op_leaves_no_row(parts: Parts) -> None:
    """If the unit fails nothing refers to the body; the file that stayed is swept when it is old."""
    made = body(parts, b"lost")

    def op(tx: Transaction) -> None:
        refer(tx, parts, made.digest, made.size)
        raise ValueError("no")

    with pytest.raises(ValueError):
        await parts.durability.commit([made], op)
    assert await parts.database.read(lambda tx: tx.execute(select(bodies_table.c.digest))) == []
    assert there(parts, made.digest)
    assert (await removal(parts).once()).orphans == 0
    os.utime(parts.bodies.path(made.digest), (1, 1))
    (parts.bodies.temporary / "left-by-a-crash").write_bytes(b"x")
    os.utime(parts.bodies.temporary / "left-by-a-crash", (1, 1))
    done = await removal(parts).once()
    assert (done.orphans, done.temporary) == (1, 1)
    assert not there(parts, made.digest)


async def test_claim_of_a_missing_file_is_refused(parts: Parts) -> None:
    """A row is no proof: the file must be there, with the right size."""
    with pytest.raises(BodyMissing):
        await parts.database.run(refer, parts, "ab" * 32, 5)
    made = body(parts, b"12345")
    await keep(parts, made)
    Path(parts.bodies.path(made.digest)).write_bytes(b"123")
    with pytest.raises(BodyMissing):
        await parts.database.run(refer, parts, made.digest, 5)


async def test_commit_keeps_again_what_went_meanwhile(parts: Parts) -> None:
    """The file is unlinked between keep and claim: it is kept again, and the op runs again."""
    made = body(parts, b"comes and goes")
    runs = []

    def op(tx: Transaction) -> None:
        runs.append(1)
        if len(runs) == 1:
            parts.bodies.unlink(made.digest)
        refer(tx, parts, made.digest, made.size)

    await parts.durability.commit([made], op)
    assert len(runs) == 2
    assert there(parts, made.digest)


async def test_removal_waits_and_checks_again(parts: Parts) -> None:
    """Referred: stays. Not referred: condemned, and removed after the wait. Referred again meanwhile:
    revived."""
    now = time.time()
    one, two, three = (body(parts, content) for content in (b"one", b"two", b"three"))
    for made in (one, two, three):
        await keep(parts, made)
    await parts.database.run(forget_all)
    await parts.database.run(refer, parts, one.digest, one.size)
    done = await removal(parts).once(now=now)
    assert (done.condemned, done.removed) == (2, 0)
    assert (await removal(parts).once(now=now + 1)).removed == 0
    await parts.database.run(refer, parts, two.digest, two.size)
    done = await removal(parts).once(now=now + LATER)
    assert (done.removed, done.condemned) == (1, 0)
    assert [there(parts, made.digest) for made in (one, two, three)] == [True, True, False]
    rows = await parts.database.read(lambda tx: tx.execute(select(bodies_table.c.condemned_at)))
    assert rows == [(None,), (None,)]


async def test_a_condemned_body_that_is_referred_to_is_revived(parts: Parts) -> None:
    """A reference made without a claim, by an older unit, still saves the body."""
    now = time.time()
    made = body(parts, b"late")
    await keep(parts, made)
    await parts.database.run(forget_all)
    assert (await removal(parts).once(now=now)).condemned == 1
    await parts.database.run(lambda tx: tx.execute(INSERT, {"account_id": 1, "name": made.digest}))
    assert (await removal(parts).once(now=now + LATER)).revived == 1
    assert there(parts, made.digest)


async def test_accepting_while_removing(parts: Parts) -> None:
    """The same body accepted and removed at once, again and again: whoever has a reference has a file."""
    removing = removal(parts)
    now = time.time()
    for turn in range(15):
        made = body(parts, b"the same every time")
        if turn % 3 == 0:
            await parts.database.run(forget_all)
        await asyncio.gather(
            removing.once(now=now + turn * 2 * LATER),
            keep(parts, made),
            removing.once(now=now + (turn * 2 + 1) * LATER),
            keep(parts, body(parts, b"the same every time")),
        )
        assert there(parts, made.digest)
        assert parts.bodies.read(made.digest) == b"the same every time"


async def test_many_at_once(parts: Parts) -> None:
    """More bodies at once than there are threads."""
    made = [body(parts, b"%d" % number) for number in range(40)]
    await asyncio.gather(*(keep(parts, each) for each in made))
    assert all(there(parts, each.digest) for each in made)


async def test_a_cancelled_commit_leaves_the_body_to_the_caller(parts: Parts) -> None:
    """Cancelled while a large body is flushed: the flush ends before the caller may discard the file."""
    spool = parts.bodies.spool()
    for _ in range(30):
        spool.write(b"x" * 65536)
    made = spool.finish()
    task = asyncio.ensure_future(keep(parts, made))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    made.discard()
    assert os.listdir(parts.bodies.temporary) == []
