"""Warnings to owners of mailboxes that fill up: once for each level, until use falls below it again.

What an owner was warned of stands in the database and is changed in the same unit that puts the letter into the INBOX:
neither a restart nor a crash warns twice. The letter goes in whatever the quota says.
"""

from __future__ import annotations

import email.policy
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from posthouse.bodies.contract import Bodies, Durability
from posthouse.database.contract import Database, Transaction
from posthouse.directory import quotas
from posthouse.directory.quotas import Limited
from posthouse.settings.contract import Settings
from posthouse.settings.keeping import WARNING_LEVELS, levels
from posthouse.settings.notices import AUTHOR, LANGUAGE
from posthouse.store.contract import NewMessage
from posthouse.store.facts import compute
from posthouse.store.quota import usage_of_in
from posthouse.store.service import MailStore

PAGE = 500

_SUBJECT = {"en": "Your mailbox is {level} % full", "de": "Ihr Postfach ist zu {level} % voll"}
_TEXT = {
    "en": """Your mailbox {address} holds {used} of {quota}.

Once it is full, mail for you is refused. Delete what you do not need any more, and empty the trash folder.
Deleted messages do not count.
""",
    "de": """Ihr Postfach {address} enthält {used} von {quota}.

Wenn es voll ist, werden E-Mails an Sie abgelehnt. Löschen Sie, was Sie nicht mehr brauchen, und leeren Sie den
Papierkorb. Gelöschte Nachrichten zählen nicht mit.
""",
}


async def warn_all(
    database: Database,
    bodies: Bodies,
    durability: Durability,
    store: MailStore,
    settings: Settings,
    host: str,
) -> int:
    """Look at every account with a quota, warn those that reached a new level; returns how many."""
    steps = levels(settings[WARNING_LEVELS])
    after = count = 0
    while some := await database.scan(quotas.limited, after, PAGE):
        after = some[-1].id
        ids = [each.id for each in some]
        usage = await database.scan(usage_of_in, ids)
        before = await database.scan(quotas.levels_of, ids)
        for each in some:
            now, told = level_of(each, usage.get(each.id, (0, 0)), steps), before.get(each.id, 0)
            if now > told:
                letter = _letter(each, usage[each.id], now, host, settings)
                await _warn(each.id, now, letter, bodies, durability, store)
                count += 1
            elif now < told:
                await database.run(quotas.set_level, each.id, now, int(time.time()))
    return count


def level_of(account: Limited, used: tuple[int, int], steps: tuple[int, ...]) -> int:
    """The highest level that an account has reached, by bytes or messages; 0 for none."""
    size, messages = used
    shares = [100 * size // account.quota if account.quota else 0]
    shares.append(100 * messages // account.messages if account.messages else 0)
    return max((level for level in steps if max(shares) >= level), default=0)


async def _warn(
    account_id: int, level: int, letter: bytes, bodies: Bodies, durability: Durability, store: MailStore
) -> None:
    spool = bodies.spool()
    try:
        spool.write(letter)
        body = spool.finish()
        message = NewMessage(body, facts=compute(body.buffer()))

        def op(tx: Transaction) -> None:
            quotas.set_level(tx, account_id, level, int(time.time()))
            store.appender.append_in(tx, store.appender.inbox_in(tx, account_id), [message])

        await durability.commit([body], op)
    finally:
        spool.discard()


def _letter(account: Limited, used: tuple[int, int], level: int, host: str, settings: Settings) -> bytes:
    words = settings[LANGUAGE] if settings[LANGUAGE] in _TEXT else "en"
    by_size = account.quota and 100 * used[0] // account.quota >= level
    message = EmailMessage(policy=email.policy.SMTP.clone(utf8=not account.address.isascii()))
    message["From"], message["To"] = f"{settings[AUTHOR]}@{host}", account.address
    message["Subject"] = _SUBJECT[words].format(level=level)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<quota.{account.id}.{level}.{time.time_ns()}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    noun = {"en": "messages", "de": "Nachrichten"}[words]
    message.set_content(
        _TEXT[words].format(
            address=account.address,
            used=_size(used[0]) if by_size else f"{used[1]} {noun}",
            quota=_size(account.quota) if by_size else f"{account.messages} {noun}",
        ),
        cte="8bit",
    )
    return bytes(message)


def _size(count: int) -> str:
    for unit, least in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= least:
            return f"{count / least:.1f} {unit}"
    return f"{count} B"
