"""One log line as data: what the live log keeps, filters and shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

LEVEL_ORDER = {"debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 3, "exception": 3}

_BY_LOGGER = {"talk.smtp": "smtp", "talk.imap": "imap", "talk.pop3": "pop3"}
_BY_PREFIX = (("receive.", "smtp"), ("access.imap", "imap"), ("access.pop3", "pop3"))


class Record(NamedTuple):
    """``at`` in seconds since 1970. ``fields`` are those of the line; an error stands among them as
    ``error``."""

    at: float
    level: str
    logger: str
    event: str
    fields: Mapping[str, Any]


def plain_fields(record: Record) -> dict[str, str]:
    """The fields as texts of bounded length."""
    return {str(key)[:100]: str(value)[:8192] for key, value in record.fields.items()}


def protocol_of(record: Record) -> str:
    """The protocol a line is about; submission and LMTP lines are ``smtp`` unless the line says more. "" for
    none."""
    told = record.fields.get("protocol")
    if told:
        return str(told)
    found = _BY_LOGGER.get(record.logger)
    if found is not None:
        return found
    return next((name for prefix, name in _BY_PREFIX if record.logger.startswith(prefix)), "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter; empty parts let everything through. ``level`` is the least. ``text`` is looked for in event
    and fields, whatever the case. ``account`` is who signed in, or whom mail is for."""

    level: str = "debug"
    protocol: str = ""
    peer: str = ""
    text: str = ""
    session: str = ""
    trace: str = ""
    account: str = ""

    def lets(self, record: Record) -> bool:
        """Whether this line is wanted."""
        if LEVEL_ORDER.get(record.level, 1) < LEVEL_ORDER.get(self.level, 0):
            return False
        fields = record.fields
        for name, value in (("peer", self.peer), ("trace", self.trace)):
            if value and str(fields.get(name, "")) != value:
                return False
        # SMTP names its sessions by their trace in some lines.
        if self.session and self.session not in (
            str(fields.get("session", "")),
            str(fields.get("trace", "")),
        ):
            return False
        if self.protocol and protocol_of(record) != self.protocol:
            return False
        if self.account and not self._concerns(fields):
            return False
        return not self.text or self._holds(record)

    def _concerns(self, fields: Mapping[str, Any]) -> bool:
        account = self.account.casefold()
        return any(account == str(fields.get(name, "")).casefold() for name in ("account", "recipient"))

    def _holds(self, record: Record) -> bool:
        needle = self.text.casefold()
        if needle in record.event.casefold() or needle in record.logger.casefold():
            return True
        return any(needle in str(value).casefold() for value in record.fields.values())
