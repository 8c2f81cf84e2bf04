"""The journal: bodies that come at the same time share one flush.

A body is on the disk once the journal is flushed. Its file is written then as well, so that everybody finds it where
bodies are, but not flushed: a power cut may leave it short, empty or not there, and the next start writes it again from
the journal (``replay``). The journal has two files for each worker. When one is full the other is begun, and a thread
flushes the files of the bodies in the full one, after which it is free. Where that does not keep up, bodies are flushed
as files of their own meanwhile, which is slower.

A file whose flush failed once is never trusted again: some systems report such a failure once and then call the file
clean. It is written anew from the journal, in this process or, if it ends before, by the next start (:data:`SUSPECT`).
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from posthouse.bodies import flush
from posthouse.bodies.contract import Body
from posthouse.bodies.files import FileBodies
from posthouse.bodies.segment import Segment
from posthouse.bodies.spool import MemoryBody
from posthouse.observe import steps
from posthouse.observe.log import logger

FOLDER = "journal"
SEGMENT_BYTES = 32 << 20
"""How large each of the two files of a worker becomes."""
SUSPECT = "suspect"
"""The name of the file in the journal's folder that says: some flush failed, so trust no file of a body."""

_NAME = re.compile(r"[0-9]{1,3}-[01]\.journal")

log = logger("bodies.journal")


class Journal:
    """The journal of one worker (``slot``). ``keep`` is called by one thread; ``close`` after its last call. Raises
    OSError."""

    def __init__(
        self,
        data: str | os.PathLike[str],
        bodies: FileBodies,
        slot: int = 0,
        *,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._bodies = bodies
        self._folder = _folder(data)
        replay(data, bodies, slot)
        self._segments = [Segment(str(self._folder / _name(slot, part)), segment_bytes) for part in (0, 1)]
        flush.flush_folder(self._folder)
        self._freer = _Freer(self._free)
        self._at = 0
        self._digests: list[str] = []
        """Those of the bodies in the file that is being filled."""
        self._full: list[str] = []
        """Those of the bodies in the other file, until it is free."""
        self._suspect = False
        self._segments[0].begin()

    def keep(self, bodies: Sequence[Body]) -> list[BaseException | None]:
        """Make bodies durable and write their files; for each its error, if it has one. Raises OSError when none of
        them is durable."""
        records = [(bytes.fromhex(body.digest), body.buffer()) for body in bodies]
        size = sum(body.size for body in bodies)
        if not self._segments[self._at].fits(size, len(records)) and not self._turn():
            return [_tried(self._bodies.keep, body) for body in bodies]
        self._segments[self._at].append(records)
        steps.step("journal.synced")
        self._digests.extend(body.digest for body in bodies)
        return [_tried(self._put, body) for body in bodies]

    def close(self) -> None:
        """Flush the files of what is in the journal and empty it, then close it. What cannot be flushed stays in it for
        the next start."""
        self._freer.end()
        try:
            for segment, digests in (
                (self._segments[1 - self._at], self._full),
                (self._segments[self._at], self._digests),
            ):
                self._settle(segment, digests)
                segment.clear()
        except OSError as error:
            self._fails(error)
        for segment in self._segments:
            segment.close()

    def _put(self, body: Body) -> None:
        self._bodies.put(body)
        steps.step("journal.put")

    def _turn(self) -> bool:
        """Begin the other file, if it is free."""
        if not self._freer.idle or self._full:
            self._freer.begin()  # again, where it failed
            return False
        self._full, self._digests = self._digests, []
        self._at = 1 - self._at
        self._segments[self._at].begin()
        self._freer.begin()
        steps.step("journal.turned")
        return True

    def _free(self) -> None:
        """Free the file that is full."""
        try:
            self._settle(self._segments[1 - self._at], self._full)
        except Exception as error:
            self._fails(error)
            return
        steps.step("journal.flushed")
        self._full = []

    def _settle(self, segment: Segment, digests: Sequence[str]) -> None:
        """Make the files of these bodies, which are in this journal file, durable. Raises OSError."""
        if not self._suspect:
            self._bodies.flush_kept(digests)
            return
        for each in segment.found():
            if each.content is not None:
                self._bodies.keep(MemoryBody(each.content, each.digest.hex()))

    def _fails(self, error: Exception) -> None:
        self._suspect = True
        log.warning("journal.not_freed", reason=str(error))
        _suspect(self._folder)


def _suspect(folder: Path) -> None:
    """Tell the next start, as far as the disk lets us."""
    with suppress(OSError):
        (folder / SUSPECT).touch(mode=0o600)
        flush.flush_folder(folder)


def _tried(do: Callable[[Body], None], body: Body) -> BaseException | None:
    try:
        do(body)
    except OSError as error:
        return error
    return None


class _Freer(threading.Thread):
    """Does one thing whenever it is asked to, beside everybody else."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(name="posthouse-journal", daemon=True)
        self._do = work
        self._change = threading.Condition()
        self._wanted = False
        self._ending = False
        self.start()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._wanted

    def begin(self) -> None:
        """Do it; where it is being done already, that is enough."""
        with self._change:
            self._wanted = True
            self._change.notify_all()

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
            self._do()
            with self._change:
                self._wanted = False


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
    suspect = (folder / SUSPECT).exists()
    digests: list[str] = []
    segments: list[Segment] = []
    try:
        for name in _names(folder, slot):
            segments.append(Segment(str(folder / name), SEGMENT_BYTES))
        for segment in segments:
            digests += _replay(segment, bodies, done, suspect)
        try:
            bodies.flush_kept(digests)
        except OSError:
            _suspect(folder)
            raise
        for segment in segments:
            segment.clear()
        if suspect and slot is None:
            (folder / SUSPECT).unlink()
    finally:
        for segment in segments:
            segment.close()
    if done.bodies:
        log.info("journal.replayed", bodies=done.bodies, written=done.written, damaged=done.damaged)
    return done


def _names(folder: Path, slot: int | None) -> list[str]:
    """The journal files that are there, of one worker or of all; whatever else somebody put there is left alone."""
    found = sorted(entry.name for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))
    wanted = None if slot is None else {_name(slot, part) for part in (0, 1)}
    return [name for name in found if _NAME.fullmatch(name) and (wanted is None or name in wanted)]


def _replay(segment: Segment, bodies: FileBodies, done: Replayed, suspect: bool) -> list[str]:
    digests: list[str] = []
    for each in segment.found():
        if each.content is None:
            done.damaged += 1
            log.warning("journal.damaged_record", digest=each.digest.hex())
            continue
        done.bodies += 1
        if suspect:
            bodies.keep(MemoryBody(each.content, each.digest.hex()))
            done.written += 1
            continue
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
