"""What a list writes to people, in English or German."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posthouse.deliver.dsn.fields import clean, date, field, shown_address, text_field
from posthouse.deliver.dsn.original import quoted_printable
from posthouse.deliver.lists_header import list_id, sub_address
from posthouse.directory.lists import MailingList
from posthouse.mail.address import Address

About = Literal["held", "suspended", "confirm", "joined", "left", "help"]

_TEXTS: dict[str, dict[About, tuple[str, str]]] = {
    "en": {
        "held": (
            "A message to {list} waits for you",
            "{sender} wrote to {list}:\n\n    {subject}\n\nIt waits until a moderator lets it pass. In the browser: "
            "Lists, {list}, Waiting posts. On the command line: posthouse list held {list}\n",
        ),
        "suspended": (
            "{member} gets no more mail from {list}",
            "Mail from {list} to {member} came back too often, so that address gets none any more. Once it works "
            "again, put the member onto the list again, or remove it.\n",
        ),
        "confirm": (
            "Please confirm: {list}",
            "Somebody, hopefully you, wrote to us that {member} wants to {wish} the list {list}.\n\nTo confirm it, "
            "answer this message, or write to\n\n    {confirm}\n\nwithin three days. If you did not want that, do "
            "nothing.\n",
        ),
        "joined": (
            "Welcome to {list}",
            "{member} is on the list {list} now.\n\nTo leave, write to {leave}\n",
        ),
        "left": ("You have left {list}", "{member} is no longer on the list {list}.\n"),
        "help": (
            "Help for {list}",
            "{list}: {description}\n\nTo join, write to {join}\nTo leave, write to {leave}\nTo reach those who look "
            "after the list, write to {owner}\n",
        ),
    },
    "de": {
        "held": (
            "Eine Nachricht an {list} wartet auf Sie",
            "{sender} schrieb an {list}:\n\n    {subject}\n\nSie wartet, bis ein Moderator sie durchlässt. Im Browser: "
            "Listen, {list}, Wartende Beiträge. Auf der Kommandozeile: posthouse list held {list}\n",
        ),
        "suspended": (
            "{member} bekommt keine Nachrichten von {list} mehr",
            "Nachrichten von {list} an {member} kamen zu oft zurück; diese Adresse bekommt deshalb keine mehr. Sobald "
            "sie wieder funktioniert, nehmen Sie das Mitglied neu auf, oder entfernen Sie es.\n",
        ),
        "confirm": (
            "Bitte bestätigen: {list}",
            "Jemand, hoffentlich Sie, schrieb uns wegen {member} und der Liste {list} ({wish}).\n\nZum Bestätigen "
            "antworten Sie auf diese Nachricht, oder schreiben Sie innerhalb von drei Tagen an\n\n    {confirm}\n\n"
            "Wenn Sie das nicht wollten, tun Sie nichts.\n",
        ),
        "joined": (
            "Willkommen bei {list}",
            "{member} ist jetzt auf der Liste {list}.\n\nZum Verlassen schreiben Sie an {leave}\n",
        ),
        "left": ("Sie haben {list} verlassen", "{member} ist nicht mehr auf der Liste {list}.\n"),
        "help": (
            "Hilfe zu {list}",
            "{list}: {description}\n\nZum Beitreten schreiben Sie an {join}\nZum Verlassen schreiben Sie an {leave}\n"
            "Wer die Liste betreut, ist erreichbar unter {owner}\n",
        ),
    },
}


@dataclass(frozen=True, slots=True)
class Word:
    """What is said: ``member``, ``sender`` and ``subject`` where it is about them; ``wish`` and ``confirm`` (whom to
    answer) of a question."""

    about: About
    member: str = ""
    sender: str = ""
    subject: str = ""
    wish: str = ""
    confirm: str = ""


def compose(
    info: MailingList, to: Address, word: Word, *, language: str, message_id: str, now: float
) -> bytes:
    """A whole message with CRLF lines. Answers to a question go to the address that confirms; it says that a machine
    wrote it (RFC 3834)."""
    subject, text = _TEXTS.get(language, _TEXTS["en"])[word.about]
    facts = {
        "list": info.address,
        "description": clean(info.description),
        "member": clean(word.member),
        "sender": clean(word.sender),
        "subject": clean(word.subject, 200) or "-",
        "wish": word.wish,
        "confirm": word.confirm,
        "join": sub_address(info, "subscribe"),
        "leave": sub_address(info, "unsubscribe"),
        "owner": sub_address(info, "owner"),
    }
    header = "".join(
        (
            field("Date", date(now)),
            field("From", f"<{sub_address(info, 'owner')}>"),
            f"To: {shown_address(to)}\r\n",
            f"Reply-To: <{word.confirm}>\r\n" if word.confirm else "",
            text_field("Subject", subject.format(**facts), 250),
            field("Message-ID", message_id),
            field("List-Id", f"<{list_id(info)}>"),
            field(
                "Auto-Submitted", "auto-replied" if word.about in ("confirm", "help") else "auto-generated"
            ),
            field("Precedence", "list"),
            field("MIME-Version", "1.0"),
            field("Content-Type", "text/plain; charset=utf-8"),
            field("Content-Transfer-Encoding", "quoted-printable"),
        )
    )
    body = text.format(**facts).replace("\n", "\r\n").encode("utf-8", "replace")
    return header.encode() + b"\r\n" + quoted_printable(body)
