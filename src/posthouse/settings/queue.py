"""Settings of the queue."""

from __future__ import annotations

from posthouse.settings.contract import Setting


def check_schedule(text: str) -> str:
    """The complaint about a list of waits; "" when it is good."""
    waits = text.split()
    if not waits or not all(wait.isascii() and wait.isdigit() and 1 <= int(wait) <= 604800 for wait in waits):
        return "must be waits in seconds between 1 and 604800, separated by blanks"
    return ""


def rates_of(text: str) -> dict[str, int]:
    """Messages a minute by destination (``mx:example.org``, ``route:3``) or domain. Raises ValueError."""
    rates = {}
    for each in text.split():
        name, _, number = each.rpartition("=")
        if not name or not (number.isascii() and number.isdigit() and 1 <= int(number) <= 1_000_000):
            raise ValueError(each)
        rates[name.lower() if ":" in name else f"mx:{name.lower()}"] = int(number)
    return rates


def check_rates(text: str) -> str:
    """The complaint about a list of rates; "" when it is good."""
    try:
        rates_of(text)
    except ValueError as wrong:
        return f"{wrong.args[0]!r} is not like example.org=60 (messages a minute, 1 to 1000000)"
    return ""


RETRY_SCHEDULE = Setting(
    "queue.retry_schedule",
    "120 300 900 1800 3600 7200 14400",
    "The waits between attempts to deliver to another server; the last one repeats. A wait is prolonged by up to 5 % "
    "so that what failed together is not tried together. A route may have its own schedule.",
    unit="seconds",
    check=check_schedule,
)

LOCAL_RETRY_SCHEDULE = Setting(
    "queue.local_retry_schedule",
    "60 300 900 1800 3600",
    "The waits between attempts to deliver into a mailbox of this server; the last one repeats.",
    unit="seconds",
    check=check_schedule,
)

LIFETIME = Setting(
    "queue.lifetime",
    432000,
    "How long delivery is tried. What has not arrived by then goes back to its sender. Applies to mail that is "
    "accepted from now on.",
    unit="seconds",
    minimum=60,
    maximum=2592000,
)

LEASE_TIME = Setting(
    "queue.lease_time",
    60,
    "How long a worker owns what it takes from the queue to deliver into mailboxes. If the worker dies and does not "
    "come back, others wait that long.",
    unit="seconds",
    minimum=5,
    maximum=3600,
)

REMOTE_LEASE_TIME = Setting(
    "queue.remote_lease_time",
    900,
    "How long a worker owns what it takes from the queue for another server. A message that is not wholly sent by then "
    "is tried again later; the answer to one that is sent is waited for as long as remote.end_time says, and the "
    "worker keeps it for as long as that takes. If the worker dies and does not come back, others wait that long.",
    unit="seconds",
    minimum=10,
    maximum=7200,
)

AT_ONCE = Setting(
    "queue.transactions",
    200,
    "Messages on their way to other servers at the same time, to all destinations together, in each worker process. "
    "Destinations that have not taken mail recently get half of that at most, so that dead ones never hold up others.",
    minimum=2,
    maximum=10_000,
)

DESTINATION_FIRST = Setting(
    "queue.destination_first",
    3,
    "Messages on their way to one destination at the same time while nothing is known of it yet. As long as it takes "
    "them, there are more and more.",
    minimum=1,
    maximum=1000,
)

DESTINATION_MOST = Setting(
    "queue.destination_most",
    20,
    "Messages on their way to one destination at the same time at most, in each worker process. A destination that "
    "asks for less (421, temporary refusals of connections) gets half as many, then again more step by step.",
    minimum=1,
    maximum=1000,
)

SENDER_MOST = Setting(
    "queue.sender_most",
    15,
    "Messages of one sender on their way to one destination at the same time, so that one mass mailing leaves room "
    "for others.",
    minimum=1,
    maximum=1000,
)

DESTINATION_RATE = Setting(
    "queue.destination_rate",
    0,
    "Messages a minute to each other destination at most, in each worker process. 0 means as many as it takes.",
    minimum=0,
    maximum=1_000_000,
)

PASS_THROUGH = Setting(
    "queue.pass_through",
    1.0,
    "How long a message for another server that usually answers in a tenth of that time may wait for that answer "
    "before it is written down here. If the other server takes it in time it is never in the queue, and whoever brings "
    "it hears that it is accepted because it is there. 0: every message is written down first.",
    unit="seconds",
    minimum=0.0,
    maximum=5.0,
)

RATES = Setting(
    "queue.rates",
    "",
    "Messages a minute to single destinations, in place of queue.destination_rate: domains and routes with their "
    "number, separated by blanks, as in example.org=60 route:3=1000.",
    check=check_rates,
)

DOWN_FIRST = Setting(
    "queue.down_first",
    60,
    "How long a destination is left alone that could not be reached at all. Each further time it is twice as long.",
    unit="seconds",
    minimum=1,
    maximum=86400,
)

DOWN_MOST = Setting(
    "queue.down_most",
    3600,
    "How long a destination that cannot be reached is left alone at most. Then one message is tried.",
    unit="seconds",
    minimum=1,
    maximum=86400,
)
