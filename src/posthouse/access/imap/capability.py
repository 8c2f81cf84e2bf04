"""The capability lists: what is announced depends on TLS and on whether the client has signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.settings.imap import APPEND_LIMIT

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session

_ALWAYS = ("IMAP4rev1", "IMAP4rev2", "LITERAL+", "SASL-IR", "ID", "ENABLE")

_SIGNED_IN = (
    "IDLE",
    "NAMESPACE",
    "CHILDREN",
    "UIDPLUS",
    "MOVE",
    "UNSELECT",
    "CONDSTORE",
    "QRESYNC",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "ESEARCH",
    "SEARCHRES",
    "STATUS=SIZE",
    "MULTIAPPEND",
    "BINARY",
    "UTF8=ACCEPT",
    "WITHIN",
    "SORT",
    "SORT=DISPLAY",
    "THREAD=REFERENCES",
    "THREAD=ORDEREDSUBJECT",
    "SAVEDATE",
    "OBJECTID",
    "PREVIEW",
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "QUOTA=RES-MESSAGE",
)

_SHARING = ("ACL", "RIGHTS=tekx", "LIST-MYRIGHTS", "METADATA", "LIST-METADATA")
"""Where folders can be shared. METADATA-SERVER is part of METADATA."""

ENABLEABLE = ("CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "IMAP4REV2")
"""What ENABLE knows (RFC 5161), in upper case."""


def capabilities(session: Session) -> bytes:
    """The list for this session now, without the word CAPABILITY."""
    words = list(_ALWAYS)
    if session.account is None:
        if session.can_start_tls:
            words.append("STARTTLS")
        if session.secure:
            words += [f"AUTH={name}" for name in session.mechanisms.names]
        else:
            words.append("LOGINDISABLED")
    else:
        words += _SIGNED_IN
        if session.quota_setter:
            words.append("QUOTASET")
        # With a number it holds for every mailbox (RFC 7889 3).
        limit = "" if session.limits_differ else f"={session.settings.now[APPEND_LIMIT]}"
        words.append(f"APPENDLIMIT{limit}")
        if session.sharing is not None:
            words += _SHARING
        if not session.compressed:
            words.append("COMPRESS=DEFLATE")
    return " ".join(words).encode("ascii")
