"""Several worker processes under one supervisor (POSIX).

The supervisor holds the listening sockets and the data folder's lock, starts the workers with the sockets as
inherited file descriptors, restarts one that dies (with growing pauses), and carries their messages
(``hub``). It opens no database. A worker whose link to the supervisor is lost ends itself.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from posthouse.cluster.hub import Hub
from posthouse.cluster.link import Link, Message
from posthouse.observe.log import logger
from posthouse.observe.notify import notify

log = logger("cluster.supervisor")

WORKER_WORD = "_worker"
"""The hidden command a worker process is started with, followed by the number of its link's file
descriptor."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
"""A worker that ran this long starts afresh with the shortest pause."""


class WorkerFailed(Exception):
    """A worker could not start: ``args`` are kind, what and mend of a ManageError."""


class Supervisor:
    """Runs the workers until it is told to stop. ``start`` says what a worker of this number is told first,
    ``inherited`` which file descriptors it gets; ``patience`` is how long workers may take to stop before
    they are killed. ``logging`` is called with how log lines are to be written, when a worker says so."""

    def __init__(
        self,
        workers: int,
        start: Callable[[int], dict[str, Any]],
        inherited: Callable[[int], list[int]],
        on_ready: Callable[[], None],
        patience: float,
        logging: Callable[[dict[str, Any]], None] = lambda how: None,
    ) -> None:
        self._workers = workers
        self._start = start
        self._inherited = inherited
        self._on_ready = on_ready
        self._patience = patience
        self._hub = Hub(self._worker_ready, self._worker_failed, logging)
        self._waiting_for = set(range(workers))
        self._started = False
        self._failure: tuple[str, str, str] | None = None
        self._stopping = asyncio.Event()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def stop(self) -> None:
        """Begin to stop; a second time: kill what is left."""
        if self._stopping.is_set():
            for process in self._processes.values():
                process.kill()
        self._stopping.set()

    async def run(self) -> None:
        """Run until stopped and every worker has ended. Raises WorkerFailed when the first start fails."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        try:
            async with asyncio.TaskGroup() as group:
                for worker in range(self._workers):
                    group.create_task(self._keep(worker))
                await self._stopping.wait()
                notify("STOPPING=1\nSTATUS=Seeing the last sessions out")
                self._hub.send_all("stop")
        finally:
            self._hub.close()
            for process in self._processes.values():
                process.kill()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
        if self._failure is not None:
            raise WorkerFailed(*self._failure)

    # ------------------------------------------------------------------ one worker

    async def _keep(self, worker: int) -> None:
        """Start a worker again and again until stopping."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = loop.time()
            status = await self._once(worker)
            if self._stopping.is_set():
                return
            if loop.time() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE
            log.error("worker.died", worker=worker, status=status, restart_in=pause)
            try:
                await asyncio.wait_for(self._stopping.wait(), pause)
            except TimeoutError:
                pass
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _once(self, worker: int) -> int:
        """Start a worker and wait for its end; its exit status."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        gone = asyncio.Event()
        try:
            ours.setblocking(False)
            process = self._spawn(worker, theirs.fileno())
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._processes[worker] = process

        def receive(message: Message) -> None:
            self._hub.receive(worker, message)

        try:
            _, link = await loop.connect_accepted_socket(lambda: Link(receive, gone.set), ours)
            self._hub.add(worker, link)
            link.send("start", self._start(worker))
            if self._stopping.is_set():
                link.send("stop")
            await self._ended(gone)
        finally:
            self._hub.remove(worker)
            status = await self._reap(process)
            self._processes.pop(worker, None)
        return status

    def _spawn(self, worker: int, link: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "posthouse", WORKER_WORD, str(link)],
            pass_fds=[link, *self._inherited(worker)],
            stdin=subprocess.DEVNULL,
        )

    async def _ended(self, gone: asyncio.Event) -> None:
        """Wait until the link is gone; once stopping, no longer than the patience."""
        waits = [asyncio.ensure_future(gone.wait()), asyncio.ensure_future(self._stopping.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if not gone.is_set():
                await asyncio.wait(waits[:1], timeout=self._patience)
        finally:
            for wait in waits:
                wait.cancel()

    async def _reap(self, process: subprocess.Popen[bytes]) -> int:
        """The exit status. The link is gone (or patience is over), so the process is at its end or must
        go."""
        for _ in range(100):
            status = process.poll()
            if status is not None:
                return status
            await asyncio.sleep(0.02)
        process.kill()
        return await asyncio.to_thread(process.wait)

    # ------------------------------------------------------------------ what workers say

    def _worker_ready(self, worker: int) -> None:
        self._waiting_for.discard(worker)
        log.info("worker.ready", worker=worker)
        if not self._waiting_for and not self._started:
            self._started = True
            self._on_ready()

    def _worker_failed(self, worker: int, failure: tuple[str, str, str]) -> None:
        log.error("worker.failed", worker=worker, reason=failure[1])
        if not self._started:
            self._failure = failure
            self._stopping.set()
