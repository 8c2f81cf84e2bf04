"""API tokens as units of work. Only the SHA-256 of a token is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update

from posthouse.database.contract import Row, Transaction
from posthouse.directory.contract import Account
from posthouse.directory.identity_records import api_tokens
from posthouse.directory.records import ACCOUNT, accounts
from posthouse.directory.rows import WIDTH, account_of

MOST_TOKENS = 100
"""Tokens one account may have."""

_JOINED = select(
    *ACCOUNT,
    *(column for column in api_tokens.c if column.name not in ("account_id", "secret")),
).join(accounts, accounts.c.id == api_tokens.c.account_id)
_BY_SECRET = _JOINED.where(api_tokens.c.secret == bindparam("secret"))
_BY_ID = _JOINED.where(api_tokens.c.id == bindparam("of_id"))
_OF_ACCOUNT = _JOINED.where(api_tokens.c.account_id == bindparam("account_id")).order_by(api_tokens.c.id)
_ALL = _JOINED.order_by(api_tokens.c.id).limit(1000)
_INSERT = insert(api_tokens).values(
    {column.name: bindparam(column.name) for column in api_tokens.c if column.name != "id"}
)
_USED = (
    update(api_tokens)
    .where(api_tokens.c.id == bindparam("of_id"))
    .values(used_at=bindparam("now"), used_peer=bindparam("peer"))
)
_REMOVE = delete(api_tokens).where(api_tokens.c.id == bindparam("of_id"))
_SWEEP = delete(api_tokens).where(
    or_(
        api_tokens.c.account_id.not_in(select(accounts.c.id)),
        and_(api_tokens.c.expires_at > 0, api_tokens.c.expires_at < bindparam("before")),
    )
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token with its account; see ``identity_records.api_tokens``."""

    id: int
    account: Account
    name: str
    rights: tuple[str, ...]
    domains: tuple[str, ...]
    networks: tuple[str, ...]
    created_at: float
    expires_at: float
    used_at: float
    used_peer: str


def by_secret(tx: Transaction, secret: bytes) -> Token | None:
    """The token of a digest, good or not."""
    rows = tx.execute(_BY_SECRET, {"secret": secret})
    return _token(rows[0]) if rows else None


def by_id(tx: Transaction, token_id: int) -> Token | None:
    """The token of an id."""
    rows = tx.execute(_BY_ID, {"of_id": token_id})
    return _token(rows[0]) if rows else None


def of_account(tx: Transaction, account_id: int) -> list[Token]:
    """The tokens of an account, oldest first."""
    return [_token(row) for row in tx.execute(_OF_ACCOUNT, {"account_id": account_id})]


def oldest(tx: Transaction) -> list[Token]:
    """All tokens (at most a thousand), oldest first."""
    return [_token(row) for row in tx.execute(_ALL)]


def add(
    tx: Transaction,
    account_id: int,
    secret: bytes,
    *,
    name: str,
    rights: Sequence[str],
    domains: Sequence[str],
    networks: Sequence[str],
    now: float,
    expires_at: float,
) -> int:
    """Store a token by its digest; its id."""
    return tx.insert(
        _INSERT,
        {
            "account_id": account_id,
            "secret": secret,
            "name": name,
            "rights": " ".join(rights),
            "domains": " ".join(domains),
            "networks": " ".join(networks),
            "created_at": now,
            "expires_at": expires_at,
            "used_at": 0.0,
            "used_peer": "",
        },
    )


def used(tx: Transaction, token_id: int, peer: str, now: float) -> None:
    """Note when and from where a token was used."""
    tx.change(_USED, {"of_id": token_id, "now": now, "peer": peer.encode("ascii", "replace").decode()[:64]})


def remove(tx: Transaction, token_id: int) -> None:
    """Remove a token."""
    tx.change(_REMOVE, {"of_id": token_id})


def sweep(tx: Transaction, before: float) -> None:
    """Remove tokens of accounts that are gone, and those that expired before a moment."""
    tx.change(_SWEEP, {"before": before})


def _token(row: Row) -> Token:
    token_id, name, rights, domains, networks, created_at, expires_at, used_at, used_peer = row[WIDTH:]
    return Token(
        int(token_id),
        account_of(row),
        name,
        tuple(rights.split()),
        tuple(domains.split()),
        tuple(networks.split()),
        created_at,
        expires_at,
        used_at,
        used_peer,
    )
