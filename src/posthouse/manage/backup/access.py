"""How a use comes to its repository: settings, keys, pace; and the job that only one may do at a time."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from posthouse.bodies.hold import hold_in, let_go_in
from posthouse.cluster import leases
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.database.urls import sqlite_url
from posthouse.manage.backup import keys
from posthouse.manage.backup.keys import Descriptor, Keys, WrongKey
from posthouse.manage.backup.place import FolderPlace, Place, PlaceError, open_place
from posthouse.manage.backup.repository import DESCRIPTOR, Missing, Repository
from posthouse.manage.backup.sealing import Damaged
from posthouse.manage.backup_records import DELETE_STATE, SELECT_STATE, backup_state
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, Progress
from posthouse.settings import backup as settings

T = TypeVar("T")

JOB = "backup.job"
LEASE_SECONDS = 120.0
EXTEND_SECONDS = 20.0
TELL_SECONDS = 0.5


_FOREIGN = (
    "The backups in this place were made by another server, or were replaced.",
    "Correct backup.place, or go on with those backups by `posthouse backup init --adopt` and their recovery key.",
)


class Stopped(Exception):
    """Nobody wants the work's result any more."""


def place_of(context: Context, where: str = "") -> Place:
    """The place named, or the one of the settings. Raises PlaceError."""
    now = context.settings.now
    return open_place(
        where or now[settings.PLACE],
        endpoint=now[settings.S3_ENDPOINT],
        region=now[settings.S3_REGION],
        key_id=now[settings.S3_KEY_ID],
        secret_key=now[settings.S3_SECRET_KEY],
    )


def descriptor_of(place: Place) -> Descriptor:
    """What the place says of its repository. Raises ManageError, Damaged, PlaceError."""
    content = b""
    try:
        for piece in place.get(DESCRIPTOR):
            content += piece
            if len(content) > keys.MAX_CONFIG:
                raise Damaged(f"{DESCRIPTOR} is too large")
    except FileNotFoundError:
        raise ManageError(
            "missing",
            "There are no backups in this place.",
            "Correct the place, or begin there with `posthouse backup init`.",
        ) from None
    return keys.read_descriptor(content)


def repository_of(
    context: Context, where: str = "", key: str = "", *, work: Work | None = None
) -> Repository:
    """The repository, with the keys that the server has, or all of them where the recovery key is given (or lies
    beside the backups). Blocking. Raises ManageError, Damaged, PlaceError, WrongKey."""
    place = place_of(context, where)
    descriptor = descriptor_of(place)
    pace = Pace(context.settings.now[settings.RATE], work)
    now = context.settings.now
    own = bytes.fromhex(now[settings.SECRET])
    if key or descriptor.key:
        opened = keys.open_with(descriptor, key)
        if not key and own and not hmac.compare_digest(opened.secret, own):
            raise WrongKey(*_FOREIGN)
        return Repository(place, opened, pace)
    if not own or not now[settings.RECIPIENT]:
        raise ManageError(
            "refused",
            "This server has no key to the backups in this place.",
            "Give the recovery key, or adopt the place with `posthouse backup init --adopt`.",
        )
    if not keys.belongs(descriptor, own):
        raise WrongKey(*_FOREIGN)
    return Repository(place, Keys.of(own, bytes.fromhex(now[settings.RECIPIENT])), pace)


class Pace:
    """Keeps to a number of bytes a second, and ends the work when it is no longer wanted."""

    def __init__(self, rate: int, work: Work | None) -> None:
        self._rate = rate
        self._work = work
        self._free_at = time.monotonic()

    def __call__(self, count: int) -> None:
        if self._work is not None:
            self._work.check()
        if not self._rate:
            return
        now = time.monotonic()
        self._free_at = max(self._free_at, now - 0.25) + count / self._rate
        while (wait := self._free_at - time.monotonic()) > 0.01:
            time.sleep(min(wait, 0.5))
            if self._work is not None:
                self._work.check()


