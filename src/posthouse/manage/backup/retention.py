"""Which backups are kept, which objects nothing refers to any more, and when the next backup is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from posthouse.manage.backup.contents import Contents
from posthouse.manage.backup.repository import Repository
from posthouse.manage.backup.writing import Known
from posthouse.settings import backup as settings
from posthouse.settings.contract import Settings


@dataclass(frozen=True, slots=True)
class Policy:
    """How many of the newest, and of how many days, weeks and months the last."""

    last: int
    daily: int
    weekly: int
    monthly: int

    @classmethod
    def of(cls, now: Settings) -> Policy:
        """The policy of the settings."""
        return cls(
            now[settings.KEEP_LAST],
            now[settings.KEEP_DAILY],
            now[settings.KEEP_WEEKLY],
            now[settings.KEEP_MONTHLY],
        )


def moment_of(backup: str) -> float:
    """When a backup began (its id says so), in seconds since 1970."""
    import calendar

    return float(calendar.timegm(time.strptime(backup[:16], "%Y%m%dT%H%M%SZ")))


def keepers(backups: Sequence[str], policy: Policy) -> set[str]:
    """Which of these (oldest first) are kept. Days, weeks and months are UTC's."""
    newest = list(reversed(backups))
    kept = set(newest[: policy.last])
    for count, form in ((policy.daily, "%Y%m%d"), (policy.weekly, "%G%V"), (policy.monthly, "%Y%m")):
        seen: list[str] = []
        for backup in newest:
            span = time.strftime(form, time.gmtime(moment_of(backup)))
            if span in seen:
                continue
            if len(seen) == count:
                break
            seen.append(span)
            kept.add(backup)
    return kept


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went."""

    backups: list[str]
    objects: int
    size: int


def prune(
    repository: Repository, going: Sequence[str], tell: Callable[[str, int, int], None], *, dry: bool
) -> Pruned:
    """Remove these backups, then every object that no other backup refers to. Every manifest that stays is read
    first: if one cannot be, nothing is removed (raises Damaged)."""
    gone = [backup for backup in repository.backups() if backup in set(going)]
    used = Known()
    try:
        for backup in repository.backups():
            if backup in gone:
                continue
            tell(f"Reading what {backup} needs", 0, 0)
            contents = Contents(repository, repository.read_manifest(backup))
            for table in contents.manifest.tables:
                used.add_all(repository.name("rows", piece.digest) for piece in table.pieces)
            for piece in contents.manifest.body_lists:
                used.add(repository.name("list", piece.digest))
                used.add_all(repository.name("body", entry.digest) for entry in contents.entries(piece))
        for backup in [] if dry else gone:
            repository.place.delete(f"manifests/{backup}")
        objects = size = 0
        for name, length in repository.place.names("objects"):
            if name not in used:
                objects, size = objects + 1, size + length
                if not dry:
                    repository.place.delete(name)
                tell("Removing", objects, 0)
        repository.place.settle()
    finally:
        used.close()
    return Pruned(gone, objects, size)


def next_run(now: float, last: float, times: str, interval: float) -> float | None:
    """When the next backup is due, given when the last one began (0: never); None without a schedule. A time of day
    that passed while the server was off is made up for at once."""
    due: list[float] = []
    if interval:
        due.append(last + interval if last else now)
    for clock in times.replace(",", " ").split():
        hour, minute = map(int, clock.split(":"))
        after = datetime.fromtimestamp(last or now)
        day = after.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if day <= after:
            day += timedelta(days=1)
        due.append(day.timestamp())
    return min(due) if due else None
