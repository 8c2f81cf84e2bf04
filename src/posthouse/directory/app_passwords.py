"""App passwords: random ones for one mail program each, limited by protocol, network and time.

One has 24 letters and digits of base32 (120 bits). That many cannot be guessed, so a plain SHA-256 keeps them safe,
and one digest finds out whether a password is one of ten: no program waits, and a wrong password costs what it costs
an account that has none (one Argon2id hash, as ever).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.directory import app_password_records as records
from posthouse.directory.versions import DIRECTORY, bump

MOST_OF_ACCOUNT = 50
PROTOCOLS = ("imap", "pop3", "submission")
"""What an app password can be good for: never the pages or the API, where it could make another."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 24
_GROUP = 4
_PREFIX = 4
_FORM = re.compile(f"[{_ALPHABET}]{{{_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class AppPassword:
    """An app password as it is kept. ``protocols`` and ``networks`` as in ``admission``, ``expires_at`` 0 = never."""

    id: int
    account_id: int
    prefix: str
    digest: bytes = field(repr=False)
    name: str
    protocols: str
    networks: str
    created_at: float
    expires_at: float
    used_at: float
    used_peer: str


def new_password() -> str:
    """A new one, in groups of four as it is shown."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return "-".join(text[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def plain_form(password: str) -> str:
    """The letters and digits of what may be an app password, however it was typed; "" for anything else."""
    if len(password) > 2 * _LENGTH:
        return ""
    text = password.replace("-", "").replace(" ", "").lower()
    return text if _FORM.fullmatch(text) else ""


def digest(plain: str) -> bytes:
    """What is stored of an app password (in its plain form)."""
    return hashlib.sha256(plain.encode("ascii")).digest()


def find(kept: tuple[AppPassword, ...], password: str) -> AppPassword | None:
    """The one of these that a password is, good or not. All are looked at, whichever it is."""
    plain = plain_form(password)
    wanted = digest(plain) if plain else b""
    found = None
    for each in kept:
        if hmac.compare_digest(each.digest, wanted):
            found = each
    return found


def of_login(tx: Transaction, address: str) -> tuple[AppPassword, ...]:
    """The app passwords of an address; none for one that is no account."""
    return tuple(_from(row) for row in tx.execute(records.OF_LOGIN, {"address": address}))


def of_account(tx: Transaction, account_id: int) -> list[AppPassword]:
    """The app passwords of an account, oldest first."""
    return [_from(row) for row in tx.execute(records.OF_ACCOUNT, {"account_id": account_id})]


def by_id(tx: Transaction, of_id: int) -> AppPassword | None:
    """The app password of an id."""
    rows = tx.execute(records.BY_ID, {"of_id": of_id})
    return _from(rows[0]) if rows else None


def add(
    tx: Transaction,
    account_id: int,
    password: str,
    *,
    name: str,
    protocols: str,
    networks: str,
    now: float,
    expires_at: float,
    feed: Feed | None = None,
) -> int:
    """Keep a new one; its id."""
    plain = plain_form(password)
    values = {
        "account_id": account_id,
        "prefix": plain[:_PREFIX],
        "secret": digest(plain),
        "name": name,
        "protocols": protocols,
        "networks": networks,
        "created_at": now,
        "expires_at": expires_at,
        "used_at": 0.0,
        "used_peer": "",
    }
    made = tx.insert(records.INSERT, values)
    bump(tx, DIRECTORY, feed)
    return made


def remove(tx: Transaction, of_id: int, *, feed: Feed | None = None) -> None:
    """Remove one; every worker refuses it from its next look-up on."""
    tx.change(records.REMOVE, {"of_id": of_id})
    bump(tx, DIRECTORY, feed)


def forget_account(tx: Transaction, account_id: int) -> None:
    """The account goes, in the caller's unit."""
    tx.change(records.FORGET, {"account_id": account_id})


def write_uses(tx: Transaction, uses: list[tuple[int, float, str]]) -> None:
    """Note when and from where some were used last."""
    for of_id, now, peer in uses:
        tx.change(
            records.USED, {"of_id": of_id, "now": now, "peer": peer.encode("ascii", "replace").decode()[:64]}
        )


def sweep(tx: Transaction) -> None:
    """Remove what belonged to accounts that are gone."""
    tx.change(records.SWEEP)


def _from(row: Row) -> AppPassword:
    of_id, account_id, prefix, secret, *rest = row
    name, protocols, networks, created_at, expires_at, used_at, used_peer = rest
    return AppPassword(
        int(of_id),
        int(account_id),
        prefix,
        bytes(secret),
        name,
        protocols,
        networks,
        created_at,
        expires_at,
        used_at,
        used_peer,
    )