class Work:
    """What a thread does for a use: how far it is, and whether it should stop."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.now = Progress(text="Starting")

    def tell(self, text: str, done: int = 0, total: int = 0) -> None:
        """Say how far it is. Raises Stopped."""
        self.check()
        self.now = Progress(text=text, done=done, total=total)

    def check(self) -> None:
        """Raise Stopped if nobody waits any more."""
        if self._stop.is_set():
            raise Stopped

    def check_asked(self) -> None:
        """Raise ManageError if nobody waits any more (for work in the event loop)."""
        translated(self.check)

    def stop(self) -> None:
        """End it at its next step."""
        self._stop.set()


async def in_thread(call: Call, work: Work, job: Callable[[], T]) -> T:
    """Run ``job`` in a thread and tell its progress; when the asker goes, it is stopped and waited for. Errors of
    places and keys become ManageErrors."""

    async def tell() -> None:
        told = work.now
        while True:
            await asyncio.sleep(TELL_SECONDS)
            if work.now is not told:
                told = work.now
                await call.emit(told)

    teller = asyncio.ensure_future(tell())
    thread = asyncio.ensure_future(asyncio.to_thread(translated, job))
    try:
        await asyncio.wait((teller, thread), return_when=asyncio.FIRST_COMPLETED)
        if teller.done():
            teller.result()
        return thread.result()
    finally:
        work.stop()
        teller.cancel()
        while not thread.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait((thread,))
        await asyncio.gather(teller, thread, return_exceptions=True)


def translated(job: Callable[[], T]) -> T:
    """Run ``job``; what can go wrong with a place, a key or an object becomes a ManageError."""
    try:
        return job()
    except PlaceError as error:
        raise ManageError("refused" if error.unset else "unavailable", error.what, error.mend) from error
    except WrongKey as error:
        raise ManageError("refused", str(error), error.mend) from error
    except Missing as error:
        raise ManageError(
            "missing",
            f"The backup cannot be read: {error}.",
            "`posthouse backup list` shows those there are.",
        ) from error
    except Damaged as error:
        raise ManageError(
            "failed", f"The backup cannot be read: {error}.", "Verify it, or take another one."
        ) from error
    except DatabaseUnavailable as error:
        raise ManageError(
            "unavailable", f"{str(error)[:1].upper()}{str(error)[1:]}.", "Mend it and try again."
        ) from error
    except Stopped:
        raise ManageError(
            "unavailable", "The work was stopped.", "Start it again; what is done stays done."
        ) from None


@contextlib.asynccontextmanager
async def only_one(context: Context, work: Work) -> AsyncIterator[None]:
    """Inside, nobody else makes, prunes or restores backups, and no body is removed. Raises ManageError."""
    # The same name after a crash: the lease of a dead process of this node is taken over at once. Only the first
    # worker (or the holder of the data folder's lock) comes here, so its own memory tells the living apart.
    holder = sha256(f"{socket.gethostname()}:{context.bodies.folder}".encode()).hexdigest()
    database = context.database
    if holder in _at_work:
        raise Busy
    _at_work.add(holder)
    try:
        async with _leased(database, holder, work):
            yield
    finally:
        _at_work.discard(holder)


_at_work: set[str] = set()


class Busy(ManageError):
    """Somebody else is at the backups."""

    def __init__(self) -> None:
        super().__init__(
            "refused",
            "Another backup, restore or prune is under way.",
            "Wait until it ends. If it ran on a machine that died, its lease ends within two minutes.",
        )


@contextlib.asynccontextmanager
async def _leased(database: Database, holder: str, work: Work) -> AsyncIterator[None]:

    def take(tx: Transaction) -> bool:
        now = time.time()
        return leases.take(tx, JOB, holder, now, LEASE_SECONDS) and hold_in(tx, holder, now, LEASE_SECONDS)

    def give_back(tx: Transaction) -> None:
        let_go_in(tx, holder)
        leases.give_back(tx, JOB, holder)

    async def extend() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(EXTEND_SECONDS)
            try:
                if not await database.run(take):
                    work.stop()
                last = time.monotonic()
            except DatabaseUnavailable:  # (anything else ends this task, and with it the work)
                if time.monotonic() - last > LEASE_SECONDS - 2 * EXTEND_SECONDS:
                    work.stop()

    if not await database.run(take):
        await database.run(leases.give_back, JOB, holder)
        raise Busy
    extending = asyncio.ensure_future(extend())
    extending.add_done_callback(
        lambda done: work.stop()
    )  # nobody extends any more: bodies may be removed soon
    try:
        yield
    finally:
        extending.cancel()
        await asyncio.gather(extending, return_exceptions=True)
        with contextlib.suppress(DatabaseUnavailable):
            await asyncio.shield(database.run(give_back))


@contextlib.contextmanager
def scratch(data: str) -> Any:
    """A private folder for the copy of the database; what an earlier run left there is removed."""
    folder = Path(data).absolute() / "backup-scratch"
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.iterdir():
        left.unlink(missing_ok=True)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def sweep(place: Place) -> None:
    """Remove half-written files of a run that was killed."""
    if isinstance(place, FolderPlace):
        place.sweep()


def url_of(context: Context) -> str:
    """The database's URL."""
    config = context.config
    return config.database_url or sqlite_url(Path(config.data) / "posthouse.db")


def get_state(tx: Transaction, name: str) -> Any:
    """A remembered value, None if there is none."""
    rows = tx.execute(SELECT_STATE, {"name": name})
    return msgspec.json.decode(rows[0][0]) if rows else None


def put_state(tx: Transaction, name: str, value: Any) -> None:
    """Remember a value; None forgets it."""
    if value is None:
        tx.change(DELETE_STATE, {"name": name})
    else:
        tx.upsert(backup_state, {"name": name}, {"value": msgspec.json.encode(value).decode()})
