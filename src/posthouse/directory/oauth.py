"""What our authorisation server keeps: programs, what people agreed to, codes and tokens.

Codes and tokens are random with 256 bits, so their SHA-256 is all that is kept. Everything is looked up in the database
when it is needed: what was taken back is refused by every worker from that moment on.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

from posthouse.database.contract import Row, Transaction
from posthouse.directory import oauth_records as records

SCOPES = ("imap", "pop", "smtp")
"""What a program may be let do: read mail with IMAP or POP3, send mail."""
ACCESS, REFRESH, CODE, DEVICE = "pha_", "phr_", "phc_", "phd_"
CODE_SECONDS = 60.0
"""How long a code may be redeemed (RFC 6749 4.1.2)."""
DEVICE_SECONDS = 600.0
DEVICE_INTERVAL = 5
"""Seconds between two questions of a device (RFC 8628 3.2)."""
KEPT_AFTER = 86_400.0
"""Codes and spent tokens are known as such for this long after they expired."""
MOST_CLIENTS = 5_000
MOST_CODES = 20_000
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


@dataclass(frozen=True, slots=True)
class Client:
    """A program. It has no secret of its own: PKCE is what protects its codes."""

    id: int
    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    by_hand: bool
    peer: str
    created_at: float
    grants: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody agreed to."""

    id: int
    account_id: int
    client: int
    scopes: tuple[str, ...]
    created_at: float
    used_at: float
    used_peer: str
    client_name: str


@dataclass(frozen=True, slots=True)
class Token:
    """An access or refresh token as it is found."""

    id: int
    kind: str
    spent: bool
    expires_at: float
    grant_id: int
    account_id: int
    client: int
    scopes: tuple[str, ...]
    client_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Code:
    """A code on its way."""

    id: int
    kind: str
    user_code: str
    client: int
    account_id: int
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    state: str
    grant_id: int
    asked_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Pair:
    """New tokens, which are known this once."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    scopes: tuple[str, ...]


def digest(secret: str) -> bytes:
    """What is kept of a code or token."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def new_user_code() -> str:
    """What a person types for a device: eight consonants (RFC 8628 6.1)."""
    return "".join(secrets.choice(_LETTERS) for _ in range(8))


def plain_user_code(text: str) -> str:
    """A user code as it is kept, however it was typed; "" for what is none."""
    if len(text) > 40:
        return ""
    plain = text.replace("-", "").replace(" ", "").upper()
    return plain if len(plain) == 8 and all(letter in _LETTERS for letter in plain) else ""


def add_client(
    tx: Transaction, client_id: str, name: str, uris: tuple[str, ...], *, by_hand: bool, peer: str, now: float
) -> Client:
    """Keep a program."""
    values = {
        "client_id": client_id,
        "name": name,
        "redirect_uris": "\n".join(uris),
        "by_hand": int(by_hand),
        "peer": _ascii(peer),
        "created_at": now,
    }
    return Client(tx.insert(records.INSERT_CLIENT, values), client_id, name, uris, by_hand, peer, now)


def client(tx: Transaction, client_id: str) -> Client | None:
    """The program of this client id."""
    rows = tx.execute(records.CLIENT, {"of_client": client_id}) if client_id.isascii() else []
    return _client(rows[0]) if rows else None


def client_by_id(tx: Transaction, of_id: int) -> Client | None:
    """The program of this number."""
    rows = tx.execute(records.CLIENT_BY_ID, {"of_id": of_id})
    return _client(rows[0]) if rows else None


def clients(tx: Transaction) -> list[Client]:
    """All programs, oldest first, with how many people let them in."""
    return [_client(row) for row in tx.execute(records.CLIENTS)]


def count_clients(tx: Transaction, peer: str, since: float) -> tuple[int, int]:
    """How many programs there are, and how many this peer registered since then."""
    of_peer = tx.execute(records.COUNT_OF_PEER, {"of_peer": _ascii(peer), "since": since})[0][0]
    return int(tx.execute(records.COUNT_CLIENTS)[0][0]), int(of_peer)


