"""The lines of one member before a message that a list sends outside (``signing.Listed``)."""

from __future__ import annotations

from collections.abc import Callable

from posthouse.database.contract import Database, Transaction
from posthouse.deliver.dsn import verp
from posthouse.deliver.dsn.fields import from_orcpt
from posthouse.deliver.lists_header import Lines
from posthouse.directory import lists
from posthouse.directory.lists import MailingList
from posthouse.directory.lists_tokens import KEY_NAME
from posthouse.directory.own_secrets import own_secret
from posthouse.mail.address import parse_address
from posthouse.queue.contract import Lease


class MemberLines:
    """Finds list and member by the return path. ``link_host`` is the host of links ("" for none)."""

    def __init__(self, database: Database, link_host: Callable[[], str]) -> None:
        self._database = database
        self._link_host = link_host
        self._keys: tuple[bytes, bytes] | None = None

    async def of(self, lease: Lease) -> bytes:
        """The lines; nothing where the list is gone. Raises DatabaseUnavailable."""
        if self._keys is None:
            self._keys = await self._database.run(_keys)
        path = verp.decode(parse_address(lease.message.sender), [self._keys[0]])
        if path is not None:
            key, member = path.sender.key, path.recipient.key
        else:  # too long for a return path of its own
            local, _, domain = lease.message.sender.rpartition("@")
            asked = lease.recipient.orcpt  # of a forward, the member
            member = (from_orcpt(asked)[1] if asked else lease.recipient.recipient).lower()
            key = f"{local.partition('+')[0]}@{domain}".lower()
        info = await self._database.read(_list, key)
        return b"" if info is None else Lines(self._keys[1], self._link_host()).of(info, member)


def _keys(tx: Transaction) -> tuple[bytes, bytes]:
    return own_secret(tx, "verp"), own_secret(tx, KEY_NAME)


def _list(tx: Transaction, key: str) -> MailingList | None:
    list_id = lists.find(tx, key)
    return None if list_id is None else lists.by_id(tx, list_id)
