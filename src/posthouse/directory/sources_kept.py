"""Sign-in sources as units of work. A change reaches every worker within a second (topic ``sources``)."""

from __future__ import annotations

from time import time

import msgspec

from posthouse.cluster.contract import Feed
from posthouse.database.contract import DuplicateKey, Row, Transaction
from posthouse.directory import cram_md5
from posthouse.directory import source_records as records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.sources_config import Details, SourceConfig
from posthouse.directory.sources_people import Ours
from posthouse.directory.versions import DIRECTORY, bump, version

SOURCES = "sources"
MOST_SOURCES = 100

_details = msgspec.json.Decoder(Details).decode


def every(tx: Transaction) -> list[SourceConfig]:
    """All sources by name."""
    return [_source(row) for row in tx.execute(records.SELECT_ALL)]


def changed(tx: Transaction, known: int) -> tuple[int, list[SourceConfig]] | None:
    """The version of the sources and all of them; None while it is the known one."""
    now = version(tx, SOURCES)
    return None if now == known else (now, every(tx))


def find(tx: Transaction, name: str, *, lock: bool = False) -> SourceConfig:
    """The source of this name. Raises DirectoryError."""
    rows = (tx.lock if lock else tx.execute)(records.SELECT_ONE, {"of_name": name})
    if not rows:
        raise DirectoryError(f"there is no source {name[:60]}", "list the sources to see them", "missing")
    return _source(rows[0])


def add(tx: Transaction, config: SourceConfig, feed: Feed | None) -> None:
    """Keep a (checked) source. Raises DirectoryError."""
    if len(tx.execute(records.SELECT_ALL)) >= MOST_SOURCES:
        raise DirectoryError(f"there are {MOST_SOURCES} sources already", "remove some", "refused")
    known = DirectoryError(f"there is a source {config.name} already", "choose another name", "exists")
    if tx.execute(records.SELECT_ONE, {"of_name": config.name}):
        raise known
    values = {
        "name": config.name,
        "kind": config.kind,
        "active": int(config.active),
        "details": msgspec.json.encode(config.details).decode(),
        "secret": config.secret,
        "synced_at": 0.0,
        "synced": "",
    }
    try:
        tx.insert(records.INSERT, values)
    except DuplicateKey:
        raise known from None
    bump(tx, SOURCES, feed)


def change(tx: Transaction, config: SourceConfig, feed: Feed | None) -> None:
    """Keep a (checked) source in place of the one of its name. Passwords kept for an outage are forgotten: they were
    another directory's, perhaps."""
    values = {
        "new_active": int(config.active),
        "new_details": msgspec.json.encode(config.details).decode(),
        "new_secret": config.secret,
    }
    tx.change(records.UPDATE, {"of_name": config.name, **values})
    tx.change(records.FORGET_DIGESTS, {"of_source": config.name})
    bump(tx, SOURCES, feed)


def remove(tx: Transaction, name: str, feed: Feed | None) -> None:
    """Give a source up. Raises DirectoryError while accounts use it."""
    users = count_users(tx, name)
    if users:
        raise DirectoryError(
            f"{users} account{'s' if users != 1 else ''} sign in by {name}",
            "give them another source or passwords of their own first",
            "refused",
        )
    tx.change(records.DELETE, {"of_name": name})
    bump(tx, SOURCES, feed)


def count_users(tx: Transaction, name: str) -> int:
    """How many accounts sign in by this source."""
    return int(tx.execute(records.COUNT_USERS, {"of_source": name})[0][0])


def source_of(tx: Transaction, account_id: int) -> str:
    """The source of an account, "" where it has a password of its own."""
    rows = tx.execute(records.GET_SOURCE, {"of_id": account_id})
    return str(rows[0][0]) if rows else ""


def assign(tx: Transaction, account_id: int, name: str, feed: Feed | None) -> None:
    """Let an account sign in by a source, "" for its own password (the one it had before, if any). Raises
    DirectoryError."""
    if name:
        find(tx, name)
    tx.change(records.SET_SOURCE, {"of_id": account_id, "new_source": name})
    cram_md5.forget_account(tx, account_id)
    forget_account(tx, account_id)
    bump(tx, DIRECTORY, feed)


def users(tx: Transaction, name: str) -> list[Ours]:
    """The accounts of a source by address, without those that are removed."""
    return [
        Ours(
            int(row[0]),
            row[1],
            bool(row[2]),
            {"display_name": row[3], "first_name": row[4], "last_name": row[5]},
            bool(row[6]),
        )
        for row in tx.execute(records.SELECT_USERS, {"of_source": name})
    ]


def keep_digest(tx: Transaction, account_id: int, name: str, digest: str, now: float) -> None:
    """Remember that the source accepted a password, for an outage."""
    if source_of(tx, account_id) == name:
        _keep(tx, account_id, name, digest=digest, verified_at=now)


def digest_of(tx: Transaction, account_id: int, name: str) -> tuple[str, float]:
    """What is remembered, and since when; ("", 0.0) for nothing."""
    rows = tx.execute(records.SELECT_DIGEST, {"of_id": account_id, "of_source": name})
    return (str(rows[0][0]), float(rows[0][1])) if rows else ("", 0.0)


def mark_disabled(tx: Transaction, account_id: int, name: str, disabled: bool) -> None:
    """The synchronisation switched an account off or on. One that is off is no longer let in by memory."""
    gone = {"digest": "", "verified_at": 0.0} if disabled else {}
    _keep(tx, account_id, name, disabled=int(disabled), **gone)


def synced(tx: Transaction, name: str, words: str) -> None:
    """How a synchronisation went."""
    tx.change(records.SYNCED, {"of_name": name, "now": time(), "words": words[:2000]})


def forget_account(tx: Transaction, account_id: int) -> None:
    """An account goes."""
    tx.change(records.DELETE_ACCOUNT, {"of_id": account_id})


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """The accounts of a domain go. Before they do."""
    tx.change(records.DELETE_DOMAIN, {"domain_id": domain_id})


def _keep(tx: Transaction, account_id: int, name: str, **values: object) -> None:
    rows = tx.execute(records.SELECT_KEPT, {"of_id": account_id})
    kept: dict[str, object] = {"source": name, "digest": "", "verified_at": 0.0, "disabled": 0}
    if rows and rows[0][3] == name:
        kept.update(digest=rows[0][0], verified_at=rows[0][1], disabled=rows[0][2])
    tx.upsert(records.source_accounts, {"account_id": account_id}, {**kept, **values})


def _source(row: Row) -> SourceConfig:
    _, name, kind, active, details, secret, synced_at, words = row
    return SourceConfig(name, kind, bool(active), _details(details), secret, float(synced_at), words)
