"""Posts to lists that wait for a moderator: looked at, let pass, or refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Literal

import msgspec

from posthouse.bodies.contract import Bodies, BodyMissing
from posthouse.database.contract import Row, Transaction
from posthouse.directory.lists import MailingList
from posthouse.mail import headers
from posthouse.mail.encoded import decode_words
from posthouse.manage import lists_records as records
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call
from posthouse.queue import control_records, posts
from posthouse.queue.contract import LIST
from posthouse.queue.control import GRACE
from posthouse.queue.service import OLDER, TOPIC

Find = Callable[[Transaction, str], MailingList]
"""The list of an address, if the caller may see it."""

MOST = 200
_HEADER = 64 * 1024


class PostPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The posts of one list."""

    address: str


class Post(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A post of a list by its number."""

    address: str
    post: int


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A post of a list by its number, and ``reason``: a word to its sender."""

    address: str
    post: int
    reason: str = ""


class PostView(msgspec.Struct, frozen=True):
    """A post that waits. ``at`` in seconds since 1970, ``size`` in bytes; ``reason``: why it waits."""

    post: int
    sender: str
    subject: str
    size: int
    at: float
    reason: str
    trace: str


class Posts(msgspec.Struct, frozen=True):
    """The oldest first, the first two hundred."""

    posts: list[PostView]


async def waiting(call: Call, wanted: PostPage, find: Find) -> Posts:
    """The posts of a list that wait."""

    def op(tx: Transaction) -> list[Row]:
        info = find(tx, wanted.address)
        return tx.execute(records.SELECT_HELD, {"destination": f"{LIST}{info.id}", "count": MOST})

    rows = await call.context.database.scan(op)
    bodies = call.context.bodies
    return Posts(
        [
            PostView(
                int(row[0]),
                row[1],
                _subject(bodies, bytes(row[5]).hex()),
                int(row[2]),
                row[3],
                row[4],
                row[6],
            )
            for row in rows
        ]
    )


async def decide(
    call: Call, name: str, wanted: Verdict, verdict: Literal["approved", "rejected"], find: Find
) -> Post:
    """Write down what a moderator decided and let the post go on: to the members, or back."""
    feed, reason = call.context.feed, " ".join(wanted.reason.split())

    def op(tx: Transaction) -> Post:
        info = find(tx, wanted.address)
        row = {"destination": f"{LIST}{info.id}", "of_row": wanted.post}
        found = tx.lock(records.SELECT_ONE_HELD, row)
        if not found:
            raise ManageError(
                "missing",
                f"No post {wanted.post} of {info.address} waits.",
                "Somebody may have decided it already.",
            )
        now = time.time()
        posts.judge(tx, wanted.post, info.id, verdict, reason)
        tx.change(control_records.RELEASE, {"rows": [wanted.post], "now": now, "least": now + GRACE})
        tx.after_commit(partial(feed.publish, TOPIC, OLDER, 0))
        note(tx, call.actor, name, info.address, after={"post": wanted.post, "reason": reason})
        return Post(info.address, wanted.post)

    return await call.context.database.run(op)


def _subject(bodies: Bodies, digest: str) -> str:
    try:
        header = bodies.read_range(digest, 0, _HEADER)
    except BodyMissing:
        return ""
    return decode_words(headers.get(header[: headers.header_end(header)], b"subject") or b"")[:200]
