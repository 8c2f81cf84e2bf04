"""Signatures that are put below what people send: of accounts and of domains. All functions are ops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import signature_records as records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.mail.signature_words import MAX_HTML, MAX_PLAIN

Scope = Literal["account", "domain"]
Method = Literal["fallback", "overwrite", "append"]
"""What a domain's signature does beside that of an account: it stands in where there is none, takes its place, or
follows it."""


@dataclass(frozen=True, slots=True)
class OwnSignature:
    """A signature as it is set up. ``method`` matters for domains only. ``replies``: also in replies; ``within``: also
    in mail whose recipients are all in the sender's domain."""

    plain: str = ""
    html: str = ""
    active: bool = True
    method: Method = "fallback"
    replies: bool = False
    within: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody is, for variables."""

    account_id: int
    domain_id: int
    address: str
    first_name: str
    last_name: str
    display_name: str
    time_zone: str
    domain: str


def find(tx: Transaction, scope: Scope, of_id: int) -> OwnSignature | None:
    """The signature of an account or domain; None where none is set up."""
    rows = tx.execute(records.SELECT, {"the_scope": scope, "the_id": of_id})
    if not rows:
        return None
    active, method, plain, html, replies, within = rows[0]
    known: Method = method if method in get_args(Method) else "fallback"
    return OwnSignature(plain, html, bool(active), known, bool(replies), bool(within))


def put(
    tx: Transaction, scope: Scope, of_id: int, wanted: OwnSignature, *, feed: Feed | None = None
) -> OwnSignature:
    """Set it, in place of what there was; one without any text removes it. Raises DirectoryError for one too long."""
    if len(wanted.plain) > MAX_PLAIN or len(wanted.html) > MAX_HTML:
        raise DirectoryError(
            f"the signature is longer than {MAX_PLAIN} characters of text or {MAX_HTML} of HTML",
            "make it shorter, or link to pictures instead of putting them in",
        )
    if not wanted.plain.strip() and not wanted.html.strip():
        forget(tx, scope, of_id)
    else:
        values = {
            "active": int(wanted.active),
            "method": wanted.method,
            "plain": _clean(wanted.plain),
            "html": _clean(wanted.html),
            "replies": int(wanted.replies),
            "within": int(wanted.within),
        }
        tx.upsert(records.signatures, {"scope": scope, "of_id": of_id}, values)
    bump(tx, DIRECTORY, feed)
    return wanted


def forget(tx: Transaction, scope: Scope, of_id: int) -> None:
    """It goes with its account or domain."""
    tx.change(records.DELETE, {"the_scope": scope, "the_id": of_id})


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """Those of a domain and of its accounts. Before its accounts are removed."""
    tx.change(records.DELETE_IN_DOMAIN, {"domain_id": domain_id})
    forget(tx, "domain", domain_id)


def person(tx: Transaction, account_id: int) -> Person | None:
    """Who an account belongs to."""
    rows = tx.execute(records.SELECT_PERSON, {"the_id": account_id})
    return Person(int(rows[0][0]), int(rows[0][1]), *rows[0][2:]) if rows else None


def _clean(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()
