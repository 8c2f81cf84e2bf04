"""Folders of others: which ones somebody sees, under which names, and what they may do there.

What somebody sees is kept in memory by account and trusted for as long as neither rights nor people and groups have
changed; that is asked at most once a second, and at once where the feed tells. Whoever has only folders of their own
causes no question of their own.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory.contract import Account
from posthouse.directory.records import SELECT_ACCOUNT_BY_ID
from posthouse.directory.versions import DIRECTORY
from posthouse.directory.versions import version as directory_version
from posthouse.observe.log import logger
from posthouse.route.shared_senders import identifiers_of
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.sharing import PUBLIC_FOLDERS, SHARE_WITHIN, SHARED_FOLDERS
from posthouse.store import acl
from posthouse.store.acl import Grant
from posthouse.wire.imap.names import SEPARATOR, canonical

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session

log = logger("access.imap")

MAX_AGE = 1.0
"""Seconds for which it may go unasked whether rights have changed."""
MOST_KEPT = 10_000
"""People whose grants are kept."""

_Label = tuple[int, int, str, str, str]

Noted = Callable[[Transaction, Account, str, str, str, str], None]
"""Writes down a change of rights in its unit: who did it, the folder, whose rights, those before and those after."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody sees of others. ``by_name``: the grants by the name the folder has for them; ``by_id``: by
    mailbox; ``owners``: the ids of owners by address."""

    by_name: Mapping[str, Grant]
    by_id: Mapping[int, Grant]
    owners: Mapping[str, int]

    def rights(self, mailbox_id: int) -> str:
        """The rights on a mailbox of somebody else."""
        grant = self.by_id.get(mailbox_id)
        return grant.rights if grant is not None else ""

    def name_of(self, mailbox_id: int) -> str:
        """The name of a mailbox, "" for one that is not seen."""
        return next((name for name, grant in self.by_name.items() if grant.mailbox_id == mailbox_id), "")


NOTHING = Seen({}, {}, {})


class Sharing:
    """Answers for all sessions of a process. ``close`` it at the end."""

    def __init__(
        self,
        database: Database,
        feed: Feed,
        settings: CurrentSettings,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.database = database
        self.feed = feed
        self.noted: Noted | None = None
        self._settings = settings
        self._clock = clock
        self._kept: dict[int, Seen] = {}
        self._label: _Label | None = None
        self._checked_at = -math.inf
        self._notices = 0
        self._guests: set[Session] = set()
        self._watch: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._ends = [feed.subscribe(topic, None, self._heard) for topic in (acl.TOPIC, DIRECTORY)]

    async def close(self) -> None:
        """Stop listening."""
        for end in self._ends:
            end()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    # ------------------------------------------------------------------ names

    @property
    def public(self) -> str:
        """The name of the root of the public folders, "" for none."""
        return _root(self._settings.now[PUBLIC_FOLDERS])

    @property
    def shared(self) -> str:
        """The name of the root of what others share, "" for none."""
        return _root(self._settings.now[SHARED_FOLDERS])

    @property
    def within(self) -> str:
        """Who ``anyone`` is in folders of people: ``domain`` or ``server``."""
        return self._settings.now[SHARE_WITHIN]

    def reach(self, user: Account) -> int | None:
        """The domain within which somebody may share; None for all of the server."""
        return user.domain_id if self.within == "domain" else None

    def is_foreign(self, name: str) -> bool:
        """Whether a name is one of the roots, or below it."""
        root = name.partition(SEPARATOR)[0]
        return bool(root) and root in (self.public, self.shared)

    def split(self, seen: Seen, name: str) -> tuple[int, str] | None:
        """The owner of the folders a name stands among, and the name there; None where there is nothing."""
        root, _, rest = name.partition(SEPARATOR)
        if root == self.public:
            return (acl.PUBLIC, rest) if rest else None
        address, _, inner = rest.partition(SEPARATOR)
        owner = seen.owners.get(address.lower())
        return (owner, inner) if owner is not None and inner else None

    # ------------------------------------------------------------------ what somebody sees

    async def seen(self, account_id: int) -> Seen:
        """What an account sees of others. Raises DatabaseUnavailable."""
        now, notices = self._clock(), self._notices
        if now - self._checked_at >= MAX_AGE:
            self._settle(await self.database.read(self._version), now, notices)
        kept = self._kept.get(account_id)
        if kept is not None:
            return kept
        now, notices = self._clock(), self._notices
        label, found = await self.database.read(self._look, account_id)
        self._settle(label, now, notices)
        if label == self._label:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[account_id] = found
        return found

    def _version(self, tx: Transaction) -> _Label:
        return acl.version(tx), directory_version(tx, DIRECTORY), self.public, self.shared, self.within

    def _look(self, tx: Transaction, account_id: int) -> tuple[_Label, Seen]:
        label = self._version(tx)  # first: what changes in between is newer than its label
        return label, look(tx, account_id, self.public, self.shared, self.within)

    def _settle(self, label: _Label, asked_at: float, notices: int) -> None:
        """Take notice of a label that was read after so many notices had come."""
        if self._label is None or (label != self._label and label[:2] >= self._label[:2]):
            self._kept.clear()
            self._label = label
        if notices == self._notices:  # else it may be from before the change that we were told of
            self._checked_at = max(self._checked_at, asked_at)

    def _heard(self, topic: str, key: int, label: int) -> None:
        self._notices += 1
        self._checked_at = -math.inf
        self._news.set()

    # ------------------------------------------------------------------ those who look at folders of others

    def enter(self, session: Session) -> None:
        """A session has a folder of somebody else open: it is looked after until ``leave``."""
        self._guests.add(session)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._look_after())

    def leave(self, session: Session) -> None:
        """It has closed it."""
        self._guests.discard(session)

    async def _look_after(self) -> None:
        """Sessions that idle lose what was taken from them too; ends when nobody looks."""
        while self._guests:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), MAX_AGE)
            except TimeoutError:
                pass
            for session in tuple(self._guests):
                if session.idling is not None and not session.busy:
                    await _look_at(session)
        self._watch = None


async def _look_at(session: Session) -> None:
    try:
        await session.check_rights()
        session.push()
    except DatabaseUnavailable as error:
        log.warning("sharing.unchecked", reason=str(error))
    except ConnectionError:
        pass  # it was told, and is gone
    except Exception:
        log.exception("sharing.failed")


def look(tx: Transaction, account_id: int, public: str, shared: str, within: str = "server") -> Seen:
    """What an account sees of others, with the roots of these names ("": not at all). ``within``: who ``anyone`` is in
    folders of people."""
    identifiers = identifiers_of(tx, account_id)
    strangers = _strangers(tx, account_id) if within == "domain" else None
    grants = acl.grants_in(tx, identifiers, account_id, strangers)
    addresses = {owner: owner_address(tx, owner) for owner in {grant.owner for grant in grants.values()}}
    by_name: dict[str, Grant] = {}
    by_id: dict[int, Grant] = {}
    for number, grant in grants.items():
        name = full_name(grant.owner, grant.name, addresses[grant.owner], public, shared)
        if name:
            by_name[name] = grant
            by_id[number] = grant
    owners = {address: owner for owner, address in addresses.items() if address}
    return Seen(by_name, by_id, owners)


def _strangers(tx: Transaction, account_id: int) -> Callable[[int], bool]:
    """Whether an owner is of another domain than this account."""
    domains: dict[int, int | None] = {}

    def domain(number: int) -> int | None:
        if number not in domains:
            rows: list[Any] = tx.execute(SELECT_ACCOUNT_BY_ID, {"of_id": number})
            domains[number] = int(rows[0][1]) if rows else None
        return domains[number]

    return lambda owner: owner != acl.PUBLIC and domain(owner) != domain(account_id)


def owner_address(tx: Transaction, owner: int) -> str:
    """The address of an owner, "" for the server itself and for an account that is gone."""
    rows: list[Any] = tx.execute(SELECT_ACCOUNT_BY_ID, {"of_id": owner}) if owner else []
    return rows[0][2] if rows else ""


def full_name(owner: int, name: str, address: str, public: str, shared: str) -> str:
    """The name of a folder for those who do not own it, "" where it has none."""
    if owner == acl.PUBLIC:
        return f"{public}{SEPARATOR}{name}" if public else ""
    return f"{shared}{SEPARATOR}{address}{SEPARATOR}{name}" if shared and address else ""


def _root(value: str) -> str:
    """A root from a setting: one level, never INBOX."""
    name = canonical(value.strip())
    return "" if name == "INBOX" or SEPARATOR in name else name
