"""What became of one recipient when a message was accepted."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.mail.envelope import Recipient
from posthouse.mail.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recipient at acceptance: ``refusal`` None means accepted and durable.

    SMTP sessions see one decision for all (quota was decided at RCPT); only LMTP may see a refusal per
    recipient. ``summary`` is for the reply and the trace: ``"queued as 1234"``, ``"delivered to mailbox"``.
    """

    recipient: Recipient
    refusal: Refusal | None = None
    summary: str = ""
