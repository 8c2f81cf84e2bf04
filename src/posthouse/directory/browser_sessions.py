"""Sessions of browsers, and the one-time links that begin one, as units of work.

A session is good while its account is active, its password the one of the sign-in, and neither its idle nor
its absolute lifetime is over. All of that is asked at every use: nothing needs to be told when it changes.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update

from posthouse.database.contract import Row, Transaction
from posthouse.directory import details
from posthouse.directory.contract import Account
from posthouse.directory.identity_records import browser_sessions, sign_in_links
from posthouse.directory.records import ACCOUNT, accounts
from posthouse.directory.rows import WIDTH, account_of

MOST_SESSIONS = 50
"""Sessions one account may have; the one used longest ago ends when another begins."""

_COLUMNS = tuple(column for column in browser_sessions.c if column.name != "secret")
_JOINED = select(
    *ACCOUNT,
    accounts.c.password_hash,
    *_COLUMNS,
    accounts.c.language,
    accounts.c.source,
    accounts.c.password_changed_at,
    accounts.c.created_at,
).join(accounts, accounts.c.id == browser_sessions.c.account_id)
_BY_SECRET = _JOINED.where(browser_sessions.c.secret == bindparam("secret"))
_BY_ID = _JOINED.where(browser_sessions.c.id == bindparam("of_id"))
_OF_ACCOUNT = _JOINED.where(browser_sessions.c.account_id == bindparam("account_id")).order_by(
    browser_sessions.c.seen_at.desc()
)
_ALL = _JOINED.order_by(browser_sessions.c.seen_at.desc()).limit(bindparam("count"))
_INSERT = insert(browser_sessions).values(
    {column.name: bindparam(column.name) for column in browser_sessions.c if column.name != "id"}
)
_SEEN = (
    update(browser_sessions)
    .where(browser_sessions.c.id == bindparam("of_id"))
    .values(seen_at=bindparam("now"), peer=bindparam("new_peer"))
)
_RENEW = (
    update(browser_sessions)
    .where(browser_sessions.c.id == bindparam("of_id"))
    .values(secret=bindparam("new_secret"), fresh_at=bindparam("now"), seen_at=bindparam("now"))
)
_REMARK = (
    update(browser_sessions)
    .where(browser_sessions.c.id == bindparam("of_id"))
    .values(password_mark=bindparam("new_mark"))
)
_FOLLOW = (
    update(browser_sessions)
    .where(
        browser_sessions.c.account_id == bindparam("of_account"),
        browser_sessions.c.password_mark == bindparam("old_mark"),
    )
    .values(password_mark=bindparam("new_mark"))
)
_END = delete(browser_sessions).where(browser_sessions.c.id == bindparam("of_id"))
_END_OTHERS = delete(browser_sessions).where(
    browser_sessions.c.account_id == bindparam("account_id"), browser_sessions.c.id != bindparam("but_id")
)
_SWEEP = delete(browser_sessions).where(
    or_(
        browser_sessions.c.seen_at < bindparam("idle_since"),
        browser_sessions.c.created_at < bindparam("begun_before"),
        browser_sessions.c.account_id.not_in(select(accounts.c.id)),
    )
)
_PASSWORD_HASH = select(accounts.c.password_hash).where(
    accounts.c.id == bindparam("of_id"), accounts.c.active == 1
)
_HASH_BY_ADDRESS = select(accounts.c.password_hash).where(accounts.c.address == bindparam("address"))
_INSERT_LINK = insert(sign_in_links).values(
    {column.name: bindparam(column.name) for column in sign_in_links.c}
)
_SELECT_LINK = select(sign_in_links.c.account_id).where(
    and_(sign_in_links.c.secret == bindparam("of_secret"), sign_in_links.c.expires_at > bindparam("now"))
)
_DELETE_LINK = delete(sign_in_links).where(sign_in_links.c.secret == bindparam("of_secret"))
_SWEEP_LINKS = delete(sign_in_links).where(sign_in_links.c.expires_at <= bindparam("now"))


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long sessions last, in seconds: unused, and at all."""

    idle: float
    absolute: float


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session that is good, with its account."""

    id: int
    account: Account
    peer: str
    agent: str
    how: str
    created_at: float
    seen_at: float
    fresh_at: float
    language: str = ""
    """The one that its owner chose, "" for none."""
    password_since: float = 0.0
    """When the account's password was set, 0 where it is kept outside."""

    def expires_at(self, lasting: Lasting) -> float:
        """When it ends if nobody uses it again."""
        return min(self.seen_at + lasting.idle, self.created_at + lasting.absolute)


