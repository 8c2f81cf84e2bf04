"""Settings of IMAP."""

from __future__ import annotations

from posthouse.settings.contract import Setting

LOGIN_TIMEOUT = Setting(
    "imap.login_timeout",
    60,
    "How long a client may take to sign in, from the first byte.",
    unit="seconds",
    minimum=1,
    maximum=600,
)

IDLE_TIMEOUT = Setting(
    "imap.idle_timeout",
    1800,
    "How long a signed-in client may say nothing before it is signed out. RFC 9051 (5.4) asks for at least "
    "30 minutes.",
    unit="seconds",
    minimum=1,
    maximum=86400,
)

MAX_FAILURES = Setting(
    "imap.max_failures",
    3,
    "Failed sign-ins after which a connection is closed.",
    minimum=1,
    maximum=100,
)

MAX_ERRORS = Setting(
    "imap.max_errors",
    20,
    "Commands in error (answered with BAD) after which a connection is closed.",
    minimum=1,
    maximum=10000,
)

MAX_SESSIONS = Setting(
    "imap.max_sessions_per_account",
    40,
    "IMAP sessions one account may have at the same time in one worker process. 0: no limit.",
    minimum=0,
)

APPEND_LIMIT = Setting(
    "imap.append_limit",
    64 * 1024 * 1024,
    "The largest message a client may put into a mailbox (APPENDLIMIT, RFC 7889).",
    unit="bytes",
    minimum=1024,
    maximum=2**31 - 1,
)

APPEND_TOTAL = Setting(
    "imap.append_total",
    256 * 1024 * 1024,
    "All messages of one APPEND together (MULTIAPPEND, RFC 3502). One message of imap.append_limit always "
    "fits.",
    unit="bytes",
    minimum=1024,
)

NOTICE_DELAY = Setting(
    "imap.notice_delay",
    0.05,
    "How long news for an idling client are gathered before they are sent together.",
    unit="seconds",
    minimum=0,
    maximum=10,
)