def remove_client(tx: Transaction, of_id: int) -> None:
    """Remove a program with everything people let it do."""
    tx.change(records.REMOVE_GRANTS_OF_CLIENT, {"of_id": of_id})
    tx.change(records.REMOVE_CLIENT, {"of_id": of_id})


def grants_of(tx: Transaction, account_id: int) -> list[Grant]:
    """What an account's owner agreed to, oldest first."""
    return [_grant(row) for row in tx.execute(records.GRANTS_OF, {"account_id": account_id})]


def grant(tx: Transaction, of_id: int) -> Grant | None:
    """One of them by its number."""
    rows = tx.execute(records.GRANT, {"of_id": of_id})
    return _grant(rows[0]) if rows else None


def revoke(tx: Transaction, grant_id: int) -> None:
    """Take back what was agreed to, with all of its tokens."""
    tx.change(records.REMOVE_TOKENS, {"grant_id": grant_id})
    tx.change(records.REMOVE_GRANT, {"of_id": grant_id})


def forget_account(tx: Transaction, account_id: int) -> None:
    """The account goes, in the caller's unit; its tokens find no grant any more, and are swept."""
    tx.change(records.FORGET_GRANTS, {"account_id": account_id})


def token(tx: Transaction, secret: str) -> Token | None:
    """The token of this secret, whatever its state; None when its grant or account is gone."""
    rows = tx.execute(records.TOKEN, {"of_secret": digest(secret)})
    if not rows:
        return None
    of_id, kind, spent, expires_at, grant_id, account_id, of_client, scopes, client_id, address = rows[0]
    return Token(
        int(of_id),
        kind,
        bool(spent),
        expires_at,
        int(grant_id),
        int(account_id),
        int(of_client),
        tuple(scopes.split()),
        client_id,
        address,
    )


def used(tx: Transaction, grant_id: int, peer: str, now: float) -> None:
    """Note that a program was used."""
    tx.change(records.USED, {"of_id": grant_id, "now": now, "peer": _ascii(peer)})


def add_code(
    tx: Transaction,
    kind: str,
    secret: str,
    of_client: int,
    scopes: tuple[str, ...],
    *,
    account_id: int = 0,
    redirect_uri: str = "",
    challenge: str = "",
    user_code: str = "",
    now: float,
) -> bool:
    """Keep a code; False when too many are on their way."""
    if int(tx.execute(records.COUNT_CODES)[0][0]) >= MOST_CODES:
        return False
    values = {
        "kind": kind,
        "secret": digest(secret),
        "user_code": user_code,
        "client": of_client,
        "account_id": account_id,
        "scopes": " ".join(scopes),
        "redirect_uri": redirect_uri,
        "challenge": challenge,
        "state": "agreed" if kind == "code" else "waiting",
        "grant_id": 0,
        "asked_at": 0.0,
        "expires_at": now + (CODE_SECONDS if kind == "code" else DEVICE_SECONDS),
    }
    tx.insert(records.INSERT_CODE, values)
    return True


def code(tx: Transaction, kind: str, secret: str) -> Code | None:
    """The code of this secret, whatever its state."""
    rows = tx.execute(records.CODE, {"of_kind": kind, "of_secret": digest(secret)})
    return _code(rows[0]) if rows else None


def device(tx: Transaction, user_code: str, now: float) -> Code | None:
    """The device that waits with this user code."""
    rows = tx.execute(records.DEVICE, {"user_code": user_code}) if user_code else []
    found = [each for each in map(_code, rows) if each.expires_at > now and each.state == "waiting"]
    return found[0] if len(found) == 1 else None


