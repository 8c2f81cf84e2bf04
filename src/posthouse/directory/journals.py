"""Copies of all mail for one address: of the whole server, or of a domain. All functions are ops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.directory import journal_records as records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import target_address
from posthouse.directory.versions import DIRECTORY, bump

Mail = Literal["all", "incoming", "outgoing"]
Form = Literal["report", "copy"]

SERVER = 0
"""In place of a domain's id: of the whole server."""


@dataclass(frozen=True, slots=True)
class Journal:
    """Where copies go. ``mail``: which mail; ``form``: as a report of the envelope with the message in it, or as the
    message itself."""

    domain_id: int
    address: str
    mail: Mail = "all"
    form: Form = "report"
    active: bool = True


def find(tx: Transaction, domain_id: int) -> Journal | None:
    """That of a domain (or :data:`SERVER`); None where there is none."""
    rows = tx.execute(records.SELECT, {"of_id": domain_id})
    return _journal(rows[0]) if rows else None


def active(tx: Transaction) -> tuple[Journal, ...]:
    """All that are switched on."""
    return tuple(each for each in map(_journal, tx.execute(records.SELECT_ALL)) if each.active)


def everything(tx: Transaction) -> list[Journal]:
    """All of them, the server's first."""
    return [_journal(row) for row in tx.execute(records.SELECT_ALL)]


def put(tx: Transaction, wanted: Journal, *, feed: Feed | None = None) -> Journal:
    """Set it, in place of what there was. Raises DirectoryError for an address that is none."""
    address = str(target_address(wanted.address))
    values = {"address": address, "mail": wanted.mail, "form": wanted.form, "active": int(wanted.active)}
    tx.upsert(records.journals, {"domain_id": wanted.domain_id}, values)
    bump(tx, DIRECTORY, feed)
    return Journal(wanted.domain_id, address, wanted.mail, wanted.form, wanted.active)


def clear(tx: Transaction, domain_id: int, *, feed: Feed | None = None) -> Journal:
    """Remove it; returns what it was. Raises DirectoryError where there is none."""
    found = find(tx, domain_id)
    if found is None:
        raise DirectoryError("no copies are sent to anybody", "nothing is to be done", "missing")
    forget_domain(tx, domain_id)
    bump(tx, DIRECTORY, feed)
    return found


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """It goes with its domain."""
    tx.change(records.DELETE, {"of_id": domain_id})


def _journal(row: Row) -> Journal:
    domain_id, address, mail, form, is_active = row
    known: Mail = mail if mail in get_args(Mail) else "all"
    shape: Form = form if form in get_args(Form) else "report"
    return Journal(int(domain_id), address, known, shape, bool(is_active))
