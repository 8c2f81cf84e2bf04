"""Own folders and those of others in one tree, and where new ones may be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.listing import Tree, parents
from posthouse.database.contract import Transaction
from posthouse.store.acl import PUBLIC
from posthouse.store.contract import Mailbox
from posthouse.store.sharing_records import SELECT_SHARED_MAILBOX

INBOX = "INBOX"


@dataclass(frozen=True, slots=True)
class Forest:
    """All that LIST can name; ``rights`` on the folders of others, by name."""

    tree: Tree
    rights: Mapping[str, str]


async def forest(session: ImapSession) -> Forest:
    """What this account sees. Of a folder of its own and one of others under the same name, the own one counts."""
    account_id = session.user.id
    own = await session.store.mailboxes(account_id)
    subscriptions = await session.store.subscriptions(account_id)
    rights: dict[str, str] = {}
    if session.sharing is not None:
        seen = await session.sharing.seen(account_id)
        taken = {mailbox.name for mailbox in own}
        wanted = {
            grant.mailbox_id: name
            for name, grant in seen.by_name.items()
            if "l" in grant.rights and name not in taken
        }
        if wanted:
            for mailbox in await session.store.some(list(wanted)):
                if mailbox.account_id != seen.by_id[mailbox.id].owner:
                    continue  # deleted a moment ago
                name = wanted[mailbox.id]
                rights[name] = seen.by_id[mailbox.id].rights
                own.append(replace(mailbox, name=name, special_use=""))
    return Forest(Tree(own, subscriptions), rights)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a new mailbox is to be: its owner and its name there."""

    owner: int
    name: str


async def site(session: ImapSession, name: str) -> Site:
    """Where a name leads to. Among folders of others the nearest one above must be there and give the right ``k``
    (RFC 4314 4). Raises No."""
    sharing = session.sharing
    if sharing is None or not sharing.is_foreign(name):
        return Site(session.user.id, name)
    seen = await sharing.seen(session.user.id)
    parts = sharing.split(seen, name)
    refused = No("You may not make mailboxes there", b"NOPERM")
    if parts is None:
        raise refused
    owner, inner = parts
    for above in parents(inner):
        found = await session.store.find(owner, above)
        if found is not None:
            if "k" in seen.rights(found.id):
                return Site(owner, inner)
            break
    else:
        # At the top of a shared mailbox its members make folders as they do below the Inbox.
        inbox = await session.store.find(owner, INBOX) if owner != PUBLIC else None
        if (
            inbox is not None
            and "k" in seen.rights(inbox.id)
            and await sharing.database.read(is_shared, owner)
        ):
            return Site(owner, inner)
    raise refused


def is_shared(tx: Transaction, account_id: int) -> bool:
    """Whether an account is a shared mailbox."""
    return bool(tx.execute(SELECT_SHARED_MAILBOX, {"account_id": account_id}))


def same(mailbox: Mailbox, place: Site) -> None:
    """Raise No when a mailbox would change its owner."""
    if mailbox.account_id != place.owner:
        raise No("A mailbox cannot move to another owner", b"CANNOT")
