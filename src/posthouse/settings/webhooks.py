"""Settings of webhooks: HTTP requests that tell other programs what happened."""

from __future__ import annotations

from posthouse.settings.contract import Setting
from posthouse.settings.queue import check_schedule

RETRY_SCHEDULE = Setting(
    "webhooks.retry_schedule",
    "5 30 120 600 1800 3600 7200",
    "The waits between attempts to deliver to a webhook; the last one repeats.",
    unit="seconds",
    check=check_schedule,
)

LIFETIME = Setting(
    "webhooks.lifetime",
    259200,
    "How long one delivery to a webhook is tried; then it is dropped.",
    unit="seconds",
    minimum=60,
    maximum=2592000,
)

DISABLE_AFTER = Setting(
    "webhooks.disable_after",
    5.0,
    "A webhook that took nothing for this long is switched off. 0 never does so.",
    unit="days",
    minimum=0,
    maximum=365,
)

TIMEOUT = Setting(
    "webhooks.timeout",
    10.0,
    "How long a receiver may take to answer, from looking up its name to the end of the answer.",
    unit="seconds",
    minimum=1,
    maximum=120,
)

AT_ONCE = Setting(
    "webhooks.at_once",
    1,
    "How many requests one webhook gets at the same time. With 1 they come in the order of the events as long as "
    "none must be repeated.",
    minimum=1,
    maximum=16,
)

ALLOW_PRIVATE = Setting(
    "webhooks.allow_private",
    False,
    "Let webhooks lead to addresses that are not public: this machine (loopback) and private networks. While it is "
    "off, nobody can use a webhook to reach what only this server can reach.",
)

CA_FILE = Setting(
    "webhooks.ca_file",
    "",
    "Authorities (a PEM file) that sign the certificates of the receivers; empty means those of the system.",
)