def digest(secret: str) -> bytes:
    """What is stored of a secret of 256 random bits; odd text is the digest of something nobody made."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def password_mark(tx: Transaction, address: str) -> bytes | None:
    """What stands for the password of an account now (its address as the directory keeps it)."""
    rows = tx.execute(_HASH_BY_ADDRESS, {"address": address})
    return digest(rows[0][0]) if rows else None


def follow_upgrade(tx: Transaction, account_id: int, old_hash: str, new_hash: str) -> None:
    """The password is the same, only kept in another form: sessions that it began are good still."""
    marks = {"old_mark": digest(old_hash), "new_mark": digest(new_hash)}
    tx.change(_FOLLOW, {"of_account": account_id, **marks})


def begin(
    tx: Transaction,
    account: Account,
    secret: bytes,
    *,
    peer: str,
    agent: str,
    how: str,
    now: float,
    fresh_at: float,
    mark: bytes | None = None,
) -> int:
    """Store a new session (``secret`` is its digest) and end the oldest beyond ``MOST_SESSIONS``; its id, or 0
    when the account has gone or was closed, or its password is not the one of ``mark`` any more."""
    rows = tx.execute(_PASSWORD_HASH, {"of_id": account.id})
    if not rows or (mark is not None and not hmac.compare_digest(mark, digest(rows[0][0]))):
        return 0
    details.signed_in(tx, account.id, now)
    for row in tx.execute(_OF_ACCOUNT, {"account_id": account.id})[MOST_SESSIONS - 1 :]:
        tx.change(_END, {"of_id": row[WIDTH + 1]})
    return tx.insert(
        _INSERT,
        {
            "account_id": account.id,
            "secret": secret,
            "password_mark": digest(rows[0][0]),
            "peer": _ascii(peer, 64),
            "agent": agent.replace("\0", "")[:200],
            "how": how,
            "created_at": now,
            "seen_at": now,
            "fresh_at": fresh_at,
        },
    )


def by_secret(tx: Transaction, secret: bytes, now: float, lasting: Lasting) -> StoredSession | None:
    """The session of a secret (its digest) if it is good."""
    return _good(tx.execute(_BY_SECRET, {"secret": secret}), now, lasting)


def by_id(tx: Transaction, session_id: int, now: float, lasting: Lasting) -> StoredSession | None:
    """The session of an id if it is good."""
    return _good(tx.execute(_BY_ID, {"of_id": session_id}), now, lasting)


def of_account(tx: Transaction, account_id: int, now: float, lasting: Lasting) -> list[StoredSession]:
    """The good sessions of an account, the one used last first."""
    rows = tx.execute(_OF_ACCOUNT, {"account_id": account_id})
    return [found for row in rows if (found := _good([row], now, lasting))]


def newest(tx: Transaction, count: int, now: float, lasting: Lasting) -> list[StoredSession]:
    """The good ones among the ``count`` sessions used last."""
    return [found for row in tx.execute(_ALL, {"count": count}) if (found := _good([row], now, lasting))]


def seen(tx: Transaction, session_id: int, peer: str, now: float) -> None:
    """Note that a session was used."""
    tx.change(_SEEN, {"of_id": session_id, "now": now, "new_peer": _ascii(peer, 64)})


def renew(tx: Transaction, session_id: int, secret: bytes, now: float) -> bool:
    """Give a session another secret and make it fresh; False when it has ended."""
    return tx.change(_RENEW, {"of_id": session_id, "new_secret": secret, "now": now}) == 1


def keep_only(tx: Transaction, account_id: int, session_id: int) -> int:
    """After a change of the password by its owner: end all sessions but this one, which goes on with the new
    password; how many ended."""
    rows = tx.execute(_PASSWORD_HASH, {"of_id": account_id})
    if rows and session_id:
        tx.change(_REMARK, {"of_id": session_id, "new_mark": digest(rows[0][0])})
    return tx.change(_END_OTHERS, {"account_id": account_id, "but_id": session_id})


def end_others(tx: Transaction, account_id: int, session_id: int = 0) -> int:
    """End all sessions of an account but this one; how many ended."""
    return tx.change(_END_OTHERS, {"account_id": account_id, "but_id": session_id})


def end(tx: Transaction, session_id: int) -> None:
    """End a session."""
    tx.change(_END, {"of_id": session_id})


def sweep(tx: Transaction, now: float, lasting: Lasting) -> None:
    """Remove sessions and links that are over."""
    tx.change(_SWEEP, {"idle_since": now - lasting.idle, "begun_before": now - lasting.absolute})
    tx.change(_SWEEP_LINKS, {"now": now})


def add_link(tx: Transaction, secret: bytes, account_id: int, expires_at: float) -> None:
    """Store a one-time link by the digest of its secret."""
    tx.execute(_INSERT_LINK, {"secret": secret, "account_id": account_id, "expires_at": expires_at})


def take_link(tx: Transaction, secret: bytes, now: float) -> int:
    """The account of a link, which is used up by this; 0 where there is none. Of two at once one gets it."""
    rows = tx.execute(_SELECT_LINK, {"of_secret": secret, "now": now})
    if not rows or tx.change(_DELETE_LINK, {"of_secret": secret}) != 1:
        return 0
    return int(rows[0][0])


def _good(rows: list[Row], now: float, lasting: Lasting) -> StoredSession | None:
    if not rows:
        return None
    row = rows[0]
    account = account_of(row)
    password_hash, session_id, _, mark, peer, agent, how, created_at, seen_at, fresh_at, *own = row[WIDTH:]
    language, source, changed_at, made_at = own
    since = 0.0 if source else float(changed_at) or float(made_at)
    found = StoredSession(
        int(session_id), account, peer, agent, how, created_at, seen_at, fresh_at, language, since
    )
    same_password = hmac.compare_digest(bytes(mark), digest(password_hash))
    if not (account.active and same_password and now < found.expires_at(lasting)):
        return None
    return found


def _ascii(text: str, length: int) -> str:
    return text.encode("ascii", "replace").decode()[:length].replace("\0", "")
