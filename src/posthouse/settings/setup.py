"""Who the server is, and what diagnostics asks outside."""

from __future__ import annotations

import ipaddress

from posthouse.settings.contract import Setting
from posthouse.settings.dns import listed


def _check_hostname(name: str) -> str:
    if not name:
        return ""
    labels = name.split(".")
    good = all(
        0 < len(label) <= 63
        and label.replace("-", "a").isalnum()
        and label.isascii()
        and label.strip("-") == label
        for label in labels
    )
    if not good or len(name) > 253 or name != name.lower():
        return f"{name[:80]!r} is no host name"
    return "" if len(labels) > 1 else f"{name!r} is only the first part of a host name"


def _check_addresses(text: str) -> str:
    for word in listed(text):
        try:
            ipaddress.ip_address(word)
        except ValueError:
            return f"{word!r} is no IP address"
    return ""


HOSTNAME = Setting(
    "server.hostname",
    "",
    "The server's name in greetings, Received lines, certificates and DNS records, like mail.example.org. Empty: "
    "`hostname` of posthouse.toml, else the machine's own name.",
    check=_check_hostname,
)

ADDRESSES = Setting(
    "server.addresses",
    "",
    "The IP addresses under which others reach the server, separated by commas. Empty: those public addresses that "
    "the machine itself has.",
    check=_check_addresses,
)

OUTWARD = Setting(
    "diagnostics.outward",
    "gmail.com, outlook.com",
    "Domains whose mail servers diagnostics connects to, to see whether port 25 is open outward. No mail is sent.",
)

PORT = Setting(
    "diagnostics.port",
    25,
    "The port on which diagnostics connects to mail servers, others' and our own. Mail between servers is always on "
    "25; another port is for trying things out in a closed network.",
    minimum=1,
    maximum=65535,
)

BLOCK_LISTS = Setting(
    "diagnostics.block_lists",
    "zen.spamhaus.org, bl.spamcop.net, b.barracudacentral.org",
    "DNS block lists in which diagnostics looks for our public addresses.",
)

TIME_SERVER = Setting(
    "diagnostics.time_server",
    "pool.ntp.org",
    "Where diagnostics asks for the time (SNTP), to compare the machine's clock: a name or address, with a port where "
    "it is not 123. Empty: do not ask.",
)

VALIDATION_NAME = Setting(
    "diagnostics.validation_name",
    "org",
    "A domain known to be signed with DNSSEC: by it diagnostics sees whether the resolver validates.",
)
