"""Letters to people whose password is about to expire: one for each password.

That somebody was told stands in the database and is written in the unit that puts the letter into the INBOX: neither a
restart nor a crash tells it twice. The letter goes in whatever the quota says.
"""

from __future__ import annotations

import email.policy
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from posthouse.bodies.contract import Bodies, Durability
from posthouse.database.contract import Database, Transaction
from posthouse.directory import expiry, limits
from posthouse.directory.expiry import Due
from posthouse.settings.contract import Settings
from posthouse.settings.notices import AUTHOR, LANGUAGE
from posthouse.settings.signin import EXPIRED_DAYS, PASSWORD_DAYS, PASSWORD_WARNING
from posthouse.store.contract import NewMessage
from posthouse.store.facts import compute
from posthouse.store.service import MailStore

PAGE = 500

_SUBJECT = {
    "en": ("Your password expires on {day}", "Your password has expired"),
    "de": ("Ihr Passwort läuft am {day} ab", "Ihr Passwort ist abgelaufen"),
}
_TEXT = {
    "en": (
        "The password of {address} expires on {day}.\n",
        "The password of {address} expired on {day}.\n",
        """
Sign in to the pages of {host} and set another one under My account. From {day} on nothing else can be done there
before; mail programs can go on with the old password until {last}.
""",
    ),
    "de": (
        "Das Passwort von {address} läuft am {day} ab.\n",
        "Das Passwort von {address} ist am {day} abgelaufen.\n",
        """
Melden Sie sich auf den Seiten von {host} an und setzen Sie unter Mein Konto ein neues. Ab dem {day} geht dort vorher
nichts anderes; E-Mail-Programme können das alte Passwort bis zum {last} weiter benutzen.
""",
    ),
}


async def warn_all(
    database: Database,
    bodies: Bodies,
    durability: Durability,
    store: MailStore,
    settings: Settings,
    host: str,
    now: float = 0.0,
) -> int:
    """Tell everybody who has to be told; how many were."""
    days, early = settings[PASSWORD_DAYS], settings[PASSWORD_WARNING]
    if not days:
        return 0
    now = now or time.time()
    after = count = 0
    before = now - (days - early) * limits.DAY
    while some := await database.scan(expiry.due, before, after, PAGE):
        after = some[-1].id
        for each in some:
            letter = _letter(each, now, host, settings)
            await _put(each, letter, bodies, durability, store)
            count += 1
    return count


async def _put(who: Due, letter: bytes, bodies: Bodies, durability: Durability, store: MailStore) -> None:
    spool = bodies.spool()
    try:
        spool.write(letter)
        body = spool.finish()
        message = NewMessage(body, facts=compute(body.buffer()))

        def op(tx: Transaction) -> None:
            expiry.told(tx, who.id, who.since)
            store.appender.append_in(tx, store.appender.inbox_in(tx, who.id), [message])

        await durability.commit([body], op)
    finally:
        spool.discard()


def _letter(who: Due, now: float, host: str, settings: Settings) -> bytes:
    own = who.language.partition("-")[0]
    words = next((each for each in (own, settings[LANGUAGE]) if each in _TEXT), "en")
    expires = limits.expires_at(who.since, settings)
    over = expires <= now
    values = {
        "address": who.address,
        "host": host,
        "day": _day(expires),
        "last": _day(expires + settings[EXPIRED_DAYS] * limits.DAY),
    }
    message = EmailMessage(policy=email.policy.SMTP.clone(utf8=not who.address.isascii()))
    message["From"], message["To"] = f"{settings[AUTHOR]}@{host}", who.address
    message["Subject"] = _SUBJECT[words][over].format(**values)
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = f"<password.{who.id}.{time.time_ns()}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    text = _TEXT[words][over] + _TEXT[words][2]
    message.set_content(text.format(**values), cte="8bit")
    return bytes(message)


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
