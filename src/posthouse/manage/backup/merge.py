"""Adding what is missing: domains, accounts, addresses, lists, groups, mailboxes, messages, settings that are not there
(any more).

Nothing is deleted and nothing that is there is changed, but for flags where that is asked for. What belongs to
something with a name (the app passwords of an account, the members of a list, the rights on a folder) comes with it, in
the unit that makes it: so what is there keeps what it has, and a merge that was cut off leaves nothing half made. A
message is there if its mailbox holds as many copies of the same content with the same internal date as the backup has;
so a merge that was cut off, or is run twice, adds nothing twice. The queue is not merged: its mail was delivered since.
"""

from __future__ import annotations

from typing import Any

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory.errors import DirectoryError
from posthouse.directory.stored import put_setting, setting_values
from posthouse.manage.audit import note
from posthouse.manage.backup.merge_job import Changes, MergeJob
from posthouse.manage.backup.merge_mail import MergeMail
from posthouse.manage.backup.merge_names import MergeNames
from posthouse.manage.backup.merge_people import MergePeople
from posthouse.manage.backup.merge_who import Who
from posthouse.settings.contract import declared


async def merge(job: MergeJob) -> Changes:
    """Do it all. Raises ManageError, also when the backup has nothing of that name."""
    here = await MergePeople(job).run()
    who = Who()
    await who.load(job)
    who.coming_accounts = {number for number, (_, made) in here.accounts.items() if made is None}
    if not job.scope.folder:
        await MergeNames(job, here, who).run()
    await MergeMail(job, who).run(here)
    if not (job.scope.domain or job.scope.account):
        await _settings(job)
    if not job.dry:
        await job.call.context.database.run(_note, job)
    return job.changes


def _note(tx: Transaction, job: MergeJob) -> None:
    scope = job.scope
    done = job.changes
    what = scope.account or scope.domain or "everything"
    if scope.folder:
        what += f"/{scope.folder}" + (f"/{scope.uid}" if scope.uid else "")
    note(
        tx,
        job.call.actor,
        "backup.restore",
        job.contents.manifest.id,
        after={
            "mode": "merge",
            "of": what,
            "accounts": done.accounts,
            "addresses": done.addresses,
            "lists": done.lists,
            "groups": done.groups,
            "mailboxes": done.mailboxes,
            "messages": done.messages,
            "flags": done.flags,
            "settings": done.settings,
        },
    )


async def _settings(job: MergeJob) -> None:
    here = await job.call.context.database.scan(setting_values)
    for row in await job.load("settings_values"):
        name = row["name"]
        if name in here or name not in declared() or name.startswith("backup."):
            continue
        shown = "" if declared()[name].secret else f" to {row['value']}"
        job.changes.settings += 1
        job.changes.say(f"set {name}{shown}")
        if not job.dry:
            value = msgspec.json.decode(row["value"])
            try:
                await job.call.context.database.run(_put, name, value, job.call.context.feed)
            except DirectoryError as error:
                job.changes.settings -= 1
                job.changes.say(f"leave out {name}: {error.text}")


def _put(tx: Transaction, name: str, value: Any, feed: Any) -> None:
    put_setting(tx, name, value, feed=feed)
