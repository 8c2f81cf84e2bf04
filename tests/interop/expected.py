"""The table of expected differences (expected_differences.toml): reading it, and holding findings against it.

The table's keys are kind, message and item; the value is a digest of our answer, so that it cannot change unnoticed
either. Each kind is explained in docs/differences-from-dovecot.md.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

from differential import Findings

TABLE = Path(__file__).parent / "expected_differences.toml"
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "differences-from-dovecot.md"

Key = tuple[str, str]


def digest(value: object) -> str:
    """A short digest of an answer."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:8]


def table() -> dict[str, dict[str, dict[str, str]]]:
    """The table: kind, message, item."""
    return tomllib.loads(TABLE.read_text("utf-8"))


def expected(belongs: tuple[str, ...]) -> dict[Key, str]:
    """Digests by message and item, of those items whose first word is one of ``belongs``."""
    found: dict[Key, str] = {}
    for messages in table().values():
        for message, items in messages.items():
            for item, value in items.items():
                if item.startswith(belongs):
                    assert (message, item) not in found, f"{message} {item} is listed twice"
                    found[message, item] = value
    return found


def problems(findings: Findings, belongs: tuple[str, ...]) -> list[str]:
    """What the findings and the table disagree about, as lines for people; empty when they agree."""
    listed = expected(belongs)
    lines: list[str] = []
    for key, (ours, theirs) in sorted(findings.differing.items()):
        assert key[1].startswith(belongs), key
        shown = (
            f"{key[0]} | {key[1]} = {digest(ours)} | ours {repr(ours)[:160]} | Dovecot's {repr(theirs)[:160]}"
        )
        if key not in listed:
            lines.append(f"new: {shown}")
        elif listed[key] != digest(ours):
            lines.append(f"changed (was {listed[key]}): {shown}")
    lines += [f"gone: {name} | {item}" for name, item in sorted(listed.keys() - findings.differing.keys())]
    return lines
