"""The word to somebody whose forward does not work, in English or German."""

from __future__ import annotations

from dataclasses import dataclass
from time import gmtime, strftime

from posthouse.deliver.dsn.fields import clean, date, field, shown_address, text_field
from posthouse.deliver.dsn.original import quoted_printable
from posthouse.directory.forwards import ForwardTarget
from posthouse.mail.address import Address


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language."""

    subject: str
    begin: str
    since: str
    stopped: str
    until: str
    again: str


_TEXTS = {
    "en": Words(
        "Your forward to {target} does not work",
        "Mail to {account} could not be forwarded to {target}. It is in your INBOX here; nothing is lost. "
        "Whoever wrote to you was not told.\n\nWhat was said:\n\n    {said}\n",
        "It has not worked since {since}.",
        "Because it has not worked for so long, mail is not forwarded there any more. It stays in your INBOX. "
        "Once the address works again, set the forward up anew.",
        "If that stays so for {days} days, the forward there is switched off and your mail stays here.",
        "You are told once a day at most. You can change the forward in the browser: My account, Forwarding. "
        "Or ask your administrator.",
    ),
    "de": Words(
        "Ihre Weiterleitung an {target} funktioniert nicht",
        "E-Mail an {account} konnte nicht an {target} weitergeleitet werden. Sie liegt hier in Ihrem Posteingang; "
        "nichts ist verloren. Wer Ihnen geschrieben hat, wurde nicht benachrichtigt.\n\nDas wurde gesagt:\n\n"
        "    {said}\n",
        "Sie funktioniert seit {since} nicht.",
        "Weil sie so lange nicht funktioniert hat, wird nichts mehr dorthin weitergeleitet. Ihre E-Mail bleibt in "
        "Ihrem Posteingang. Sobald die Adresse wieder funktioniert, richten Sie die Weiterleitung neu ein.",
        "Bleibt das {days} Tage so, wird die Weiterleitung dorthin abgeschaltet, und Ihre E-Mail bleibt hier.",
        "Sie werden höchstens einmal am Tag benachrichtigt. Im Browser können Sie die Weiterleitung ändern: "
        "Mein Konto, Weiterleitung. Oder fragen Sie, wer diesen Server betreut.",
    ),
}


def compose(
    account: Address,
    target: ForwardTarget,
    *,
    language: str,
    author: str,
    message_id: str,
    now: float,
    days: int,
) -> bytes:
    """A whole message with CRLF lines, in ASCII but for UTF-8 addresses in its header. ``target`` as it is after the
    failure; ``author`` is the address it comes from."""
    words = _TEXTS.get(language, _TEXTS["en"])
    said = clean(target.trouble) or "-"
    pieces = [words.begin.format(account=account, target=target.address, said=said)]
    if target.failing_since < now:
        pieces.append(words.since.format(since=strftime("%Y-%m-%d", gmtime(target.failing_since))))
    if target.stopped:
        pieces.append(words.stopped)
    elif days:
        pieces.append(words.until.format(days=days))
    pieces.append(words.again)
    text = "\n\n".join(pieces) + "\n"
    header = "".join(
        (
            field("Date", date(now)),
            field("From", f"Mail Delivery System <{author}>"),
            f"To: {shown_address(account)}\r\n",
            text_field("Subject", words.subject.format(target=target.address), 250),
            field("Message-ID", message_id),
            field("Auto-Submitted", "auto-generated"),
            field("MIME-Version", "1.0"),
            field("Content-Language", language if language in _TEXTS else "en"),
            field("Content-Type", "text/plain; charset=utf-8"),
            field("Content-Transfer-Encoding", "quoted-printable"),
        )
    )
    return header.encode() + b"\r\n" + quoted_printable(text.replace("\n", "\r\n").encode("utf-8", "replace"))
