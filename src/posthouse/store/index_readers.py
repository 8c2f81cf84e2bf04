"""The index files a process has open for questions. Blocking; used in one thread only."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from posthouse.observe.log import logger
from posthouse.store.index_file import IndexDamaged, IndexFile, IndexState, IndexUnavailable, make, newest

log = logger("store.index")

MOST = 8
"""Files open at once. Each holds up to 2 MB in memory and three descriptors."""

IDLE_SECONDS = 600.0
"""How long a file that nobody asks stays open."""


class IndexReaders:
    """Answers questions from the newest file of each mailbox."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[int, tuple[IndexFile, float]] = {}
        """By mailbox id, the longest unused first, with the time of the last question."""

    def find(self, mailbox_id: int, identity: str, expression: str) -> tuple[IndexState, list[int]] | None:
        """How far the mailbox is indexed, and the UIDs up to there that may match; None when there is no index. A
        damaged one is replaced by an empty one."""
        folder = self._folder / str(mailbox_id)
        path = newest(folder)
        held, _ = self._open.pop(mailbox_id, (None, 0.0))
        if held is not None and held.path != path:
            held.close()
            held = None
        if path is None:
            return None
        try:
            held = held or IndexFile(path, identity, writing=False)
            found = held.find(expression)
        except IndexDamaged as error:
            if held is not None:
                held.close()
            replace(folder, path, identity, str(error))
            return None
        except IndexUnavailable as error:
            if held is not None:
                held.close()
            log.info("index.unavailable", mailbox=mailbox_id, reason=str(error))
            return None
        self._open[mailbox_id] = (held, monotonic())
        if len(self._open) > MOST:
            self._close(next(iter(self._open)))
        return found

    def close(self, *, idle: float = 0.0) -> bool:
        """Close the files that nobody asked for ``idle`` seconds; whether any is still open."""
        before = monotonic() - idle
        for mailbox_id in [number for number, (_, used) in self._open.items() if used <= before]:
            self._close(mailbox_id)
        return bool(self._open)

    def _close(self, mailbox_id: int) -> None:
        self._open.pop(mailbox_id)[0].close()


def replace(folder: Path, bad: Path, identity: str, reason: str) -> None:
    """Put an empty index in the place of one that cannot be used, if it still is the newest."""
    log.warning("index.replaced", mailbox=int(folder.name), reason=reason)
    try:
        if newest(folder) == bad:
            make(folder, identity)
    except IndexUnavailable as error:
        log.warning("index.unavailable", mailbox=int(folder.name), reason=str(error))
