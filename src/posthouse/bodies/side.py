"""The side record: what a repair needs besides the body files, should the database be lost.

Each worker process appends to a file of its own, ``records/<start>-<process>.log``: one JSON object a line,
UTF-8.

* ``{"t":"mailbox","m":7,"a":3,"n":"Sent","v":1700000001,"s":"\\\\Sent"}``: mailbox 7 of account 3 is called
  so, with this UIDVALIDITY and special use (again after each rename); ``{"t":"gone","m":7}``: it was deleted.
* ``{"t":"copy","m":7,"u":12,"b":"<digest>","p":"<prefix,
  Base64>","f":1,"k":["$Forwarded"],"d":1700000000,"z":60, "s":1700000005}``: message UID 12 of mailbox 7 is
  this body after this prefix, with these flags (bits as in ``store/contract.py``), keywords, internal date,
  zone (minutes east) and save date.
* ``{"t":"flags","m":7,"u":[12,13],"f":1,"k":[]}``: these now have these flags.
* ``{"t":"expunge","m":7,"u":[12]}``: these are gone.

Lines are in the order in which one process committed them; across processes they carry ``"q"``, the mailbox's
modseq, and a higher one wins. The record is written after the commit and flushed once a second: it is a
second line of defence, not part of the promise of a 250. At each start old files are kept.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from posthouse.bodies import flush
from posthouse.observe.log import logger

FLUSH_SECONDS = 1.0
FILE_BYTES = 64 << 20
"""A file is closed and the next one begun past this size."""

log = logger("bodies.side")


class SideRecord:
    """The side record of one process. ``note`` may be called from any thread and never raises."""

    def __init__(self, data: str | os.PathLike[str]) -> None:
        self.folder = Path(data).absolute() / "records"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lines: deque[bytes] = deque()
        self._encode = msgspec.json.Encoder().encode
        self._descriptor = -1
        self._written = 0
        self._number = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="posthouse-side-record", daemon=True)
        self._thread.start()

    def note(self, line: dict[str, Any]) -> None:
        """Add one line (bytes values become Base64)."""
        self._lines.append(self._encode(line))

    def notes(self, lines: Iterable[dict[str, Any]]) -> None:
        """Add several lines."""
        self._lines.extend([self._encode(line) for line in lines])

    def close(self) -> None:
        """Write what is left and end the thread. May be called twice."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopping.wait(FLUSH_SECONDS):
            self._flush()
        self._flush()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _flush(self) -> None:
        # Taken one by one: others append meanwhile.
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if not lines:
            return
        try:
            self._write(b"\n".join(lines) + b"\n")
        except OSError as error:
            log.warning("side_record.failed", reason=str(error))

    def _write(self, data: bytes) -> None:
        if self._descriptor >= 0 and self._written > FILE_BYTES:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._descriptor < 0:
            self._number += 1
            name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}-{self._number}.log"
            flags = (
                os.O_WRONLY
                | os.O_CREAT
                | os.O_APPEND
                | getattr(os, "O_CLOEXEC", 0)
                | getattr(os, "O_BINARY", 0)
            )
            self._descriptor = os.open(self.folder / name, flags, 0o600)
            self._written = 0
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._written += len(data)
        flush.flush_file(self._descriptor)
