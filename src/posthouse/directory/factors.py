"""Second factors of accounts as units of work: TOTP, passkeys, recovery codes. Nothing here is ever accepted
twice: a use is an UPDATE or DELETE that finds its row only the first time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from sqlalchemy import bindparam, delete, insert, or_, select, update

from posthouse.database.contract import Row, Transaction
from posthouse.directory.identity_records import factors
from posthouse.directory.records import accounts

Kind = Literal["totp", "passkey", "recovery"]

MOST_FACTORS = 20
"""TOTP programs and passkeys one account may have."""

_COLUMNS = (
    factors.c.id,
    factors.c.account_id,
    factors.c.kind,
    factors.c.name,
    factors.c.secret,
    factors.c.counter,
    factors.c.created_at,
    factors.c.used_at,
)
_OF_ACCOUNT = select(*_COLUMNS).where(factors.c.account_id == bindparam("account_id")).order_by(factors.c.id)
_BY_MARK = select(*_COLUMNS).where(factors.c.mark == bindparam("mark"))
_INSERT = insert(factors).values(
    {column.name: bindparam(column.name) for column in factors.c if column.name != "id"}
)
_ADVANCE = (
    update(factors)
    .where(
        factors.c.id == bindparam("of_id"),
        or_(factors.c.counter < bindparam("to"), bindparam("any_count") == 1),
    )
    .values(counter=bindparam("to"), used_at=bindparam("now"))
)
_USE_UP = delete(factors).where(
    factors.c.account_id == bindparam("account_id"),
    factors.c.kind == "recovery",
    factors.c.mark == bindparam("of_mark"),
)
_REMOVE = delete(factors).where(
    factors.c.id == bindparam("of_id"), factors.c.account_id == bindparam("account_id")
)
_CLEAR_KIND = delete(factors).where(
    factors.c.account_id == bindparam("account_id"), factors.c.kind == bindparam("of_kind")
)
_CLEAR = delete(factors).where(factors.c.account_id == bindparam("account_id"))
_SWEEP = delete(factors).where(factors.c.account_id.not_in(select(accounts.c.id)))


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor; see ``identity_records.factors``."""

    id: int
    account_id: int
    kind: Kind
    name: str
    secret: str = field(repr=False)
    counter: int
    created_at: float
    used_at: float


def recovery_mark(account_id: int, code: str) -> bytes:
    """What is stored of a recovery code. Blanks, dashes and case are the writer's."""
    plain = "".join(char for char in code.lower() if char.isalnum())
    return hashlib.sha256(f"{account_id}:{plain}".encode("utf-8", "surrogatepass")).digest()


def of_account(tx: Transaction, account_id: int) -> list[Factor]:
    """All factors of an account, oldest first."""
    return [_factor(row) for row in tx.execute(_OF_ACCOUNT, {"account_id": account_id})]


def passkey(tx: Transaction, credential_id: bytes) -> Factor | None:
    """The passkey of a credential id."""
    rows = tx.execute(_BY_MARK, {"mark": hashlib.sha256(credential_id).digest()})
    return _factor(rows[0]) if rows and rows[0][2] == "passkey" else None


def add(
    tx: Transaction,
    account_id: int,
    kind: Kind,
    *,
    name: str,
    mark: bytes,
    secret: str,
    counter: int,
    now: float,
) -> int:
    """Store a factor; its id. Raises DuplicateKey for a mark that is there already."""
    values = {"account_id": account_id, "kind": kind, "name": name, "mark": mark, "secret": secret}
    return tx.insert(_INSERT, {**values, "counter": counter, "created_at": now, "used_at": 0.0})


def replace_codes(tx: Transaction, account_id: int, marks: Sequence[bytes], now: float) -> None:
    """Put new recovery codes in the place of all earlier ones."""
    tx.change(_CLEAR_KIND, {"account_id": account_id, "of_kind": "recovery"})
    for mark in marks:
        add(tx, account_id, "recovery", name="", mark=mark, secret="", counter=0, now=now)


def advance(tx: Transaction, factor_id: int, to: int, now: float, *, uncounted: bool = False) -> bool:
    """Use a factor at this counter, which must be past the last one (``uncounted``: a passkey that keeps no
    count). False: it was used already."""
    return tx.change(_ADVANCE, {"of_id": factor_id, "to": to, "now": now, "any_count": int(uncounted)}) == 1


def use_code(tx: Transaction, account_id: int, mark: bytes) -> bool:
    """Use up a recovery code; False when there is none such."""
    return tx.change(_USE_UP, {"account_id": account_id, "of_mark": mark}) == 1


def remove(tx: Transaction, account_id: int, factor_id: int) -> Factor | None:
    """Remove one factor of an account; with the last one the recovery codes go too. What it was, or None."""
    found = [each for each in of_account(tx, account_id) if each.kind != "recovery"]
    gone = next((each for each in found if each.id == factor_id), None)
    if gone is None:
        return None
    tx.change(_REMOVE, {"of_id": factor_id, "account_id": account_id})
    if len(found) == 1:
        tx.change(_CLEAR_KIND, {"account_id": account_id, "of_kind": "recovery"})
    return gone


def clear(tx: Transaction, account_id: int) -> int:
    """Remove all factors of an account; how many rows went."""
    return tx.change(_CLEAR, {"account_id": account_id})


def sweep(tx: Transaction) -> None:
    """Remove what belonged to accounts that are gone."""
    tx.change(_SWEEP)


def _factor(row: Row) -> Factor:
    return Factor(int(row[0]), int(row[1]), cast(Kind, row[2]), row[3], row[4], int(row[5]), row[6], row[7])
