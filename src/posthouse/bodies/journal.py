"""The journal: bodies that come at the same time share one flush.

A body is on the disk once the journal is flushed. Its file is written then as well, so that everybody finds it where
bodies are, but not flushed: a power cut may leave it short, empty or not there, and the next start writes it again from
the journal (``replay``). The journal has two files for each worker. When one is full the other is begun, and a thread
flushes the files of the bodies in the full one, after which it is free. Where that does not keep up, whoever brings the
next body waits.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from posthouse.bodies import flush
from posthouse.bodies.contract import Body
from posthouse.bodies.files import FileBodies
from posthouse.bodies.segment import Segment
from posthouse.observe import steps
from posthouse.observe.log import logger

FOLDER = "journal"
SEGMENT_BYTES = 32 << 20
"""How large each of the two files of a worker becomes."""
WAIT_SECONDS = 60.0
"""How long a body waits for room in the journal before it is refused."""

log = logger("bodies.journal")


class Journal:
    """The journal of one worker (``slot``). ``keep`` is called by one thread; ``close`` after its last call."""

    def __init__(
        self,
        data: str | os.PathLike[str],
        bodies: FileBodies,
        slot: int = 0,
        *,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._bodies = bodies
        folder = _folder(data)
        replay(data, bodies, slot)
        self._segments = [Segment(str(folder / _name(slot, part)), segment_bytes) for part in (0, 1)]
        flush.flush_folder(folder)
        self._freer = _Freer(bodies)
        self._at = 0
        self._digests: list[str] = []
        """Those of the bodies in the file that is being filled."""
        self._segments[0].begin()

    def keep(self, bodies: Sequence[Body]) -> list[BaseException | None]:
        """Make bodies durable and write their files; for each its error, if it has one. Raises OSError when none of
        them is durable."""
        records = [(bytes.fromhex(body.digest), body.buffer()) for body in bodies]
        size = sum(body.size for body in bodies)
        if not self._segments[self._at].fits(size, len(records)):
            self._turn()
        self._segments[self._at].append(records)
        steps.step("journal.synced")
        self._digests.extend(body.digest for body in bodies)
        return [self._put(body) for body in bodies]

    def close(self) -> None:
        """Flush the files of what is in the journal and empty it, then close it."""
        self._freer.end()
        digests = [*self._freer.left, *self._digests]
        try:
            self._bodies.flush_kept(digests)
            for segment in self._segments:
                segment.clear()
        except OSError as error:
            log.warning("journal.not_emptied", reason=str(error))  # the next start reads it
        for segment in self._segments:
            segment.close()

    def _put(self, body: Body) -> BaseException | None:
        try:
            self._bodies.put(body)
        except OSError as error:
            return error
        steps.step("journal.put")
        return None

    def _turn(self) -> None:
        """Begin the other file, which is free or soon will be."""
        self._freer.wait()
        digests, self._digests = self._digests, []
        self._freer.begin(digests)
        self._at = 1 - self._at
        self._segments[self._at].begin()
        steps.step("journal.turned")


class _Freer(threading.Thread):
    """Flushes the files of the bodies in a full journal file, one journal file at a time."""

    def __init__(self, bodies: FileBodies) -> None:
        super().__init__(name="posthouse-journal", daemon=True)
        self._bodies = bodies
        self._change = threading.Condition()
        self._wanted = False
        self._ending = False
        self._failure: OSError | None = None
        self.left: list[str] = []
        """What is to be flushed before the journal file is free."""
        self.start()

    def begin(self, digests: list[str]) -> None:
        """Free a file with these bodies. Only after :meth:`wait`."""
        with self._change:
            self.left = digests
            self._wanted = True
            self._change.notify_all()

    def wait(self) -> None:
        """Return once the last file begun with is free. Raises OSError where it cannot be freed; the next call tries
        again."""
        with self._change:
            if self._failure is not None:
                self._failure, self._wanted = None, True
                self._change.notify_all()
            if not self._change.wait_for(lambda: not self._wanted, WAIT_SECONDS):
                raise OSError(errno.EAGAIN, "the journal is full")
            if self._failure is not None:
                raise OSError(self._failure.errno, f"the journal is full: {self._failure.strerror}")

    def end(self) -> None:
        """End the thread once it has done what was begun."""
        with self._change:
            self._ending = True
            self._change.notify_all()
        self.join()

    def run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._wanted or self._ending)
                if not self._wanted:
                    return
            failure: OSError | None = None
            try:
                self._bodies.flush_kept(self.left)
            except OSError as error:
                failure = error
                log.warning("journal.not_freed", reason=str(error))
            steps.step("journal.flushed")
            with self._change:
                self._failure, self._wanted = failure, False
                if failure is None:
                    self.left = []
                self._change.notify_all()


# ---------------------------------------------------------------------- the start after a crash


@dataclass(slots=True)
class Replayed:
    """What a start found in the journal. ``written`` bodies had no whole file, ``damaged`` records were not whole
    themselves (an unfinished write, or a fault of the disk)."""

    bodies: int = 0
    written: int = 0
    damaged: int = 0


def replay(data: str | os.PathLike[str], bodies: FileBodies, slot: int | None = None) -> Replayed:
    """Write again what the journal of a worker (all: of every worker there ever was) holds and the files do not, make
    the files durable and empty the journal. Nobody else may be using that journal. Raises OSError."""
    done = Replayed()
    folder = _folder(data)
    names = sorted(os.listdir(folder)) if slot is None else [_name(slot, part) for part in (0, 1)]
    digests: list[str] = []
    segments = [Segment(str(folder / name), SEGMENT_BYTES) for name in names if (folder / name).exists()]
    try:
        for segment in segments:
            digests += _replay(segment, bodies, done)
        bodies.flush_kept(digests)
        for segment in segments:
            segment.clear()
    finally:
        for segment in segments:
            segment.close()
    if done.bodies:
        log.info("journal.replayed", bodies=done.bodies, written=done.written, damaged=done.damaged)
    return done


def _replay(segment: Segment, bodies: FileBodies, done: Replayed) -> list[str]:
    digests: list[str] = []
    for each in segment.found():
        if each.content is None:
            done.damaged += 1
            log.warning("journal.damaged_record", digest=each.digest.hex())
            continue
        done.bodies += 1
        digests.append(each.digest.hex())
        done.written += bodies.put_content(each.digest.hex(), each.content)
    return digests


def _folder(data: str | os.PathLike[str]) -> Path:
    folder = Path(data).absolute() / FOLDER
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flush.flush_folder(folder.parent)
    return folder


def _name(slot: int, part: int) -> str:
    return f"{slot}-{part}.journal"
