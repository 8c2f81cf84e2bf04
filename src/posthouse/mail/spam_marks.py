"""Whether a header says that its message was judged to be spam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_FLAGS = (b"x-spam-flag", b"x-spam", b"x-spam-status")


def marked_as_spam(fields: Mapping[bytes, Sequence[bytes]]) -> bool:
    """Whether one of the usual fields begins with "yes" (``fields`` as ``headers.values`` gives them). Whoever sets
    them falsely on own mail only spares others an answer."""
    return any(value.strip().lower().startswith(b"yes") for name in _FLAGS for value in fields.get(name, ()))
