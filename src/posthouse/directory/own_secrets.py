"""Random values that all workers and nodes share and nobody else may know: made when they are first wanted."""

from __future__ import annotations

import secrets as random_source

from posthouse.database.contract import Transaction
from posthouse.directory import records


def own_secret(tx: Transaction, name: str) -> bytes:
    """The secret of this name (32 bytes), made by whoever asks first."""
    return bytes.fromhex(_stored(tx, name) or _made(tx, name))


def _stored(tx: Transaction, name: str) -> str:
    rows = tx.execute(records.SELECT_SECRET, {"name": name})
    return str(rows[0][0]) if rows else ""


def _made(tx: Transaction, name: str) -> str:
    tx.insert_ignore(records.secrets, {"name": name, "value": random_source.token_hex(32)})
    return _stored(tx, name)
