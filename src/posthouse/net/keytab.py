"""What a keytab holds keys of. The keys themselves are left to the Kerberos library.

The format is MIT Kerberos' (its documentation, "Keytab file format"), version 2, which Heimdal and Samba write as well.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_BYTES = 1 << 20
_VERSION = b"\x05\x02"
_MOST_PARTS = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's principal, as ``service/host@realm``. ``host`` is "" for a principal of one part."""

    service: str
    host: str
    realm: str


def read(data: bytes) -> tuple[Entry, ...]:
    """The principals, each once. Raises ValueError for what is no keytab."""
    if not data.startswith(_VERSION):
        raise ValueError("it is no keytab (of version 2)")
    if len(data) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES} bytes")
    found: dict[Entry, None] = {}
    at = len(_VERSION)
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big", signed=True)
        at += 4
        if size == 0:
            break
        if size > 0:
            if at + size > len(data):
                raise ValueError("it ends in the middle of an entry")
            found[_entry(data[at : at + size])] = None
        at += abs(size)  # a negative size is the room of an entry that was removed
    return tuple(found)


def _entry(data: bytes) -> Entry:
    count = int.from_bytes(data[:2], "big")
    if not 0 < count <= _MOST_PARTS:
        raise ValueError("an entry has no name")
    at, texts = 2, []
    for _ in range(count + 1):
        size = int.from_bytes(data[at : at + 2], "big")
        text = data[at + 2 : at + 2 + size]
        if len(data) < at + 2 or len(text) != size:
            raise ValueError("it ends in the middle of a name")
        texts.append(text.decode("utf-8", "replace"))
        at += 2 + size
    return Entry(texts[1], "/".join(texts[2:]), texts[0])
