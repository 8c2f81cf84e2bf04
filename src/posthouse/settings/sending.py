"""Settings of sending to other servers."""

from __future__ import annotations

from posthouse.settings.contract import Setting

DELAY_NOTICE = Setting(
    "sending.delay_notice_after",
    14400,
    "A sender is told once when a message has waited this long; delivery goes on being tried. 0 means never.",
    unit="seconds",
    minimum=0,
    maximum=2592000,
)

SESSIONS_PER_ATTEMPT = Setting(
    "sending.hosts_per_attempt",
    2,
    "How many hosts are asked in one attempt for recipients that a host answered with a temporary failure. Hosts that "
    "cannot be reached do not count.",
    minimum=1,
    maximum=10,
)

RECIPIENTS = Setting(
    "sending.max_recipients",
    100,
    "Most recipients in one transaction with another server; more go in further ones. A route may have its own.",
    minimum=1,
    maximum=1000,
)

PIPE_TIME = Setting(
    "sending.pipe_time",
    300.0,
    "How long the command of a pipe route may take for one message before it is ended and tried again later.",
    unit="seconds",
    minimum=1,
    maximum=3600,
)

SRS = Setting(
    "sending.rewrite_forwards",
    True,
    "Give mail that an alias or an account forwards to another server a sender address of this server (SRS), so that "
    "SPF passes there; bounces find their way back. Off: it keeps its sender, and many servers will refuse it.",
)

SRS_DAYS = Setting(
    "sending.rewrite_days",
    21,
    "How long a bounce to a rewritten sender address is taken.",
    unit="days",
    minimum=1,
    maximum=365,
)
