"""What the parts of a merge share: what of the backup is wanted, and what was done."""

from __future__ import annotations

from dataclasses import dataclass, field

from posthouse.manage.backup.access import Work
from posthouse.manage.backup.contents import Cells, Contents
from posthouse.manage.backup.exact import InThread
from posthouse.manage.use import Call
from posthouse.wire.imap.names import SEPARATOR

MOST_LINES = 10_000


@dataclass(frozen=True, slots=True)
class Scope:
    """What of the backup: one domain, one account, a folder of it with those below, one message of that folder;
    everything where all are empty."""

    domain: str = ""
    account: str = ""
    folder: str = ""
    uid: int = 0

    def wants_account(self, address: str) -> bool:
        """Whether the account is in it."""
        if self.account:
            return address == self.account
        return not self.domain or address.rpartition("@")[2] == self.domain

    def wants_mailbox(self, name: str) -> bool:
        """Whether the mailbox is in it."""
        if not self.folder or name == self.folder:
            return True
        return not self.uid and name.startswith(self.folder + SEPARATOR)


@dataclass(slots=True)
class Changes:
    """What was done, or would be: the first lines, and counts of all."""

    lines: list[str] = field(default_factory=list)
    line_count: int = 0
    domains: int = 0
    accounts: int = 0
    aliases: int = 0
    addresses: int = 0
    lists: int = 0
    groups: int = 0
    others: int = 0
    mailboxes: int = 0
    messages: int = 0
    flags: int = 0
    settings: int = 0
    lost: int = 0

    def say(self, line: str) -> None:
        """Add a line."""
        self.line_count += 1
        if len(self.lines) < MOST_LINES:
            self.lines.append(line)


@dataclass(frozen=True, slots=True)
class MergeJob:
    """One merge. ``dry``: only say what would be done; ``flags``: put back those of messages that are there, too."""

    call: Call
    contents: Contents
    scope: Scope
    work: Work
    in_thread: InThread
    flags: bool
    dry: bool
    changes: Changes = field(default_factory=Changes)

    async def load(self, table: str) -> list[Cells]:
        """All rows of a table of the backup."""
        found: list[Cells] = await self.in_thread(lambda: list(self.contents.rows(table)))
        return found
