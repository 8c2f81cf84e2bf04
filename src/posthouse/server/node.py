"""The node: what all workers of this machine share is prepared here, then one worker runs in this process or
several under a supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable

import msgspec

from posthouse.cluster.member import Member
from posthouse.cluster.share import Share
from posthouse.cluster.stop import Stop
from posthouse.cluster.supervisor import Supervisor, WorkerFailed
from posthouse.manage.context import LiveState
from posthouse.manage.errors import ManageError
from posthouse.net.listeners import OpenListener, raise_file_limit
from posthouse.observe import logging_setup, notify
from posthouse.observe.log import logger
from posthouse.observe.steering import Steering
from posthouse.server.pieces import (
    bring_up_to_date,
    close_folder,
    count_workers,
    data_folder,
    give_up_root,
    hostname,
    listening,
    run,
    states_of,
    tls_contexts,
)
from posthouse.server.worker import worker
from posthouse.settings import all as _every_setting  # noqa: F401 - declares them before values are read
from posthouse.settings.config import Config

log = logger("server")

OnReady = Callable[[LiveState], None]

PATIENCE = 20.0
"""Seconds beyond ``limits.stop_time`` that a stopping worker process gets before it is killed."""


def serve(config: Config, on_ready: OnReady) -> int:
    """Run the server until it is told to stop (SIGINT, SIGTERM); the exit code. ``on_ready`` is called once,
    when every listener takes connections. Raises ManageError when the server cannot start."""
    logging_setup.configure(config.log_format, config.log_level, gather=False)
    if os.name == "posix":
        os.umask(0o077)  # mail is nobody else's to read
    workers = count_workers(config)
    files = raise_file_limit()
    with data_folder(config) as folder, listening(config, workers) as listeners:
        config = msgspec.structs.replace(config, listeners=tuple(one.listener for one in listeners))
        give_up_root(config, folder)
        logging_setup.gather()
        close_folder(config, folder)
        contexts = tls_contexts(config)
        bring_up_to_date(config)
        log.info("server.starting", data=config.data, workers=workers, hostname=hostname(config))
        if workers == 1:
            share = Share(config, 0, 1, [one.sockets[0] for one in listeners], files)
            run(_alone(share, on_ready))
        else:
            states = [state for one in listeners for state in states_of(one.listener, one.sockets[0])]
            live = LiveState(listeners=tuple(states), workers=workers, certificates=contexts.fingerprints)
            run(_supervise(config, workers, listeners, files, lambda: on_ready(live)))
        log.info("server.stopped")
    return 0


def work(descriptor: int) -> int:
    """A worker process of a supervisor; ``descriptor`` is its link. The exit code."""
    if os.name == "posix":
        os.umask(0o077)
    return run(_member(descriptor))


async def _alone(share: Share, on_ready: OnReady) -> int:
    """One worker, in this process."""
    stop = Stop()
    with stop.on_signals():
        async with worker(share, stop, None) as live, _told_to_systemd():
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
            async with worker(share, stop, member):
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
    steering = Steering()

    def on_ready() -> None:
        _tell_ready()  # first: what is printed for people may take its time
        ready()

    def sockets(worker: int) -> list[list[int]]:
        return [[opened.fileno() for opened in one.sockets[worker]] for one in listeners]

    started_at = time.time()
    supervisor = Supervisor(
        workers,
        start=lambda worker: Share.told(config, worker, workers, sockets(worker), files, started_at),
        inherited=lambda worker: [number for numbers in sockets(worker) for number in numbers],
        on_ready=on_ready,
        patience=PATIENCE,
        logging=steering.apply,
    )
    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, steering.reopen)
    alive = asyncio.create_task(notify.keep_alive())
    try:
        await supervisor.run()
    except WorkerFailed as failure:
        raise ManageError(*failure.args) from None
    finally:
        alive.cancel()
        steering.close()
    return 0


@contextlib.asynccontextmanager
async def _told_to_systemd() -> AsyncIterator[None]:
    """Tell a service manager that asked that we are ready, that we live, and that we stop."""
    alive = asyncio.create_task(notify.keep_alive())
    _tell_ready()
    try:
        yield
    finally:
        alive.cancel()
        notify.notify("STOPPING=1\nSTATUS=Seeing the last sessions out")


def _tell_ready() -> None:
    notify.notify(f"READY=1\nSTATUS=Taking connections\nMAINPID={os.getpid()}")
