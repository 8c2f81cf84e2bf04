"""Settings of Kerberos: whose tickets sign in."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePath

from posthouse.settings.contract import Setting

MOST = 50
_REALM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}\Z")
_DOMAIN = re.compile(r"[^\s@/=\\]{1,253}\Z")


def check_keytab(text: str) -> str:
    """The complaint about a keytab's place; "" when it may be one."""
    if text and (not PurePath(text).is_absolute() or not text.isprintable()):
        return "must be a full path, such as /etc/posthouse/mail.keytab"
    return ""


def check_realms(text: str) -> str:
    """The complaint about a map of realms; "" when it is good."""
    entries = text.replace(",", " ").split()
    if len(entries) > MOST:
        return f"has more than {MOST} realms"
    for entry in entries:
        realm, sign, domain = entry.partition("=")
        if not sign or not _REALM.match(realm) or not _DOMAIN.match(domain):
            return f"{entry[:60]!r} is no realm with a domain; write it like AD.EXAMPLE.ORG=example.org"
    return ""


@lru_cache(maxsize=64)
def realms(text: str) -> dict[str, str]:
    """The domain of each realm that a (checked) setting names."""
    pairs = (entry.partition("=") for entry in text.replace(",", " ").split())
    return {realm: domain.lower() for realm, _, domain in pairs}


KEYTAB = Setting(
    "kerberos.keytab",
    "",
    "File with the keys of this server's services (imap, pop, smtp) in a Kerberos realm or Active Directory. With it "
    "mail programs sign in with a ticket (GSSAPI). Needs the extra kerberos. Empty = no tickets are taken.",
    check=check_keytab,
)

REALMS = Setting(
    "kerberos.realms",
    "",
    "Whose tickets are taken, and the domain their accounts are in: such as AD.EXAMPLE.ORG=example.org, with spaces "
    "between. Empty = those of the keytab's own realm, whose domain is called the same.",
    check=check_realms,
)