def decide(tx: Transaction, of_id: int, state: str, account_id: int) -> bool:
    """Its owner has decided about a device; whether nobody had before."""
    return bool(tx.change(records.DECIDE, {"of_id": of_id, "now_state": state, "of_account": account_id}))


def asked(tx: Transaction, of_id: int, now: float) -> None:
    """A device asked."""
    tx.change(records.ASKED, {"of_id": of_id, "now": now})


def redeem(
    tx: Transaction, found: Code, secrets_: tuple[str, str], times: tuple[float, float, float]
) -> Pair | None:
    """Turn a code that was agreed to into tokens (access and refresh as given), once. ``times``: now, and when each of
    them expires. None when somebody else was faster."""
    values = {
        "account_id": found.account_id,
        "client": found.client,
        "scopes": " ".join(found.scopes),
        "created_at": times[0],
        "used_at": 0.0,
        "used_peer": "",
    }
    grant_id = tx.insert(records.INSERT_GRANT, values)
    if not tx.change(records.USE_CODE, {"of_id": found.id, "of_grant": grant_id}):
        revoke(tx, grant_id)
        return None
    return _tokens(tx, grant_id, found.scopes, secrets_, times)


def rotate(
    tx: Transaction,
    found: Token,
    scopes: tuple[str, ...],
    secrets_: tuple[str, str],
    times: tuple[float, float, float],
) -> Pair | None:
    """New tokens for a refresh token, which is spent by it. None when it was spent before: then the whole family is
    taken back (RFC 9700 4.14.2), since one of two who hold it has no right to."""
    if not tx.change(records.SPEND, {"of_id": found.id}):
        revoke(tx, found.grant_id)
        return None
    return _tokens(tx, found.grant_id, scopes, secrets_, times)


def _tokens(
    tx: Transaction,
    grant_id: int,
    scopes: tuple[str, ...],
    secrets_: tuple[str, str],
    times: tuple[float, float, float],
) -> Pair:
    for kind, secret, expires_at in zip(("access", "refresh"), secrets_, times[1:], strict=True):
        values = {
            "grant_id": grant_id,
            "kind": kind,
            "secret": digest(secret),
            "spent": 0,
            "expires_at": expires_at,
        }
        tx.insert(records.INSERT_TOKEN, values)
    return Pair(*secrets_, scopes)


def sweep(tx: Transaction, now: float) -> None:
    """Remove what has expired or belonged to something that is gone; programs that registered and that nobody let in
    go after a day."""
    tx.change(records.SWEEP_CODES, {"before": now - KEPT_AFTER})
    tx.change(records.SWEEP_TOKENS, {"before": now})
    tx.change(records.SWEEP_GRANTS)
    tx.change(records.SWEEP_CLIENTS, {"before": now - KEPT_AFTER})


def _client(row: Row) -> Client:
    of_id, client_id, name, uris, by_hand, peer, created_at, *grants = row
    found = tuple(uris.split("\n")) if uris else ()
    return Client(
        int(of_id), client_id, name, found, bool(by_hand), peer, created_at, int(grants[0]) if grants else 0
    )


def _grant(row: Row) -> Grant:
    of_id, account_id, of_client, scopes, created_at, used_at, used_peer, name = row
    return Grant(
        int(of_id),
        int(account_id),
        int(of_client),
        tuple(scopes.split()),
        created_at,
        used_at,
        used_peer,
        name,
    )


def _code(row: Row) -> Code:
    (
        of_id,
        kind,
        _,
        user_code,
        of_client,
        account_id,
        scopes,
        uri,
        challenge,
        state,
        grant_id,
        asked_at,
        end,
    ) = row
    return Code(
        int(of_id),
        kind,
        user_code,
        int(of_client),
        int(account_id),
        tuple(scopes.split()),
        uri,
        challenge,
        state,
        int(grant_id),
        asked_at,
        end,
    )


def _ascii(peer: str) -> str:
    return peer.encode("ascii", "replace").decode()[:64]
