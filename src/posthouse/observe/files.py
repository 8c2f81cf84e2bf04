"""Log files: posthouse.log, and what it was before, cut at midnight (UTC) and at a size.

Several processes write the same file: it is opened for appending, and each batch of whole lines is one write, so that
lines never mix. Whoever finds that a new file is due takes the lock beside it, looks again and renames; the
others see that the name leads to another file and open that one. logrotate may move the file as well: it is
opened anew within a second, or at SIGHUP at once.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from posthouse.observe.lines import Render
from posthouse.observe.record import Record

NAME = "posthouse.log"
GATHER_SECONDS = 0.1
WAITING = 20_000
"""Lines that wait to be written at most; on a disk that hangs further ones are dropped."""


class LogFiles:
    """A sink. ``render`` None takes the lines as standard error has them. ``start`` its thread once; ``close`` writes
    what is left."""

    def __init__(
        self,
        folder: Path,
        *,
        render: Render | None = None,
        size: int = 50 << 20,
        days: int = 30,
        total: int = 1 << 30,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._render = render
        self._size = size
        self._days = days
        self._total = total
        self._clock = clock
        self._lines: deque[str] = deque(maxlen=WAITING)
        self._descriptor = -1
        self._day = ""
        self._looked_at = 0.0
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def __call__(self, record: Record, line: str) -> None:
        if self._render is not None:
            line = self._render(record.level, record.logger, record.event, record.fields, None)
        self._lines.append(line + "\n")
        if not self._wanted.is_set():
            self._wanted.set()

    def start(self) -> None:
        """Make the folder and begin to write. Raises OSError when it cannot be written to."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open()
        self._thread = threading.Thread(target=self._work, name="posthouse-log-file", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits and stop."""
        self._ended = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(5.0)
        self.flush()
        with self._lock:
            self._shut()

    def reopen(self) -> None:
        """Somebody moved the file (SIGHUP of logrotate): open it anew."""
        with self._lock:
            self._shut()

    def flush(self) -> None:
        """Write what waits. A full disk stops no mail: the lines are lost."""
        with self._lock:
            count = len(self._lines)
            if not count:
                return
            data = "".join(self._lines.popleft() for _ in range(count)).encode("utf-8", "replace")
            with contextlib.suppress(OSError):
                self._follow()
                while data:
                    data = data[os.write(self._descriptor, data) :]

    # ------------------------------------------------------------------ inside

    def _work(self) -> None:
        while not self._ended:
            self._wanted.wait()
            time.sleep(GATHER_SECONDS)
            self._wanted.clear()
            self.flush()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(self._path, flags, 0o600)

    def _shut(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _follow(self) -> None:
        """Be on the file that the name leads to, and begin a new one when it is time."""
        if self._descriptor < 0:
            self._open()
        now = self._clock()
        if 0 <= now - self._looked_at < 1.0:
            return
        self._looked_at = now
        if not self._is_current():
            self._shut()
            self._open()
        if self._is_due(now):
            self._rotate(now)

    def _is_current(self) -> bool:
        mine = os.fstat(self._descriptor)
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return False
        return (mine.st_ino, mine.st_dev) == (there.st_ino, there.st_dev)

    def _is_due(self, now: float) -> bool:
        """Whether the file is full, or was begun on another day: that of its first line."""
        found = os.fstat(self._descriptor)
        if found.st_size >= self._size:
            return True
        if not found.st_size:
            self._day = _day(now)
        elif not self._day:
            # Written before this process began: the day of the last line is near enough.
            self._day = _day(found.st_mtime)
        return found.st_size > 0 and self._day != _day(now)

    def _rotate(self, now: float) -> None:
        with self._alone():
            if self._is_current():
                with contextlib.suppress(OSError):  # Windows renames no open file: it grows on
                    os.rename(self._path, self._free_name())
            self._shut()
            self._open()
            self._day = _day(now)
            self._tidy(now)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock among processes, where the system has one."""
        descriptor = os.open(self._folder / ".rotate.lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            try:
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except (ImportError, OSError):
                pass
            yield
        finally:
            os.close(descriptor)

    def _free_name(self) -> Path:
        day = self._day or _day(self._clock())
        number = 1
        while (name := self._folder / f"posthouse-{day}.{number:03d}.log").exists():
            number += 1
        return name

    def _tidy(self, now: float) -> None:
        """Remove finished files that are too old or too much."""
        held = 0
        found = []
        for path in self._folder.glob("posthouse-*.log"):
            with contextlib.suppress(OSError):
                about = path.stat()
                found.append((about.st_mtime, about.st_size, path))
        for written, size, path in sorted(found, key=lambda each: (each[0], each[2].name), reverse=True):
            held += size
            if held > self._total or now - written > self._days * 86400:
                with contextlib.suppress(OSError):
                    path.unlink()


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))
