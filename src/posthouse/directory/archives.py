"""Archive rules of accounts and domains. All functions are ops."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, get_args

from posthouse.database.contract import Transaction
from posthouse.directory import archive_records as records
from posthouse.directory.errors import DirectoryError

Scope = Literal["account", "domain"]
Mail = Literal["all", "received", "sent"]
Action = Literal["copy", "move"]

FOLDER = "Archive/%YEAR%/%MONTH%"
MOST_DAYS = 36_500
_BAD = set("*%\\\0")


@dataclass(frozen=True, slots=True)
class ArchiveRule:
    """``mail`` goes into ``folder`` once it is ``days`` old: a copy of it, or itself. ``%YEAR%`` and ``%MONTH%`` in the
    folder are those in which the mail arrived."""

    mail: Mail = "all"
    action: Action = "move"
    days: int = 365
    folder: str = FOLDER
    active: bool = True

    def folder_of(self, moment: float) -> str:
        """The folder for mail that arrived at this time (seconds since 1970, UTC)."""
        when = datetime.fromtimestamp(max(0, min(moment, 4e9)), UTC)
        return self.folder.replace("%YEAR%", f"{when:%Y}").replace("%MONTH%", f"{when:%m}")


@dataclass(frozen=True, slots=True)
class Owner:
    """An account that may have a rule."""

    id: int
    domain_id: int
    address: str


def find(tx: Transaction, scope: Scope, of_id: int) -> ArchiveRule | None:
    """The rule of an account or domain; None where there is none."""
    rows = tx.execute(records.SELECT, {"the_scope": scope, "the_id": of_id})
    if not rows:
        return None
    active, mail, action, days, folder = rows[0]
    known: Mail = mail if mail in get_args(Mail) else "all"
    what: Action = action if action in get_args(Action) else "copy"
    return ArchiveRule(known, what, int(days), folder, bool(active))


def rule_for(tx: Transaction, owner: Owner) -> ArchiveRule | None:
    """The rule that holds for an account: its own, else its domain's; None where it is switched off."""
    rule = find(tx, "account", owner.id) or find(tx, "domain", owner.domain_id)
    return rule if rule is not None and rule.active else None


def put(tx: Transaction, scope: Scope, of_id: int, wanted: ArchiveRule) -> ArchiveRule:
    """Set a rule, in place of what there was. Raises DirectoryError for one that makes no sense."""
    folder = "/".join(piece.strip() for piece in wanted.folder.split("/")).strip("/")
    wanted = replace(wanted, folder=folder)
    bare = folder.replace("%YEAR%", "").replace("%MONTH%", "")
    if not folder or len(folder) > 300 or _BAD & set(bare) or "//" in folder or not folder.isprintable():
        raise DirectoryError(f"{folder!r} cannot be a folder", f"give a name such as {FOLDER}")
    if folder.split("/")[0].lower() == "inbox":
        raise DirectoryError("the archive cannot be in the Inbox", f"give a name such as {FOLDER}")
    if not 0 <= wanted.days <= MOST_DAYS:
        raise DirectoryError(f"{wanted.days} days are not possible", f"give 0 to {MOST_DAYS} days")
    values = {
        "active": int(wanted.active),
        "mail": wanted.mail,
        "action": wanted.action,
        "days": wanted.days,
        "folder": folder,
    }
    tx.upsert(records.archive_rules, {"scope": scope, "of_id": of_id}, values)
    return wanted


def clear(tx: Transaction, scope: Scope, of_id: int) -> ArchiveRule:
    """Remove a rule; returns what it was. What was archived stays where it is. Raises DirectoryError where there is
    none."""
    found = find(tx, scope, of_id)
    if found is None:
        raise DirectoryError("there is no archive rule", "nothing is to be done", "missing")
    tx.change(records.DELETE, {"the_scope": scope, "the_id": of_id})
    return found


def anybody(tx: Transaction) -> bool:
    """Whether any rule is switched on."""
    return bool(tx.execute(records.SELECT_ANY))


def owners(tx: Transaction, after: int, count: int) -> list[Owner]:
    """Active accounts by id."""
    rows = tx.execute(records.SELECT_ACCOUNTS, {"after": after, "count": count})
    return [Owner(int(row[0]), int(row[1]), row[2]) for row in rows]


def progress(tx: Transaction, mailbox_id: int) -> int:
    """Up to which UID a folder was copied."""
    rows = tx.execute(records.SELECT_PROGRESS, {"of_id": mailbox_id})
    return int(rows[0][0]) if rows else 0


def set_progress(tx: Transaction, account_id: int, mailbox_id: int, uid: int) -> None:
    """Note up to where a folder was copied."""
    tx.upsert(records.archive_progress, {"mailbox_id": mailbox_id}, {"account_id": account_id, "uid": uid})


def forget(tx: Transaction, scope: Scope, of_id: int) -> None:
    """It goes with its account or domain."""
    if scope == "account":
        tx.change(records.DELETE_PROGRESS, {"of_id": of_id})
    tx.change(records.DELETE, {"the_scope": scope, "the_id": of_id})


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """Those of a domain and of its accounts. Before its accounts are removed."""
    tx.change(records.DELETE_PROGRESS_IN_DOMAIN, {"domain_id": domain_id})
    tx.change(records.DELETE_IN_DOMAIN, {"domain_id": domain_id})
    forget(tx, "domain", domain_id)
