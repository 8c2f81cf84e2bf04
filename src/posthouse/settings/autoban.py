"""Settings of automatic bans: whoever goes on guessing passwords is kept out for a while."""

from __future__ import annotations

from posthouse.settings.contract import Setting

FAILURES = Setting(
    "autoban.failures",
    10,
    "Failed sign-ins of one IPv4 address or one IPv6 /64 network, over all protocols, after which it is banned. "
    "hMailServer's default is 3. 0 = nobody is banned automatically.",
    minimum=0,
    maximum=10_000,
)

MINUTES = Setting(
    "autoban.minutes",
    30,
    "Within how many minutes these failures have to happen. hMailServer's default is 30.",
    unit="minutes",
    minimum=1,
    maximum=1440,
)

FIRST_BAN = Setting(
    "autoban.first",
    60,
    "How long the first ban of an address lasts; each further one lasts twice as long. hMailServer bans for 60 minutes "
    "each time.",
    unit="minutes",
    minimum=1,
    maximum=525_600,
)

LONGEST_BAN = Setting(
    "autoban.longest",
    10_080,
    "How long an automatic ban lasts at most. An address that keeps quiet for as long after its ban begins afresh.",
    unit="minutes",
    minimum=1,
    maximum=525_600,
)

ACCOUNT_FAILURES = Setting(
    "autoban.account_failures",
    30,
    "Failed sign-ins of one login, from wherever, within these minutes, after which it is locked for addresses that it "
    "did not sign in from in the last 30 days: for one minute, then twice as long each time, up to an hour. Its "
    "owner's usual places are not locked. 0 = never.",
    minimum=0,
    maximum=100_000,
)
