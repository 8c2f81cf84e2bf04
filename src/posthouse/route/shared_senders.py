"""Who sends in the name of a shared mailbox, as the address or on its behalf, and whether it keeps a copy.

Whoever has the right to post (``p`` of RFC 4314) on its Inbox, by an entry of their own, by a group or by ``anyone``
(everybody of its own domain, or of the server: setting ``imap.share_within``), may send on its
behalf: From is the shared mailbox, Sender is the person (RFC 5322 3.6.2). To send as the address takes the right to
use it (``directory.sending``).
"""

from __future__ import annotations

from collections.abc import Iterable

from posthouse.database.contract import Database, Transaction
from posthouse.directory import groups, sending
from posthouse.directory.contract import Account
from posthouse.directory.records import SELECT_ACCOUNT_BY_ID
from posthouse.mail.address import Address, parse_address
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.sharing import SHARE_WITHIN
from posthouse.store import acl
from posthouse.store.sharing_records import SELECT_SHARED_MAILBOX

INBOX = "INBOX"
MOST_AUTHORS = 5
"""Addresses in From that are looked at for a shared mailbox."""


class SharedSenders:
    """Answers for reception and acceptance. Whoever writes as themselves causes no question of the database."""

    def __init__(self, router: Router, database: Database, settings: CurrentSettings | None = None) -> None:
        self._router = router
        self._database = database
        self._settings = settings or CurrentSettings()

    @property
    def _whole_server(self) -> bool:
        """Whether ``anyone`` is everybody of the server."""
        return self._settings.now[SHARE_WITHIN] == "server"

    async def on_behalf(self, account_id: int, address: Address) -> bool:
        """Whether an account may send on behalf of this address. Raises DatabaseUnavailable."""
        account = await self._other(account_id, address)
        return account is not None and await self._database.read(
            _may_post, account.id, account_id, self._whole_server
        )

    async def keeping(self, account_id: int, authors: Iterable[str]) -> list[Account]:
        """The shared mailboxes among the authors of a message of this account that keep what is sent in their name;
        only those that it may send for. Raises DatabaseUnavailable."""
        found: dict[int, Account] = {}
        for text in list(dict.fromkeys(authors))[:MOST_AUTHORS]:
            try:
                address = parse_address(text)
            except ValueError:
                continue
            account = await self._other(account_id, address)
            if account is None or account.id in found:
                continue
            if await self._database.read(_keeps, account.id, account_id, address, self._whole_server):
                found[account.id] = account
        return [found[number] for number in sorted(found)]

    async def _other(self, account_id: int, address: Address) -> Account | None:
        """The account of somebody else that an address leads to."""
        destination = await self._router.resolve(address)
        account = destination.account
        if destination.kind != "local" or destination.caught or account is None or account.id == account_id:
            return None
        return account


def identifiers_of(tx: Transaction, account_id: int) -> list[str]:
    """The identifiers of all entries that are about an account, those of the time before it was made among them."""
    about = [acl.of_account(account_id), acl.ANYONE]
    rows = tx.execute(SELECT_ACCOUNT_BY_ID, {"of_id": account_id})
    about += [name for name in (acl.of_address(str(row[2])) for row in rows) if name]
    return about + [acl.of_group(number) for number in sorted(groups.groups_of(tx, account_id))]


def _may_post(tx: Transaction, mailbox: int, account_id: int, whole_server: bool) -> bool:
    inbox = acl.named(tx, mailbox, INBOX)
    if inbox is None or not tx.execute(SELECT_SHARED_MAILBOX, {"account_id": mailbox}):
        return False
    about = set(identifiers_of(tx, account_id))
    if not whole_server and _domain_of(tx, mailbox) != _domain_of(tx, account_id):
        about.discard(acl.ANYONE)
    return "p" in acl.united(pair for pair in acl.entries_in(tx, inbox) if pair[0].removeprefix("-") in about)


def _domain_of(tx: Transaction, account_id: int) -> int:
    rows = tx.execute(SELECT_ACCOUNT_BY_ID, {"of_id": account_id})
    return int(rows[0][1]) if rows else 0


def _keeps(tx: Transaction, mailbox: int, account_id: int, address: Address, whole_server: bool) -> bool:
    rows = tx.execute(SELECT_SHARED_MAILBOX, {"account_id": mailbox})
    if not rows or not rows[0][0]:
        return False
    if sending.covers(sending.rights_of(tx, account_id), address):
        return True
    return _may_post(tx, mailbox, account_id, whole_server)
