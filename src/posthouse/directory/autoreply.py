"""Automatic replies of accounts (RFC 3834, RFC 5230): what is said, when, and who was told. All functions are ops."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal, get_args

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import autoreply_records as records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.mail.signature_words import MAX_HTML, MAX_PLAIN

Audience = Literal["everyone", "domain", "outside"]

MAX_SUBJECT = 300
MOST_DAYS = 365
KEEP_DAYS = MOST_DAYS + 1
_CHUNK = 400
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class AutoReply:
    """What an account answers. ``subject`` "": "Re: " and the subject it answers. Times are seconds since 1970, 0.0 for
    no limit; ``days`` pass before the same sender is answered again. ``audience``: ``domain`` answers only addresses of
    the account's own domain, ``outside`` only others."""

    plain: str
    html: str = ""
    subject: str = ""
    active: bool = True
    starts_at: float = 0.0
    ends_at: float = 0.0
    days: int = 7
    audience: Audience = "everyone"

    def holds(self, now: float) -> bool:
        """Whether it answers at this time."""
        return self.active and self.starts_at <= now and (not self.ends_at or now < self.ends_at)


def find(tx: Transaction, account_id: int) -> AutoReply | None:
    """The reply of an account; None where none is set up."""
    rows = tx.execute(records.SELECT, {"of_id": account_id})
    if not rows:
        return None
    active, subject, plain, html, starts_at, ends_at, days, audience = rows[0]
    known: Audience = audience if audience in get_args(Audience) else "everyone"
    return AutoReply(plain, html, subject, bool(active), float(starts_at), float(ends_at), int(days), known)


def put(tx: Transaction, account_id: int, wanted: AutoReply, *, feed: Feed | None = None) -> AutoReply:
    """Set the reply. When its words change, or it is switched off, everybody may get one again. Raises DirectoryError
    for one without words, or with impossible dates."""
    wanted = replace(
        wanted,
        plain=_clean(wanted.plain),
        html=_clean(wanted.html),
        subject=" ".join(_clean(wanted.subject).split()),
    )
    _check(wanted)
    before = find(tx, account_id)
    if before is None or _words(before) != _words(wanted) or not wanted.active:
        tx.change(records.DELETE_SENDERS, {"of_id": account_id})
    values = {
        "active": int(wanted.active),
        "subject": wanted.subject,
        "plain": wanted.plain,
        "html": wanted.html,
        "starts_at": wanted.starts_at,
        "ends_at": wanted.ends_at,
        "days": wanted.days,
        "audience": wanted.audience,
    }
    tx.upsert(records.auto_replies, {"account_id": account_id}, values)
    bump(tx, DIRECTORY, feed)
    return wanted


def clear(tx: Transaction, account_id: int, *, feed: Feed | None = None) -> AutoReply:
    """Remove the reply; returns what it was. Raises DirectoryError where there is none."""
    found = find(tx, account_id)
    if found is None:
        raise DirectoryError("there is no automatic reply", "nothing is to be done", "missing")
    forget_account(tx, account_id)
    bump(tx, DIRECTORY, feed)
    return found


def due(tx: Transaction, account_id: int, sender: str, now: float, days: int) -> bool:
    """Whether a sender may be answered now, for a look before the reply is written."""
    rows = tx.execute(records.SELECT_REPLIED, {"of_id": account_id, "of_sender": sender_key(sender)})
    return not rows or _over(float(rows[0][0]), now, days)


def claim(tx: Transaction, account_id: int, sender: str, now: float, days: int) -> bool:
    """Within the unit that queues the reply: remember the sender. False when somebody else has answered meanwhile."""
    key = {"account_id": account_id, "sender": sender_key(sender)}
    tx.insert_ignore(records.auto_reply_senders, {**key, "replied_at": 0.0})
    rows = tx.lock(records.SELECT_REPLIED, {"of_id": account_id, "of_sender": key["sender"]})
    if not rows or not _over(float(rows[0][0]), now, days):
        return False
    tx.change(records.SET_REPLIED, {"of_id": account_id, "of_sender": key["sender"], "now": now})
    return True


def answered(tx: Transaction, account_id: int) -> int:
    """How many senders were answered since the words were last changed."""
    return int(tx.execute(records.COUNT_REPLIED, {"of_id": account_id})[0][0])


def tidy(tx: Transaction, now: float) -> bool:
    """Forget senders for whom no interval can still run; whether there may be more."""
    rows = tx.execute(records.SELECT_OLD, {"before": now - KEEP_DAYS * _DAY, "count": _CHUNK})
    if rows:
        tx.change(records.DELETE_OLD, {"ids": [row[0] for row in rows]})
    return len(rows) == _CHUNK


def forget_account(tx: Transaction, account_id: int) -> None:
    """It goes with its account."""
    tx.change(records.DELETE_SENDERS, {"of_id": account_id})
    tx.change(records.DELETE, {"of_id": account_id})


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """Those of a domain's accounts. Before these are removed."""
    tx.change(records.DELETE_SENDERS_IN_DOMAIN, {"domain_id": domain_id})
    tx.change(records.DELETE_IN_DOMAIN, {"domain_id": domain_id})


def sender_key(sender: str) -> str:
    """What a sender is remembered by."""
    return hashlib.sha256(sender.lower().encode("utf-8", "replace")).hexdigest()


def _over(replied_at: float, now: float, days: int) -> bool:
    return not replied_at or now - replied_at >= days * _DAY or replied_at > now + _DAY


def _words(reply: AutoReply) -> tuple[str, str, str]:
    return reply.subject, reply.plain, reply.html


def _clean(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _check(wanted: AutoReply) -> None:
    if not wanted.plain.strip() and not wanted.html.strip():
        raise DirectoryError("the reply says nothing", "give its text, or remove it")
    if len(wanted.plain) > MAX_PLAIN or len(wanted.html) > MAX_HTML or len(wanted.subject) > MAX_SUBJECT:
        raise DirectoryError(
            f"the reply is too long (subject {MAX_SUBJECT}, text {MAX_PLAIN}, HTML {MAX_HTML} characters)",
            "make it shorter",
        )
    if not 1 <= wanted.days <= MOST_DAYS:
        raise DirectoryError(f"{wanted.days} days are not possible", f"give 1 to {MOST_DAYS} days")
    if min(wanted.starts_at, wanted.ends_at) < 0 or max(wanted.starts_at, wanted.ends_at) > 1e11:
        raise DirectoryError("this is no date", "give a date, or none")
    if wanted.ends_at and wanted.ends_at <= wanted.starts_at:
        raise DirectoryError("the reply would end before it begins", "give a later end")
