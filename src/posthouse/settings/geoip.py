"""Settings of countries: who may come in by where the address belongs, as far as a database knows it."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePath

from posthouse.settings.contract import Setting

_CODE = re.compile(r"[A-Za-z]{2}\Z")
MOST = 300


def check_rule(text: str) -> str:
    """The complaint about a rule; "" when it is good."""
    words = text.replace(",", " ").split()
    if not words:
        return ""
    if words[0].lower() not in ("block", "only") or len(words) < 2:
        return 'must be "block" or "only" and then countries, such as: block RU KP, or: only DE AT CH'
    wrong = next((word for word in words[1:] if not _CODE.match(word)), "")
    if wrong or len(words) > MOST:
        return f"{wrong[:20]!r} is no country; write two letters (ISO 3166), such as DE"
    return ""


def check_database(text: str) -> str:
    """The complaint about the place of the database; "" when it may be one."""
    if text and (not PurePath(text).is_absolute() or not text.isprintable()):
        return "must be a full path, such as /var/lib/GeoIP/GeoLite2-Country.mmdb"
    return ""


@lru_cache(maxsize=64)
def rule(text: str) -> tuple[bool, frozenset[str]] | None:
    """Whether only these may come in, and the countries; None where a (checked) rule says nothing."""
    words = text.replace(",", " ").split()
    if len(words) < 2:
        return None
    return words[0].lower() == "only", frozenset(word.upper() for word in words[1:])


DATABASE = Setting(
    "geoip.database",
    "",
    "A database of countries in MaxMind's format (mmdb: GeoLite2-Country, DB-IP, IPinfo and others), by its full path. "
    "It is read again when it changes. Needs the extra geoip (the package maxminddb). Empty: no countries are known.",
    check=check_database,
)

_HELP = (
    'Countries for {}: "block" and the countries that may not, or "only" and the countries that alone may, by their '
    "two letters (ISO 3166). Empty: all may. An address whose country the database does not know always may."
)

SMTP = Setting("geoip.smtp", "", _HELP.format("mail from other servers (SMTP, LMTP)"), check=check_rule)
SUBMISSION = Setting("geoip.submission", "", _HELP.format("sending as a user (submission)"), check=check_rule)
IMAP = Setting("geoip.imap", "", _HELP.format("reading mail (IMAP)"), check=check_rule)
POP3 = Setting("geoip.pop3", "", _HELP.format("fetching mail (POP3)"), check=check_rule)
WEB = Setting("geoip.web", "", _HELP.format("the web pages and the API"), check=check_rule)
