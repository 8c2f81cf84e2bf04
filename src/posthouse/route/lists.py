"""Who may write to a distribution list: asked at RCPT, so that nothing is accepted and sent back for that later."""

from __future__ import annotations

import re

from posthouse.database.contract import Database, Transaction
from posthouse.directory import lists
from posthouse.directory.lists import MailingList
from posthouse.directory.lookup import find_rules, find_target
from posthouse.mail.address import Address
from posthouse.mail.refusal import Refusal

COMMANDS = ("subscribe", "unsubscribe", "help")
"""What a list does for whoever writes to ``name+word@domain``."""
OWNER, BOUNCES, CONFIRM = "owner", "bounces", "confirm-"

_RETURN_PATH = re.compile(r"[a-z2-7]{10}-[^@]*=[^@]*")


def purpose(detail: str) -> str:
    """What mail to a list with this detail is for: ``post``, ``owner``, ``bounce``, ``confirm``, one of
    :data:`COMMANDS`, or "" for what is nothing."""
    detail = detail.lower()
    if not detail:
        return "post"
    if detail == BOUNCES or detail.startswith(BOUNCES + "-") or _RETURN_PATH.fullmatch(detail):
        return "bounce"
    if detail.startswith(CONFIRM):
        return "confirm"
    return detail if detail in (*COMMANDS, OWNER) else ""


class ListGate:
    """Decides on one recipient that is a list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(
        self, list_id: int, detail: str, sender: Address | None, account_id: int | None, size: int
    ) -> None:
        """Return when the list takes it; raise Refusal otherwise. ``account_id``: who signed in, ``size`` 0 where it
        is not known yet. Raises DatabaseUnavailable."""
        refusal = await self._database.read(verdict, list_id, detail, sender, account_id, size)
        if refusal is not None:
            raise refusal


def verdict(
    tx: Transaction, list_id: int, detail: str, sender: Address | None, account_id: int | None, size: int
) -> Refusal | None:
    """As an op: why a list does not take mail of a sender (None: it does). Lists on it are asked, too, with the same
    sender: who may not write to them does not reach them by a detour."""
    info = lists.by_id(tx, list_id)
    what = purpose(detail)
    if info is None or not what:
        return Refusal(550, "5.1.1", "No such user here")
    if what == "bounce":
        return None
    if not info.active and what == "post":
        return Refusal(550, "5.2.1", "This list is switched off")
    if sender is None:
        if what == OWNER:
            return None
        return Refusal(550, "5.7.1", "This list takes no mail without a sender")
    if what != "post":
        return None
    for each in lists.nested_live(tx, list_id):
        inner = info if each == list_id else lists.by_id(tx, each)
        if inner is None:
            continue
        refusal = _for_one(tx, inner, sender, account_id, size)
        if refusal is not None:
            return refusal
    return None


def _for_one(
    tx: Transaction, info: MailingList, sender: Address, account_id: int | None, size: int
) -> Refusal | None:
    if info.signed_in and account_id is None:
        return Refusal(550, "5.7.1", "Sign in to write to this list")
    if info.max_size and size > info.max_size:
        return Refusal(552, "5.3.4", f"This list takes messages of up to {info.max_size} bytes")
    return None if _may_write(tx, info, sender) else Refusal(550, "5.7.1", _ONLY[info.mode])


_ONLY = {
    "public": "",
    "members": "Only members may write to this list",
    "announcements": "Only those who send its announcements may write to this list",
    "domain": "Only addresses of its own domain may write to this list",
    "server": "Only people with an account on this server may write to this list",
}


def _may_write(tx: Transaction, info: MailingList, sender: Address) -> bool:
    key = real_key(tx, sender)
    match info.mode:
        case "public":
            return True
        case "members":
            return lists.is_reader(tx, info.id, key)
        case "announcements":
            return key in lists.people(tx, info.id)["sender"]
        case "domain":
            return key.rpartition("@")[2] == info.domain
        case "server":
            return find_target(tx, sender).kind == "account"


def real_key(tx: Transaction, sender: Address) -> str:
    """The key of an address, in the real name of its domain where that is ours."""
    rules = find_rules(tx, sender.domain)
    return sender.key if rules is None else Address(sender.local, rules.name).key


def is_trusted(tx: Transaction, info: MailingList, sender: Address, account_id: int | None) -> bool:
    """Whether somebody looks after the list and has signed in: their posts wait for nobody."""
    if account_id is None:
        return False
    people = lists.people(tx, info.id)
    return real_key(tx, sender) in (*people["owner"], *people["moderator"])
