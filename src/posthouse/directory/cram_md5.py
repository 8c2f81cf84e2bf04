"""Keys for CRAM-MD5 (RFC 2195), kept only while the setting signin.cram_md5 is on. Functions are ops.

A key is made where the plain password is known: when it is set, and at a sign-in with the account's own password. The
setting is asked in the unit that would keep the key, so that none is made behind the back of whoever switched it off.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory import cram_md5_records as table
from posthouse.directory import foreign_hashes, records
from posthouse.directory.cache import VersionedCache
from posthouse.directory.rows import Login
from posthouse.directory.saslprep import prepare
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.signin import APP_PASSWORDS, CRAM_MD5
from posthouse.wire.sasl.contract import CheckDigest
from posthouse.wire.sasl.cram_md5 import KEY_SIZE, is_right, key_of

_log = logger("directory.cram_md5")

CLEAR_UNIT = 500
"""Keys that one unit removes."""


def wanted(tx: Transaction) -> bool:
    """Whether keys are to be kept, as the database has it now."""
    rows = tx.execute(records.SELECT_SETTING, {"name": CRAM_MD5.name})
    return msgspec.json.decode(rows[0][0]) is True if rows else CRAM_MD5.default


def kept(tx: Transaction, account_id: int) -> bytes | None:
    """The key of an account; None where there is none for the password it has now, and where another source judges
    its password."""
    rows = tx.execute(table.KEPT, {"account_id": account_id})
    return bytes(rows[0][0]) if rows else None


def replace(tx: Transaction, account_id: int, password_hash: str, key: bytes | None) -> None:
    """The account has this password now, and this key if any may be kept. The caller raises the version."""
    forget_account(tx, account_id)
    if key is not None and wanted(tx):
        row = {"password_hash": password_hash, "secret": key}
        tx.upsert(table.cram_md5_keys, {"account_id": account_id}, row)


def learn(
    tx: Transaction, account_id: int, password_hash: str, key: bytes, *, feed: Feed | None = None
) -> bool:
    """Keep the key of a password that was verified against this hash, unless there is one, the password was changed
    meanwhile or keys are not wanted."""
    rows = tx.execute(table.PASSWORD_HASH, {"account_id": account_id})
    if not rows or rows[0][0] != password_hash or kept(tx, account_id) is not None or not wanted(tx):
        return False
    replace(tx, account_id, password_hash, key)
    bump(tx, DIRECTORY, feed)
    return True


def forget_account(tx: Transaction, account_id: int) -> None:
    """The account goes or its password does, in the caller's unit."""
    tx.change(table.FORGET, {"account_id": account_id})


def sweep(tx: Transaction) -> None:
    """Remove the keys of accounts that are gone and of passwords that are no more, whoever changed them."""
    tx.change(table.SWEEP)


def clear_some(tx: Transaction, *, feed: Feed | None = None) -> int:
    """Remove keys while they are not wanted; how many."""
    found = tx.execute(table.SELECT_SOME, {"count": CLEAR_UNIT})
    if not found or wanted(tx):
        return 0
    removed = tx.change(table.CLEAR_TO, {"last": found[-1][0]})
    bump(tx, DIRECTORY, feed)
    return removed


def any_kept(tx: Transaction) -> bool:
    """Whether there is any key at all."""
    return bool(tx.execute(table.SELECT_SOME, {"count": 1}))


class CramMd5:
    """What a worker does with the keys."""

    def __init__(
        self, database: Database, feed: Feed, settings: CurrentSettings, cache: VersionedCache
    ) -> None:
        self._database = database
        self._feed = feed
        self._settings = settings
        self._cache = cache
        self._nobody = os.urandom(KEY_SIZE)
        self.name: Callable[[], str] = lambda: "localhost"
        """Our host name, for the challenges."""

    def host(self) -> str:
        """Our name in the challenges, "" while the mechanism is not offered: where everybody needs an app password, no
        key is of any use."""
        settings = self._settings.now
        if not settings[CRAM_MD5] or settings[APP_PASSWORDS] == "everybody":
            return ""
        return self.name() or "localhost"

    async def is_right(self, login: str, found: Login | None, shown: CheckDigest) -> bool:
        """Whether this is the answer of who has the account's password; it takes as long for a login that nobody has.
        Raises DatabaseUnavailable."""
        account_id = found.account.id if found is not None else 0
        key = await self._cache.get(("cram_md5", login), kept, account_id)
        right = is_right(self._nobody if key is None else key, shown)
        return right and key is not None and found is not None

    async def learn(self, login: Login, password: str) -> None:
        """The password is known to be the account's own: make its key if one is wanted and missing."""
        if not self._settings.now[CRAM_MD5] or login.source or foreign_hashes.is_foreign(login.password_hash):
            return
        account = login.account
        try:
            if await self._cache.get(("cram_md5", account.address), kept, account.id) is not None:
                return
            key = key_of(prepare(password).encode())
            done = await self._database.run(learn, account.id, login.password_hash, key, feed=self._feed)
        except (ValueError, DatabaseUnavailable) as problem:
            _log.warning("signin.no_cram_md5_key", login=account.address, reason=str(problem))
            return  # the next sign-in tries again
        if done:
            _log.info("signin.cram_md5_key", login=account.address)
