"""Forwards of accounts: where their mail is sent on to, and how that goes. All functions are ops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.directory import forward_records as records
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.forward_conditions import NONE, Conditions
from posthouse.directory.lookup import find_target
from posthouse.directory.names import target_address
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.mail.address import Address, parse_address

MOST_TARGETS = 10
MAX_HOPS = 5
"""Forwards that mail passes one after the other within this server; then it stays where it is."""

_MOST_STEPS = 200
_MOST_TROUBLE = 1000
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class ForwardTarget:
    """One address that mail is sent on to. ``stopped``: given up after failing too long. ``failing_since`` 0.0: it
    works, as far as is known; else ``trouble`` is what was said last. ``told_at``: when its owner was told last."""

    address: str
    stopped: bool = False
    failing_since: float = 0.0
    trouble: str = ""
    told_at: float = 0.0


@dataclass(frozen=True, slots=True)
class AccountForward:
    """The forward of an account. ``keep``: a copy stays in its mailbox. ``active``: its owner wants it. Mail that does
    not meet the ``conditions`` stays in the mailbox."""

    targets: tuple[ForwardTarget, ...]
    keep: bool = True
    active: bool = True
    conditions: Conditions = NONE

    @property
    def wanted(self) -> tuple[str, ...]:
        """The addresses that mail goes to now; what failed too long is left out."""
        return tuple(each.address for each in self.targets if not each.stopped) if self.active else ()


def find(tx: Transaction, account_id: int) -> AccountForward | None:
    """The forward of an account; None where none is set up."""
    rows = tx.execute(records.SELECT, {"of_id": account_id})
    if not rows:
        return None
    targets = tuple(_target(row) for row in tx.execute(records.SELECT_TARGETS, {"of_id": account_id}))
    keep, active, not_spam, sender, recipient, subject, size, starts_at, ends_at = rows[0]
    conditions = Conditions(
        bool(not_spam), sender, recipient, subject, int(size), float(starts_at), float(ends_at)
    )
    return AccountForward(targets, bool(keep), bool(active), conditions)


def put(
    tx: Transaction,
    account: Account,
    addresses: Sequence[str],
    *,
    keep: bool,
    active: bool = True,
    conditions: Conditions = NONE,
    feed: Feed | None = None,
) -> AccountForward:
    """Set the forward of an account; it begins anew, whatever failed before. Raises DirectoryError for addresses that
    are none, too many, or that lead back to the account, and for conditions that make no sense."""
    conditions.checked()
    targets: dict[str, Address] = {}
    for text in addresses:
        if text.strip():
            address = target_address(text)
            targets.setdefault(address.key, address)
    if not targets:
        raise DirectoryError("no address to forward to was given", "give at least one, or remove the forward")
    if len(targets) > MOST_TARGETS:
        raise DirectoryError(
            f"mail can be forwarded to {MOST_TARGETS} addresses at most", "forward to a mailing list instead"
        )
    for address in targets.values():
        if leads_back(tx, account, address):
            raise DirectoryError(
                f"{address} leads back to {account.address}: the mail would go round in circles",
                "forward to another address",
            )
    made = tuple(ForwardTarget(str(address)) for address in targets.values())
    forget_account(tx, account.id)
    values = {"keep": int(keep), "active": int(active), **_columns(conditions)}
    tx.upsert(records.account_forwards, {"account_id": account.id}, values)
    tx.execute_many(records.INSERT_TARGET, [_row(account.id, each) for each in made])
    bump(tx, DIRECTORY, feed)
    return AccountForward(made, keep, active, conditions)


def clear(tx: Transaction, account: Account, *, feed: Feed | None = None) -> AccountForward:
    """Remove the forward of an account; returns what it was. Raises DirectoryError where there is none."""
    found = find(tx, account.id)
    if found is None:
        raise DirectoryError(
            f"the mail of {account.address} is not forwarded", "nothing is to be done", "missing"
        )
    forget_account(tx, account.id)
    bump(tx, DIRECTORY, feed)
    return found


def leads_back(tx: Transaction, account: Account, address: Address) -> bool:
    """Whether mail for an address would come back to the account, by aliases and forwards of ours."""
    waiting, seen = [address.key], set[str]()
    while waiting and len(seen) < _MOST_STEPS:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        try:
            target = find_target(tx, parse_address(key))
        except ValueError:
            continue
        if target.kind == "alias":
            waiting.extend(each.lower() for each in target.forwards)
        elif target.account is not None:
            if target.account.id == account.id:
                return True
            found = find(tx, target.account.id)
            waiting.extend(found.wanted if found is not None else ())
    return False


def target_of(tx: Transaction, account_id: int, address: str) -> ForwardTarget | None:
    """The target by which mail of an account was sent on to this address; None where nobody forwards there any more."""
    key = {"of_id": account_id, "of_address": _which(tx, account_id, address)}
    rows = tx.lock(records.SELECT_TARGET, key)
    return _target(rows[0]) if rows else None


def after_failure(known: ForwardTarget, trouble: str, now: float, days: int) -> tuple[ForwardTarget, bool]:
    """What becomes of a target that mail could not be forwarded to, and whether its owner is to be told: once a day,
    and when it is stopped, because it has failed for so many ``days`` (0: never)."""
    since = known.failing_since or now
    stopped = known.stopped or bool(days and now - since >= days * _DAY)
    tell = (stopped and not known.stopped) or (
        not known.stopped and (not known.told_at or now - known.told_at >= _DAY)
    )
    new = replace(
        known,
        stopped=stopped,
        failing_since=since,
        trouble=trouble.replace("\0", "")[:_MOST_TROUBLE],
        told_at=now if tell else known.told_at,
    )
    return new, tell


def note_failure(
    tx: Transaction, account_id: int, known: ForwardTarget, new: ForwardTarget, *, feed: Feed | None = None
) -> None:
    """Write down what :func:`after_failure` found, in the same unit as :func:`target_of`."""
    tx.change(
        records.NOTE,
        {
            "of_id": account_id,
            "of_address": known.address.lower(),
            "new_stopped": int(new.stopped),
            "new_since": new.failing_since,
            "new_trouble": new.trouble,
            "new_told": new.told_at,
        },
    )
    if new.stopped and not known.stopped:
        bump(tx, DIRECTORY, feed)


def works(tx: Transaction, account_id: int, address: str) -> None:
    """Mail was forwarded to an address: what failed before is over."""
    for each in tx.execute(records.SELECT_FAILING, {"of_id": account_id}):
        if each[0] == _which(tx, account_id, address):
            tx.change(records.FINE, {"of_id": account_id, "of_address": each[0]})


def troubled(tx: Transaction, count: int = 5) -> list[tuple[int, str, str, bool]]:
    """Forwards that fail, those first that fail for longest: account, target, the last trouble, whether the server
    has given it up."""
    rows = tx.execute(records.SELECT_TROUBLED, {"count": count})
    return [(int(row[0]), row[1], row[2], bool(row[3])) for row in rows]


def forget_account(tx: Transaction, account_id: int) -> None:
    """Take the forward from an account."""
    tx.change(records.DELETE_TARGETS, {"of_id": account_id})
    tx.change(records.DELETE, {"of_id": account_id})


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """The forwards of a domain's accounts go with it. Before its accounts are removed."""
    tx.change(records.DELETE_TARGETS_IN_DOMAIN, {"domain_id": domain_id})
    tx.change(records.DELETE_IN_DOMAIN, {"domain_id": domain_id})


