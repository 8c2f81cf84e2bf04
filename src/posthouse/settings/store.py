"""Settings of the mail store and of the kept bodies."""

from __future__ import annotations

from posthouse.settings.contract import Setting

BODY_CACHE = Setting(
    "store.body_cache",
    32 * 1024 * 1024,
    "Memory for recently read message bodies (each up to 256 KiB), in every worker process.",
    unit="bytes",
    minimum=0,
    maximum=64 * 1024**3,
    effect="restart",
)

OPEN_CACHE = Setting(
    "store.open_cache",
    50_000,
    "Messages of mailboxes no session has open any more whose list is kept in memory, in every worker process, so that "
    "opening them again is instant. A message takes about 900 bytes; those of mailboxes with 25,000 and more take 120 "
    "and count as a seventh. The mailbox that was closed last is kept for five minutes, however large.",
    unit="messages",
    minimum=0,
    maximum=100_000_000,
)

FACTS_CACHE = Setting(
    "store.facts_cache",
    4_000,
    "Messages whose envelope and structure are kept in memory, in every worker process. Each takes about 4 KB.",
    unit="messages",
    minimum=0,
    maximum=10_000_000,
    effect="restart",
)

REMOVAL_INTERVAL = Setting(
    "store.removal_interval",
    3600.0,
    "How often bodies that no message refers to any more are looked for.",
    unit="seconds",
    minimum=1,
    maximum=7 * 86400,
)

REMOVAL_WAIT = Setting(
    "store.removal_wait",
    600.0,
    "How long a body that nothing refers to is kept before its file is removed.",
    unit="seconds",
    minimum=1,
    maximum=30 * 86400,
)

VERIFY_RATE = Setting(
    "store.verify_rate",
    32 * 1024 * 1024,
    "How much a check of the whole store (posthouse verify) reads of the message files each second at most, so that it "
    "leaves the disk to others; 0 for no limit. A change holds at once, for a check under way, too.",
    unit="bytes",
    minimum=0,
    maximum=1024**4,
)

TOMBSTONES = Setting(
    "store.tombstones",
    20_000,
    "Expunged messages remembered for each mailbox, so that a client that was away is told exactly what is gone "
    "(QRESYNC). Beyond them it is told every UID that is missing.",
    unit="messages",
    minimum=100,
    maximum=10_000_000,
)

MAX_MAILBOXES = Setting(
    "store.max_mailboxes",
    5_000,
    "Mailboxes one account may have.",
    unit="mailboxes",
    minimum=10,
    maximum=1_000_000,
)
