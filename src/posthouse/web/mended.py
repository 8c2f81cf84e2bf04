"""Where in the browser a trouble is seen to."""

from __future__ import annotations

from posthouse.web.page import pages
from posthouse.web.visit import link

_PAGES = {
    "disk": "/admin/settings?topic=limits",
    "certificate": "/admin/certificates",
    "hostname": "/admin/setup",
    "addresses": "/admin/setup",
    "queue": "/admin/queue",
    "workers": "/admin/log?level=error",
    "errors": "/admin/log?level=error",
    "administrator": "/admin/accounts",
    "backup": "/admin/backup",
    "backup-place": "/admin/backup",
    "bans": "/admin/bans",
    "ranges": "/admin/ranges",
    "network-lists": "/admin/network-lists",
    "geoip": "/admin/settings?topic=geoip",
    "kerberos": "/admin/settings?topic=kerberos",
    "listeners": "/admin/listeners",
    "ports-taken": "/admin/listeners",
    "webhook": "/admin/webhooks",
    "tls": "/admin/tls",
    "dkim": "/admin/keys",
    "sending": "/admin/sending",
    "outward": "/admin/setup",
    "forward": "/admin/accounts",
    "journal": "/admin/journal",
    "smart-host": "/admin/routes/smart-host",
    "quota": "/admin/removed",
    "suppressions": "/admin/suppressions",
    "tls-out": "/admin/tls",
    "port-25-out": "/admin/setup",
    "queue-health": "/admin/queue",
}
_OF_A_DOMAIN = ("mx", "spf", "dmarc", "mta-sts", "tls-rpt", "caa", "programs")
"""Findings about the records of a domain."""


def topic_of(code: str) -> str:
    """What a warning or a finding is about: the first word of its code."""
    return code.partition(".")[0]


def mended_at(code: str, subject: str = "") -> str:
    """The page where the administrator sees to it; "" where that is not done by a page."""
    topic = topic_of(code)
    if topic == "dkim" and subject:
        return link("admin", "domains", subject, "keys")
    if topic in _OF_A_DOMAIN and subject:
        return link("admin", "domains", subject, "dns")
    path = _PAGES.get(topic, "")
    known = {each.path for each in pages() if each.method == "GET"}
    return path if path.partition("?")[0] in known else ""
