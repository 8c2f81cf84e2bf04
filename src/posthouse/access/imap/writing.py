"""What the commands that change the selected mailbox have in common."""

from __future__ import annotations

from collections.abc import Iterable

from posthouse.access.imap.contract import ImapSession, No
from posthouse.store.contract import CopyOutcome
from posthouse.wire.imap.response import number_set


def demand_writable(session: ImapSession) -> None:
    """Raise No in a mailbox opened with EXAMINE."""
    if not session.writable:
        raise No("The mailbox was opened read-only", b"READ-ONLY")


def demand_rights(session: ImapSession, needed: str) -> None:
    """Raise No when one of these rights on the selected mailbox is missing."""
    if not set(needed) <= set(session.rights):
        raise No("You may not do that in this mailbox", b"NOPERM")


def demand_present(session: ImapSession, uids: Iterable[int]) -> None:
    """Raise No when one of the messages was expunged and the client was not told yet (RFC 2180 4.4.1)."""
    view = session.selected
    if any(view.get(uid) is None for uid in uids):
        raise No("Some of these messages have been expunged", b"EXPUNGEISSUED")


def highest_modseq(session: ImapSession) -> bytes:
    """The code HIGHESTMODSEQ that ends a command that expunged, for those who count (RFC 7162 3.2.7)."""
    if not session.condstore:
        return b""
    return b"HIGHESTMODSEQ %d" % session.selected.mailbox.highest_modseq


def copy_code(outcome: CopyOutcome) -> bytes:
    """The code COPYUID (RFC 9051 7.1); nothing when no message was copied."""
    if not outcome.source_uids:
        return b""
    return b"COPYUID %d %s %s" % (
        outcome.uidvalidity,
        number_set(outcome.source_uids),
        number_set(outcome.target_uids),
    )
