"""Settings of how much somebody may send, and of the brake for what is suddenly much more than usual.

0 means no limit everywhere. Accounts and domains may have exceptions of their own (``posthouse sending set``).
"""

from __future__ import annotations

from posthouse.settings.contract import Setting

_MOST = 100_000_000

ACCOUNT_MESSAGES_HOUR = Setting(
    "sending_limits.account_messages_hour",
    500,
    "Messages that an account may send in an hour; further ones are put off (450). 0 means no limit.",
    minimum=0,
    maximum=_MOST,
)

ACCOUNT_RECIPIENTS_HOUR = Setting(
    "sending_limits.account_recipients_hour",
    1000,
    "Recipients that an account may write to in an hour, all its messages together. 0 means no limit.",
    minimum=0,
    maximum=_MOST,
)

ACCOUNT_MESSAGES_DAY = Setting(
    "sending_limits.account_messages_day",
    2000,
    "Messages that an account may send within 24 hours. 0 means no limit.",
    minimum=0,
    maximum=_MOST,
)

ACCOUNT_RECIPIENTS_DAY = Setting(
    "sending_limits.account_recipients_day",
    5000,
    "Recipients that an account may write to within 24 hours. 0 means no limit.",
    minimum=0,
    maximum=_MOST,
)

DOMAIN_MESSAGES_HOUR = Setting(
    "sending_limits.domain_messages_hour",
    0,
    "Messages that all accounts of a domain together may send in an hour. 0 means no limit.",
    minimum=0,
    maximum=_MOST,
)

DOMAIN_RECIPIENTS_HOUR = Setting(
    "sending_limits.domain_recipients_hour",
    0,
    "Recipients that all accounts of a domain together may write to in an hour. 0 means no limit.",
    minimum=0,
    maximum=_MOST,
)

DOMAIN_MESSAGES_DAY = Setting(
    "sending_limits.domain_messages_day",
    0,
    "Messages that all accounts of a domain together may send within 24 hours. 0 means no limit.",
    minimum=0,
    maximum=_MOST,
)

DOMAIN_RECIPIENTS_DAY = Setting(
    "sending_limits.domain_recipients_day",
    0,
    "Recipients that all accounts of a domain together may write to within 24 hours. 0 means no limit.",
    minimum=0,
    maximum=_MOST,
)

ADDRESS_MESSAGES_HOUR = Setting(
    "sending_limits.address_messages_hour",
    0,
    "Messages taken in an hour from one address of a stranger (IPv6: one /64 network), somebody who did not sign in. "
    "Large senders use few addresses: 0, no limit, is right for most. This machine itself is not limited.",
    minimum=0,
    maximum=_MOST,
)

ADDRESS_RECIPIENTS_HOUR = Setting(
    "sending_limits.address_recipients_hour",
    0,
    "Recipients of mail from one address of a stranger in an hour. 0 means no limit.",
    minimum=0,
    maximum=_MOST,
)

ADDRESS_MESSAGES_DAY = Setting(
    "sending_limits.address_messages_day",
    0,
    "Messages taken from one address of a stranger within 24 hours. 0 means no limit.",
    minimum=0,
    maximum=_MOST,
)

ADDRESS_RECIPIENTS_DAY = Setting(
    "sending_limits.address_recipients_day",
    0,
    "Recipients of mail from one address of a stranger within 24 hours. 0 means no limit.",
    minimum=0,
    maximum=_MOST,
)

BURST_HOUR = Setting(
    "sending_limits.burst_hour",
    250,
    "The brake: an account that writes to more recipients than this in an hour, and to several times as many as it "
    "usually does, has its further mail held until an administrator looked at it. 0 means never.",
    minimum=0,
    maximum=_MOST,
)

BURST_MINUTES = Setting(
    "sending_limits.burst_minutes",
    150,
    "The same within ten minutes. 0 means that only the hour counts.",
    minimum=0,
    maximum=_MOST,
)

BURST_FACTOR = Setting(
    "sending_limits.burst_factor",
    4.0,
    "How many times its usual busiest hour an account may send before the brake holds its mail. What is usual is "
    "learned from the last 14 days.",
    minimum=1,
    maximum=1000,
)
