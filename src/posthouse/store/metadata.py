"""Notes on mailboxes and on the server (RFC 5464), as parts of a unit. Entries are in lower case."""

from __future__ import annotations

from collections.abc import Mapping

from posthouse.database.contract import Transaction
from posthouse.store.contract import StoreRefusal
from posthouse.store.sharing_records import (
    DELETE_ANNOTATION,
    DELETE_ANNOTATIONS,
    DELETE_ANNOTATIONS_OF_ACCOUNT,
    SELECT_ANNOTATIONS,
    folder_notes,
)

SERVER = 0
"""In place of a mailbox: the server itself."""
SHARED = 0
"""In place of an account: everybody."""

MAX_ENTRIES = 100
"""Entries one reader, or everybody together, may have on one mailbox."""


def notes_in(tx: Transaction, mailbox_id: int, account_id: int) -> dict[str, bytes]:
    """All notes of a reader (or the shared ones) on a mailbox."""
    rows = tx.execute(SELECT_ANNOTATIONS, {"mailbox_id": mailbox_id, "account_id": account_id})
    return {row[0]: bytes(row[1]) for row in rows}


def put_in(tx: Transaction, mailbox_id: int, account_id: int, values: Mapping[str, bytes | None]) -> None:
    """Set notes, or remove those that are None. Raises StoreRefusal METADATA TOOMANY."""
    there = set(notes_in(tx, mailbox_id, account_id))
    there = (there - {entry for entry, value in values.items() if value is None}) | {
        entry for entry, value in values.items() if value is not None
    }
    if len(there) > MAX_ENTRIES:
        raise StoreRefusal("METADATA TOOMANY", f"There may be {MAX_ENTRIES} entries")
    for entry, value in values.items():
        if value is None:
            tx.change(
                DELETE_ANNOTATION, {"of_mailbox": mailbox_id, "of_account": account_id, "of_entry": entry}
            )
        else:
            key = {"mailbox_id": mailbox_id, "account_id": account_id, "entry": entry}
            tx.upsert(folder_notes, key, {"value": value})


def forget_mailbox(tx: Transaction, mailbox_id: int) -> None:
    """A mailbox is gone for good."""
    tx.change(DELETE_ANNOTATIONS, {"of_mailbox": mailbox_id})


def forget_account(tx: Transaction, account_id: int) -> None:
    """A reader is gone."""
    tx.change(DELETE_ANNOTATIONS_OF_ACCOUNT, {"of_account": account_id})
