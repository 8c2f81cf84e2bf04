"""Settings of signing in."""

from __future__ import annotations

from posthouse.settings.contract import Setting

HASHES_AT_ONCE = Setting(
    "signin.hashes_at_once",
    2,
    "How many passwords one worker verifies at the same time. Each takes about 64 MiB and a core "
    "while it runs.",
    minimum=1,
    maximum=64,
    effect="restart",
)

REMEMBER = Setting(
    "signin.remember",
    120,
    "How long a verified password is remembered, so that the next connections of the same program need no "
    "new hash. A changed password or a removed account is noticed within a second all the same. 0 = never.",
    unit="seconds",
    minimum=0,
    maximum=3600,
)

LEAST_PASSWORD_LENGTH = Setting(
    "signin.least_password_length",
    8,
    "How many characters a new password must have at least. Passwords that are there already stay good.",
    unit="characters",
    minimum=1,
    maximum=64,
)

FREE_FAILURES = Setting(
    "signin.free_failures",
    2,
    "Failed sign-ins of one peer or one login that are answered without delay.",
    minimum=0,
    maximum=100,
)

FIRST_DELAY = Setting(
    "signin.first_delay",
    1.0,
    "How long the answer to the first failure beyond those waits; it doubles with each further one.",
    unit="seconds",
    minimum=0,
    maximum=60,
)

LONGEST_DELAY = Setting(
    "signin.longest_delay",
    15.0,
    "The longest wait before an answer to a sign-in.",
    unit="seconds",
    minimum=0,
    maximum=60,
)

FORGET_FAILURES = Setting(
    "signin.forget_failures",
    600,
    "After this long without a failure a peer or login starts afresh.",
    unit="seconds",
    minimum=1,
    maximum=86400,
)