def _which(tx: Transaction, account_id: int, address: str) -> str:
    """The key of the target that mail for an address was sent on to: the address itself, or an alias of ours that leads
    there."""
    wanted = address.lower()
    keys = [each[0] for each in tx.execute(records.SELECT_KEYS, {"of_id": account_id})]
    if wanted in keys:
        return wanted
    return next((key for key in keys if _leads_to(tx, key, wanted)), wanted)


def _leads_to(tx: Transaction, key: str, wanted: str) -> bool:
    """Whether aliases of ours lead from one address to another."""
    waiting, seen = [key], set[str]()
    while waiting and len(seen) < _MOST_STEPS:
        here = waiting.pop()
        if here == wanted:
            return True
        if here in seen:
            continue
        seen.add(here)
        try:
            target = find_target(tx, parse_address(here))
        except ValueError:
            continue
        waiting.extend(each.lower() for each in target.forwards)
    return False


def _target(row: Row) -> ForwardTarget:
    return ForwardTarget(row[0], bool(row[1]), float(row[2]), row[3], float(row[4]))


def _columns(conditions: Conditions) -> dict[str, object]:
    return {
        "not_spam": int(conditions.not_spam),
        "sender": _clean(conditions.sender),
        "recipient": _clean(conditions.recipient),
        "subject": _clean(conditions.subject),
        "max_size": conditions.max_size,
        "starts_at": conditions.starts_at,
        "ends_at": conditions.ends_at,
    }


def _clean(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _row(account_id: int, target: ForwardTarget) -> dict[str, object]:
    return {
        "account_id": account_id,
        "address": target.address.lower(),
        "target": target.address,
        "stopped": int(target.stopped),
        "failing_since": target.failing_since,
        "trouble": target.trouble,
        "told_at": target.told_at,
    }
