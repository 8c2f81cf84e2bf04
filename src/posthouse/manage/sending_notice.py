"""The letter to the postmaster about an account whose mail is held."""

from __future__ import annotations

import email.policy
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from posthouse.directory.brakes import Brake

_SUBJECT = {
    "en": "Mail of {account} is held: far more than usual",
    "de": "E-Mails von {account} werden angehalten: weit mehr als üblich",
}
_TEXT = {
    "en": """{account} suddenly sends far more than usual: {reason}.

Since {at} UTC its mail is taken, but held on {host}: nothing of it leaves. Held at this moment: {held} recipients.

Perhaps somebody knows the account's password who should not; perhaps it is a newsletter. Have a look, and then
release the mail, or reject it and block the account:

    page "Who sends" of the administration, or
    posthouse sending show {account}
    posthouse sending release {account}
    posthouse sending reject {account}
""",
    "de": """{account} sendet plötzlich weit mehr als üblich: {reason}.

Seit {at} UTC werden die E-Mails angenommen, aber auf {host} angehalten: nichts davon geht hinaus. Im Augenblick
angehalten: {held} Empfänger.

Vielleicht kennt jemand das Passwort des Kontos, der es nicht sollte; vielleicht ist es ein Rundbrief. Bitte nachsehen
und dann die E-Mails freigeben, oder sie verwerfen und das Konto sperren:

    Seite „Wer sendet“ der Verwaltung, oder
    posthouse sending show {account}
    posthouse sending release {account}
    posthouse sending reject {account}
""",
}
_REASON = {
    "en": "{sent} recipients within a short time, in its usual busiest hour {usual}",
    "de": "{sent} Empfänger in kurzer Zeit, in der üblichen stärksten Stunde {usual}",
}


def letter(
    author: str, postmaster: str, account: str, brake: Brake, held: int, host: str, language: str
) -> bytes:
    """The message, with CRLF line ends; in English where the language is not known."""
    known = language if language in _TEXT else "en"
    reason = _REASON[known].format(sent=brake.sent, usual=brake.usual or "–")
    at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(brake.at))
    message = EmailMessage(policy=email.policy.SMTP.clone(utf8=not (account + postmaster).isascii()))
    message["From"], message["To"] = author, postmaster
    message["Subject"] = _SUBJECT[known].format(account=account)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        _TEXT[known].format(account=account, reason=reason, at=at, host=host, held=held), cte="8bit"
    )
    return bytes(message)
