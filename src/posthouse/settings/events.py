"""Settings of events: what happened, for webhooks and live views."""

from __future__ import annotations

from posthouse.settings.contract import Setting

KEEP_DAYS = Setting(
    "events.keep_days",
    7,
    "How long events are kept. A webhook whose receiver is away for longer misses what is older.",
    unit="days",
    minimum=1,
    maximum=365,
)

SUBJECT = Setting(
    "events.subject",
    False,
    "Name the sender and the subject of a message in its event message.received. Webhooks carry events to other "
    "programs: leave it off unless these may know.",
)
