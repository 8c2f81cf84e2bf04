"""Versions of what a use shows, so that two people who edit the same thing notice one another.

A ``show`` has an ETag: the hash of its result's fields, without those that move by themselves. A change that
is registered as ``conditional`` compares it inside its unit (:meth:`posthouse.manage.use.Call.check`).
"""

from __future__ import annotations

import hashlib

import msgspec

VOLATILE = frozenset(
    {
        "used",
        "messages",
        "accounts",
        "aliases",
        "last_used",
        "last_seen",
        "last_signin",
        "before",
        "probation",
    }
)
"""Fields that change without anybody editing, or that tell about the change itself. A Struct may name others in
a class attribute ``volatile: ClassVar[frozenset[str]]``, which then stands alone."""


def etag_of(shown: msgspec.Struct) -> str:
    """The version of what is shown: 32 hexadecimal digits, without quotes."""
    volatile = getattr(type(shown), "volatile", VOLATILE)
    stable = {name: value for name, value in msgspec.structs.asdict(shown).items() if name not in volatile}
    encoded = msgspec.json.encode(stable, order="sorted")
    return hashlib.sha256(type(shown).__name__.encode() + b"\0" + encoded).hexdigest()[:32]
