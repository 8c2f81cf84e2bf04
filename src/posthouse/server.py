"""One node, assembled by hand from top to bottom: the only module that may know every other.

``serve`` prepares what the whole node shares (data folder, listening sockets, schema, certificate), then runs
one worker in this process, or several under a supervisor. ``work`` is such a worker process. Both end in
``_worker``, which builds the road a message travels: receive, route, acceptance, queue, delivery, store,
access.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from posthouse.access.imap.service import ImapService
from posthouse.access.pop3 import Pop3Session
from posthouse.bodies.files import FileBodies
from posthouse.bodies.plain import PlainDurability
from posthouse.bodies.removal import Removal
from posthouse.bodies.side import SideRecord
from posthouse.cluster import privileges
from posthouse.cluster.jobs import Jobs
from posthouse.cluster.leases import PeriodicJob
from posthouse.cluster.local import LocalFeed
from posthouse.cluster.member import Member
from posthouse.cluster.share import Share
from posthouse.cluster.stop import Stop
from posthouse.cluster.supervisor import Supervisor, WorkerFailed
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.database.folder import DataFolder, DataFolderError
from posthouse.database.migrate import migrate
from posthouse.database.open import open_database
from posthouse.database.urls import BadUrl, sqlite_url
from posthouse.deliver.acceptance import AcceptanceDesk
from posthouse.deliver.local import LocalDelivery
from posthouse.deliver.worker import DeliveryWorker
from posthouse.directory.live import LiveSettings
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.manage.context import Context, ListenerState, LiveState
from posthouse.manage.control import ControlServer
from posthouse.manage.errors import ManageError
from posthouse.net.certificates import SelfMade
from posthouse.net.connection import Connection
from posthouse.net.house import House
from posthouse.net.limits import ConnectionLimits
from posthouse.net.listeners import ListenError, OpenListener, open_all, raise_file_limit
from posthouse.net.tls import ServerContexts
from posthouse.observe import logging_setup
from posthouse.observe.log import logger
from posthouse.queue.refusals import Refusals
from posthouse.queue.service import QueueService
from posthouse.receive.parts import Kind, Parts
from posthouse.receive.session import Session
from posthouse.route.reception import ReceptionDesk
from posthouse.route.resolve import Router
from posthouse.settings import all as _every_setting  # noqa: F401 - declares them before values are read
from posthouse.settings import limits as settings_limits
from posthouse.settings import signin as settings_signin
from posthouse.settings import store as settings_store
from posthouse.settings import tls as settings_tls
from posthouse.settings.config import Config, Listener
from posthouse.settings.contract import CurrentSettings
from posthouse.store import upkeep as store_upkeep
from posthouse.store.facts import compute
from posthouse.store.index import SearchIndex
from posthouse.store.service import MailStore

log = logger("server")

OnReady = Callable[[LiveState], None]

UPKEEP_SECONDS = 3600.0

PATIENCE = 20.0
"""Seconds beyond ``limits.stop_time`` that a stopping worker process gets before it is killed."""


# ---------------------------------------------------------------------- the node


def serve(config: Config, on_ready: OnReady) -> int:
    """Run the server until it is told to stop (SIGINT, SIGTERM); the exit code. ``on_ready`` is called once,
    when every listener takes connections. Raises ManageError when the server cannot start."""
    logging_setup.configure(config.log_format, config.log_level)
    if os.name == "posix":
        os.umask(0o077)  # mail is nobody else's to read
    workers = _count_workers(config)
    files = raise_file_limit()
    with _data_folder(config) as folder, _listening(config, workers) as listeners:
        _give_up_root(config, folder)
        contexts = _contexts(config)
        _migrate(config)
        log.info("server.starting", data=config.data, workers=workers, hostname=hostname(config))
        if workers == 1:
            share = Share(config, 0, 1, [one.sockets[0] for one in listeners], files)
            _run(_alone(share, on_ready))
        else:
            states = [state for one in listeners for state in _states(one.listener, one.sockets[0])]
            live = LiveState(listeners=tuple(states), workers=workers, certificates=contexts.fingerprints)
            _run(_supervise(config, workers, listeners, files, lambda: on_ready(live)))
        log.info("server.stopped")
    return 0


def work(descriptor: int) -> int:
    """A worker process of a supervisor; ``descriptor`` is its link. The exit code."""
    if os.name == "posix":
        os.umask(0o077)
    # Ctrl-C reaches the whole process group; the supervisor says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return _run(_member(descriptor))


async def _alone(share: Share, on_ready: OnReady) -> int:
    """One worker, in this process."""
    stop = Stop()
    with stop.on_signals():
        async with _worker(share, stop, None) as live:
            on_ready(await live())
            await stop.wanted.wait()
    return 1 if stop.failed else 0


async def _member(descriptor: int) -> int:
    """One of several workers."""
    member = Member()
    try:
        await member.join(descriptor)
    except ConnectionError:
        return 0
    share = Share.received(member.start)
    logging_setup.configure(share.config.log_format, share.config.log_level)
    stop = Stop(member.stopping)
    with stop.on_signals():
        try:
            async with _worker(share, stop, member):
                member.ready()
                await stop.wanted.wait()
        except ManageError as error:
            member.failed(error.kind, error.what, error.mend)
            await asyncio.sleep(0.1)  # let it be heard
            return 1
    return 1 if stop.failed else 0


async def _supervise(
    config: Config, workers: int, listeners: list[OpenListener], files: int | None, ready: Callable[[], None]
) -> int:
    """Several workers, each in a process of its own."""

    def sockets(worker: int) -> list[list[int]]:
        return [[opened.fileno() for opened in one.sockets[worker]] for one in listeners]

    supervisor = Supervisor(
        workers,
        start=lambda worker: Share.told(config, worker, workers, sockets(worker), files),
        inherited=lambda worker: [number for numbers in sockets(worker) for number in numbers],
        on_ready=ready,
        patience=PATIENCE,
    )
    try:
        await supervisor.run()
    except WorkerFailed as failure:
        raise ManageError(*failure.args) from None
    return 0


# ---------------------------------------------------------------------- one worker


Live = Callable[[], Awaitable[LiveState]]


@contextlib.asynccontextmanager
async def _worker(share: Share, stop: Stop, member: Member | None) -> AsyncIterator[Live]:
    """Everything of one worker, top to bottom; inside, it is listening. Raises ManageError when it cannot
    start."""
    config = share.config
    started_at = time.time()
    async with contextlib.AsyncExitStack() as stack:
        # What everything else stands on.
        try:
            database = await open_database(_database_url(config), upgrade=False)
        except (DatabaseUnavailable, BadUrl) as error:
            raise _database_trouble(error) from error
        stack.push_async_callback(database.close)
        feed = LocalFeed()
        if member is not None:
            member.carry(feed)
        settings = CurrentSettings()
        live_settings = LiveSettings(database, feed, settings)
        await live_settings.load()
        now = settings.now

        # What is kept.
        bodies = FileBodies(config.data, cache=now[settings_store.BODY_CACHE])
        durability = PlainDurability(database, bodies)
        stack.push_async_callback(durability.close)
        side = SideRecord(config.data)
        stack.callback(side.close)
        passwords = Passwords(now[settings_signin.HASHES_AT_ONCE])
        directory = DirectoryService(database, feed, settings, passwords)
        stack.callback(directory.close)

        async def quota(account_id: int) -> int:
            account = await directory.account(account_id)
            return account.quota if account is not None else 0

        index = SearchIndex(Path(config.data) / "search", database, bodies, settings)
        store = MailStore(
            database, bodies, durability, feed, settings, quota_limit=quota, side=side, index=index
        )
        stack.push_async_callback(store.close)

        # The road in.
        queue = QueueService(settings, feed)
        refusals = Refusals(database, settings)
        router = Router(directory)
        reception = ReceptionDesk(router, database, store.appender)
        acceptance = AcceptanceDesk(
            durability=durability,
            database=database,
            appender=store.appender,
            queue=queue,
            router=router,
            bodies=bodies,
            refusals=refusals,
            facts=compute,
            settings=settings,
            free_space=settings_limits.FREE_SPACE,
        )
        local = LocalDelivery(
            durability=durability,
            appender=store.appender,
            queue=queue,
            router=router,
            bodies=bodies,
            facts=compute,
        )
        owner = f"{hostname(config)}/{share.number}"  # the same again after a crash
        delivery = DeliveryWorker(
            database=database,
            queue=queue,
            local=local,
            settings=settings,
            feed=feed,
            owner=owner,
        )

        # What tidies up, in one worker at a time.
        def queued(tx: Transaction, digests: Sequence[str]) -> set[str]:
            return {digest for digest in digests if queue.refers(tx, digest)}

        removal = Removal(
            database, bodies, [store_upkeep.referred_in, queued], [store_upkeep.forget_in], settings
        )
        removal_job = PeriodicJob(
            database,
            "bodies.removal",
            lambda: settings.now[settings_store.REMOVAL_INTERVAL],
            removal.once,
            holder=owner,
        )
        upkeep_job = PeriodicJob(database, "store.upkeep", lambda: UPKEEP_SECONDS, store.upkeep, holder=owner)

        # The sessions.
        parts = Parts(hostname(config), settings, acceptance, reception, directory)
        imap = ImapService(
            store=store,
            directory=directory,
            spool=acceptance.spool,
            settings=settings,
            hostname=hostname(config),
        )
        make: dict[str, Callable[[], Connection]] = {
            "smtp": lambda: Session(Kind.MX, parts),
            "submission": lambda: Session(Kind.SUBMISSION, parts),
            "lmtp": lambda: Session(Kind.LMTP, parts),
            "imap": imap.session,
            "pop3": lambda: Pop3Session(store, directory, settings),
        }
        contexts = _contexts(config, now[settings_tls.MINIMUM_VERSION])
        limits = ConnectionLimits(
            settings, files=share.files, changed=member.count if member is not None else None
        )
        if member is not None:
            member.others = limits.others
            member.failures = directory.failures.heard
            directory.failures.told = member.fail
        house = House(contexts, limits, now[settings_tls.HANDSHAKE_TIME])
        states = tuple(
            state
            for listener, sockets in zip(config.listeners, share.sockets, strict=True)
            for state in _states(listener, sockets)
        )

        async def live() -> LiveState:
            sessions = house.counts() if member is None else await member.all_sessions()
            return LiveState(
                listeners=states,
                sessions=sessions,
                workers=share.workers,
                certificates=contexts.fingerprints,
            )

        # Everything runs; the doors open last and close first.
        jobs = await stack.enter_async_context(Jobs(stop))
        jobs.start(live_settings.run(), "settings")
        jobs.start(refusals.run(), "refusals")
        jobs.start(removal_job.run(), "removal")
        jobs.start(upkeep_job.run(), "upkeep")
        jobs.start(delivery.run(), "delivery", end=delivery.stop)
        if member is not None:
            jobs.start(member.tell(house.counts), "counts")
        if share.number == 0:
            control = ControlServer(
                Context(
                    config=config,
                    database=database,
                    store=store,
                    mail=store,
                    passwords=passwords,
                    bodies=bodies,
                    settings=settings,
                    feed=feed,
                    started_at=started_at,
                    live=live,
                )
            )
            await control.start()
            stack.push_async_callback(control.close)
        stack.push_async_callback(_close_house, house, settings, stop)
        for listener, sockets in zip(config.listeners, share.sockets, strict=True):
            try:
                await house.open(listener, sockets, make[listener.protocol])
            except OSError as error:
                raise ManageError(
                    "unavailable", f"Cannot listen on port {listener.port}: {error}.", "Name another port."
                ) from error
        # What was made so far lives as long as the process: the collector need not look at it again and
        # again.
        gc.collect()
        gc.freeze()
        yield live


# ---------------------------------------------------------------------- pieces of the above


def hostname(config: Config) -> str:
    """Our name in greetings and Received lines."""
    return config.hostname or socket.gethostname() or "localhost"


def _count_workers(config: Config) -> int:
    workers = config.workers or os.cpu_count() or 1
    if workers > 1 and os.name != "posix":
        log.warning("workers.one", reason="this system cannot hand sockets to worker processes")
        return 1
    return workers


@contextlib.contextmanager
def _data_folder(config: Config) -> Iterator[Path]:
    try:
        folder = DataFolder(config.data)
    except DataFolderError as error:
        raise ManageError("unavailable", f"{error}.", "The server was not started.") from error
    with folder:
        yield folder.path


@contextlib.contextmanager
def _listening(config: Config, workers: int) -> Iterator[list[OpenListener]]:
    try:
        listeners = open_all(config.listeners, workers)
    except ListenError as error:
        what = f"Cannot listen on {error.where}: {error.reason}."
        raise ManageError("unavailable", what, f"{error.mend[:1].upper()}{error.mend[1:]}.") from error
    try:
        yield listeners
    finally:
        for one in listeners:
            one.close()


def _give_up_root(config: Config, folder: Path) -> None:
    try:
        if user := privileges.drop(config.run_as, folder):
            privileges.check_reach(user, folder)
    except privileges.OutOfReach as error:
        user, path = error.args
        raise ManageError(
            "refused",
            f"The server runs as {user} from here on, who may not use {path}.",
            f"Put it where {user} can get at it, or set another run_as.",
        ) from error
    except privileges.NoSuchUser as error:
        raise ManageError(
            "invalid", f"run_as: this system has no user or group {error}.", "Name one that exists."
        ) from error
    except OSError as error:
        raise ManageError(
            "unavailable", f"Root cannot be given up: {error}.", "Check run_as and the data folder's owner."
        ) from error


def _contexts(config: Config, minimum_version: str = "1.2") -> ServerContexts:
    own = SelfMade(Path(config.data) / "tls", [hostname(config), "localhost", "127.0.0.1", "::1"])
    try:
        return ServerContexts(config.certificates, own, minimum_version=minimum_version)
    except (OSError, ValueError) as error:
        raise ManageError(
            "invalid",
            f"A certificate cannot be used: {error}.",
            "Check chain and key of each [[certificate]], and that the server's user may read them.",
        ) from error


def _database_url(config: Config) -> str:
    return config.database_url or sqlite_url(Path(config.data) / "posthouse.db")


def _migrate(config: Config) -> None:
    try:
        migrate(_database_url(config))
    except (DatabaseUnavailable, BadUrl) as error:
        raise _database_trouble(error) from error


def _database_trouble(error: Exception) -> ManageError:
    return ManageError(
        "unavailable", f"The database cannot be used: {error}.", "Check database_url and the database server."
    )


def _states(listener: Listener, sockets: Sequence[socket.socket]) -> list[ListenerState]:
    """What is really listened on."""
    found = []
    for address, port in OpenListener(listener, [list(sockets)]).places():
        place: dict[str, Any] = {"path": address} if listener.path else {"address": address, "port": port}
        found.append(ListenerState(protocol=listener.protocol, tls=listener.tls, **place))
    return found


async def _close_house(house: House, settings: CurrentSettings, stop: Stop) -> None:
    await house.close(settings.now[settings_limits.STOP_TIME], stop.hurry)


def _run(main: Coroutine[Any, Any, int]) -> int:
    """Run on the stock event loop, or on uvloop where it is installed and POSTHOUSE_UVLOOP=1 asks for it."""
    factory = None
    if os.environ.get("POSTHOUSE_UVLOOP") == "1":
        try:
            import uvloop

            factory = uvloop.new_event_loop
        except ImportError:
            log.warning("uvloop.absent", reason="POSTHOUSE_UVLOOP=1, but uvloop is not installed")
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
