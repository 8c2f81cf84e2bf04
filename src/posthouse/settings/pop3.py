"""Settings of POP3."""

from __future__ import annotations

from posthouse.settings.contract import Setting

LOGIN_TIMEOUT = Setting(
    "pop3.login_timeout",
    60,
    "How long a client may take to sign in, from the first byte.",
    unit="seconds",
    minimum=1,
    maximum=600,
)

IDLE_TIMEOUT = Setting(
    "pop3.idle_timeout",
    600,
    "How long a signed-in client may say nothing before it is cut off; nothing is deleted then. RFC 1939 (3) asks "
    "for at least 10 minutes.",
    unit="seconds",
    minimum=1,
    maximum=86400,
)

MAX_FAILURES = Setting(
    "pop3.max_failures",
    3,
    "Failed sign-ins after which a connection is closed.",
    minimum=1,
    maximum=100,
)

MAX_ERRORS = Setting(
    "pop3.max_errors",
    20,
    "Commands that are unknown or wrongly written after which a connection is closed.",
    minimum=1,
    maximum=10000,
)
