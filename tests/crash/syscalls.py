"""System-call traces of a running server: ``strace -f -yy`` output as begins and ends of calls, in their order.

A write, a flush or a rename has happened when it *returned*; a reply may be seen as soon as it is *begun*.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TRACED = (
    "open,openat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,ftruncate,fsync,fdatasync,"
    "write,pwrite64,writev,pwritev,sendto,sendmsg"
)

_LINE = re.compile(r"^(?P<pid>\d+)\s+(?P<rest>.*)$", re.S)
_WHOLE = re.compile(r"^(?P<name>\w+)\((?P<args>.*)\)\s+= (?P<result>-?\d+)", re.S)
_BEGUN = re.compile(r"^(?P<name>\w+)\((?P<args>.*) <unfinished \.\.\.>$", re.S)
_RESUMED = re.compile(r"^<\.\.\. (?P<name>\w+) resumed>(?P<args>.*)\)\s+= (?P<result>-?\d+)", re.S)
_DESCRIPTOR = re.compile(r"^\d+<(?P<what>.*?)>(?:\(deleted\))?(?:,|$)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')


def strace(trace: Path) -> tuple[str, ...]:
    """The command in front of a server whose calls are to be written to ``trace``, all bytes of each."""
    return (
        *("strace", "-f", "--seccomp-bpf", "-yy", "-s", "1048576"),
        *("-e", f"trace={TRACED}", "-e", "signal=none", "-o", str(trace)),
    )


@dataclass(eq=False)
class Call:
    """One call. ``result`` is known from its end on."""

    name: str
    args: str
    result: int | None = None
    note: object = field(default=None, repr=False)

    @property
    def descriptor(self) -> str:
        """What its first argument, a descriptor, leads to: a path, or ``TCP:[from->to]``."""
        found = _DESCRIPTOR.match(self.args)
        return found["what"] if found else ""

    @property
    def strings(self) -> list[bytes]:
        """Its quoted arguments. Raises ValueError where the trace holds only the beginning of one."""
        found = []
        for text, cut in _QUOTED.findall(self.args):
            if cut:
                raise ValueError(f"{self.name} is not wholly in the trace")
            found.append(codecs.escape_decode(text.encode("latin-1", "replace"))[0])  # type: ignore[attr-defined]
        return found

    @property
    def last_number(self) -> int:
        """Its last argument."""
        return int(self.args.rpartition(",")[2])


def parse(text: str) -> Iterator[tuple[str, Call]]:
    """``("begin", call)`` and ``("end", call)``; calls that failed have an end too."""
    unfinished: dict[str, Call] = {}
    for line in text.split("\n"):
        found = _LINE.match(line)
        if found is None:
            continue
        pid, rest = found["pid"], found["rest"]
        if begun := _BEGUN.match(rest):
            call = unfinished[pid] = Call(begun["name"], begun["args"])
            yield "begin", call
        elif resumed := _RESUMED.match(rest):
            if pid in unfinished:
                call = unfinished.pop(pid)
                call.args += resumed["args"]
                call.result = int(resumed["result"])
                yield "end", call
        elif whole := _WHOLE.match(rest):
            call = Call(whole["name"], whole["args"])
            yield "begin", call
            call.result = int(whole["result"])
            yield "end", call
