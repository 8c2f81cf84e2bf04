"""What events tell of a delivered message."""

from __future__ import annotations

from posthouse.bodies.contract import Body
from posthouse.cluster.events import Fact, of_address
from posthouse.mail.encoded import decode_words
from posthouse.mail.headers import get
from posthouse.settings.contract import Settings
from posthouse.settings.events import SUBJECT
from posthouse.store.contract import Facts

_MOST = 300


def private_of(settings: Settings, body: Body, facts: Facts, sender: str) -> dict[str, str]:
    """Sender and subject, where a setting says that events may tell them."""
    if not settings[SUBJECT]:
        return {}
    raw = get(bytes(body.buffer()[: facts.header_size]), b"subject")
    return {"sender": sender, "subject": decode_words(raw)[:_MOST] if raw is not None else ""}


def received(address: str, trace: str, message_id: int, uid: int, size: int, private: dict[str, str]) -> Fact:
    """A new message lies in the INBOX of this account. ``size`` is that of the message as it was accepted."""
    data = {"trace": trace, "mailbox": "INBOX", "message": message_id, "uid": uid, "size": size, **private}
    return of_address("message.received", address, data)
