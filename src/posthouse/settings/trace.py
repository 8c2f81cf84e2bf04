"""Settings of the traces: the story of each message."""

from __future__ import annotations

from posthouse.settings.contract import Setting

KEEP_DAYS = Setting(
    "trace.keep_days",
    30,
    "How long the trace of a message is kept.",
    unit="days",
    minimum=1,
    maximum=3650,
)

MAX_REFUSED = Setting(
    "trace.max_refused",
    300,
    "How many refusals a minute one worker writes down; the rest is only counted in the log, so that "
    "strangers cannot fill the disk.",
    minimum=0,
    maximum=100000,
)
