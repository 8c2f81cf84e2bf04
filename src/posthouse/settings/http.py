"""HTTP: the web pages and the API."""

from __future__ import annotations

import ipaddress

from posthouse.settings.contract import Setting


def _networks(text: str) -> str:
    for word in text.replace(",", " ").split():
        try:
            ipaddress.ip_network(word)
        except ValueError:
            return f"{word!r} is no network: write it like 192.0.2.0/24 or 192.0.2.7"
    return ""


NAMES = Setting(
    "http.names",
    "",
    "Further host names under which browsers reach this server, separated by spaces. Its own name, the names in its "
    "certificates and IP addresses always work; requests for any other name are refused.",
)

TRUSTED_PROXIES = Setting(
    "http.trusted_proxies",
    "",
    "Networks of web proxies in front of this server, separated by spaces. Only they are believed when they say in "
    "X-Forwarded-For and X-Forwarded-Proto who the visitor is and whether the visitor uses https.",
    check=_networks,
)

HEADER_TIME = Setting(
    "http.header_time",
    15.0,
    "How long a client may take to send the head of a request.",
    unit="seconds",
    minimum=1,
    maximum=300,
)

BODY_TIME = Setting(
    "http.body_time",
    120.0,
    "How long a client may take to send the body of a request.",
    unit="seconds",
    minimum=1,
    maximum=3600,
)

KEEP_ALIVE = Setting(
    "http.keep_alive",
    30.0,
    "How long an idle connection is kept for the next request.",
    unit="seconds",
    minimum=1,
    maximum=600,
    effect="restart",
)

BODY_LIMIT = Setting(
    "http.body_limit",
    4 * 1024 * 1024,
    "The largest body of a request. Sending a message has its own limit, smtp.max_message_size.",
    unit="bytes",
    minimum=64 * 1024,
    maximum=1024 * 1024 * 1024,
)

HSTS = Setting(
    "http.hsts",
    31_536_000,
    "How long browsers remember to use https for this host name only (Strict-Transport-Security); 0 sends nothing.",
    unit="seconds",
    minimum=0,
    maximum=63_072_000,
)

RATE = Setting(
    "http.rate",
    20.0,
    "Requests per second that one API token, one browser session, or one address without either may make in the long "
    "run.",
    minimum=0.1,
    maximum=100_000,
)

BURST = Setting(
    "http.burst",
    200,
    "Requests that may come at once before the rate counts.",
    minimum=1,
    maximum=1_000_000,
)
