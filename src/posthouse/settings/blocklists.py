"""Settings of block lists and allow lists: networks that others publish, or that stand in a file."""

from __future__ import annotations

from posthouse.settings.contract import Setting

PRIORITY = Setting(
    "blocklists.priority",
    15,
    "IP ranges with this priority or a higher one decide before all lists and countries: what such a range permits, no "
    "list takes away. The ranges for the whole Internet have 10, so lists hold there; a range of your own has 20 "
    "unless you say otherwise.",
    minimum=0,
    maximum=10_001,
)

LARGEST = Setting(
    "blocklists.largest",
    32 * 1024 * 1024,
    "A list with more bytes is not taken; the last good copy stays in use.",
    unit="bytes",
    minimum=1024,
    maximum=256 * 1024 * 1024,
)

ENTRIES = Setting(
    "blocklists.entries",
    500_000,
    "A list with more networks is not taken. Each worker holds 8 bytes for an IPv4 network and 32 for one of IPv6.",
    minimum=1,
    maximum=2_000_000,
)

TIME = Setting(
    "blocklists.time",
    60.0,
    "How long it may take to get one list from its URL, from looking up the name to the last byte.",
    unit="seconds",
    minimum=1,
    maximum=600,
)

ALLOW_PRIVATE = Setting(
    "blocklists.allow_private",
    False,
    "Let the URL of a list lead to addresses that are not public: this machine (loopback) and private networks.",
)

CA_FILE = Setting(
    "blocklists.ca_file",
    "",
    "Authorities (a PEM file) that sign the certificates of the places lists come from; empty means those of the "
    "system.",
)
