"""What a system-call trace says about durability: which flushes had returned when a reply was written.

``strace -f -y`` output is read into completed calls in the order of completion (a flush counts when it
*returns*, a reply when it is *begun*), and :func:`unkept_promises` lists every reply that came too early.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TRACED = "mkdir,mkdirat,rename,renameat,renameat2,fsync,fdatasync,pwrite64,write,sendto,sendmsg,writev"

_LINE = re.compile(r"^(?P<pid>\d+)\s+(?P<rest>.*)$")
_WHOLE = re.compile(r"^(?P<name>\w+)\((?P<args>.*)\)\s+= (?P<result>-?\d+)")
_BEGUN = re.compile(r"^(?P<name>\w+)\((?P<args>.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^<\.\.\. (?P<name>\w+) resumed>(?P<args>.*)\)\s+= (?P<result>-?\d+)")
_FD_PATH = re.compile(r"^\d+<(?P<path>[^>]*)>")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Event:
    """One step that matters: ``kind`` is synced, renamed, made, logged (write to the commit log) or
    replied."""

    kind: str
    path: str
    target: str = ""


def parse(text: str) -> list[Event]:
    """Events of a trace, flushes at their return, replies and writes at their begin."""
    events: list[Event] = []
    open_calls: dict[str, tuple[str, str]] = {}
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        pid, rest = found["pid"], found["rest"]
        if whole := _WHOLE.match(rest):
            if int(whole["result"]) >= 0:
                _begin(events, whole["name"], whole["args"])
                _end(events, whole["name"], whole["args"])
        elif begun := _BEGUN.match(rest):
            open_calls[pid] = (begun["name"], begun["args"])
            _begin(events, begun["name"], begun["args"])
        elif (resumed := _RESUMED.match(rest)) and pid in open_calls:
            name, args = open_calls.pop(pid)
            if int(resumed["result"]) >= 0:
                _end(events, name, args + resumed["args"])
    return events


def _begin(events: list[Event], name: str, args: str) -> None:
    """Calls that count when they begin: what is written may already be seen."""
    path = _FD_PATH.match(args)
    if name == "pwrite64" and path and path["path"].endswith("-wal"):
        events.append(Event("logged", path["path"]))
    elif name in ("sendto", "sendmsg", "writev", "write") and path:
        where = path["path"]
        if where.startswith(("TCP", "socket", "UNIX")) or "TCP" in where:
            said = "".join(_QUOTED.findall(args))
            if said:
                events.append(Event("replied", where, said))


def _end(events: list[Event], name: str, args: str) -> None:
    """Calls that count only once they have returned."""
    path = _FD_PATH.match(args)
    if name in ("fsync", "fdatasync") and path:
        events.append(Event("synced", path["path"]))
    elif name.startswith("rename"):
        names = _QUOTED.findall(args)
        if len(names) == 2:
            events.append(Event("renamed", names[0], names[1]))
    elif name.startswith("mkdir"):
        names = _QUOTED.findall(args)
        if names:
            events.append(Event("made", names[0]))


def unkept_promises(events: list[Event], promise: re.Pattern[str]) -> list[str]:
    """Complaints, one for each reply matching ``promise`` that was begun before what it promises was on disk.

    Demanded before the Nth such reply: N bodies whose file was synced, renamed into place, and whose folder
    (and any folder made for it) was synced after that; and a sync of the commit log after the last write to
    it, at least one per reply that is not covered by an earlier commit.
    """
    complaints: list[str] = []
    synced_files: set[str] = set()
    waiting: dict[str, set[str]] = {}
    made: set[str] = set()
    kept = replies = 0
    dirty_log = False
    log_syncs = 0
    for event in events:
        if event.kind == "synced":
            synced_files.add(event.path)
            if event.path.endswith("-wal"):
                dirty_log = False
                log_syncs += 1
            kept += len(waiting.pop(event.path, set()))
            made = {folder for folder in made if str(Path(folder).parent) != event.path}
        elif event.kind == "made" and "/messages/" in event.path:
            made.add(event.path)
        elif event.kind == "renamed" and event.target.endswith(".eml"):
            if event.path not in synced_files:
                complaints.append(f"{event.target} was renamed into place before its bytes were synced")
            waiting.setdefault(str(Path(event.target).parent), set()).add(event.target)
        elif event.kind == "logged":
            dirty_log = True
        elif event.kind == "replied" and promise.search(event.target):
            replies += len(promise.findall(event.target))
            if kept < replies:
                complaints.append(
                    f"reply {replies}: only {kept} bodies were in place and their folders synced"
                )
            if made:
                complaints.append(
                    f"reply {replies}: new folders without a sync of their parent: {sorted(made)}"
                )
            if dirty_log:
                complaints.append(f"reply {replies}: the commit log was written but not synced")
            if log_syncs == 0:
                complaints.append(f"reply {replies}: the commit log was never synced")
    if replies == 0:
        complaints.append("no reply with this promise was seen")
    return complaints
