"""Settings of accounts: what new ones get where their domain does not say, and what people may do with theirs."""

from __future__ import annotations

from posthouse.settings.contract import Setting

QUOTA = Setting(
    "accounts.quota",
    0,
    "The most that a new account may hold, where neither its maker nor its domain says. 0 = no limit.",
    unit="bytes",
    minimum=0,
)

LANGUAGE = Setting(
    "accounts.language",
    "",
    "The language of new accounts, such as de; empty for that of each person's browser.",
)

TIME_ZONE = Setting(
    "accounts.time_zone",
    "",
    "The time zone of new accounts, such as Europe/Berlin; empty for UTC.",
)

MOST_MASKED = Setting(
    "accounts.masked",
    100,
    "How many masked addresses (thrown away when no longer wanted) one person may have. 0 = people make none; those "
    "that are there stay.",
    minimum=0,
    maximum=10_000,
)

SIGN_IN_BY_FURTHER = Setting(
    "accounts.sign_in_by_further",
    True,
    "Whether people may sign in with a further address of their account, unless it is said when the address is given.",
)
