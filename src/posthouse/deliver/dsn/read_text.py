"""Bounces that are no reports: told by what qmail, Exim, Exchange and others write for people.

Only messages that come as bounces do are looked at: from a mailer daemon or postmaster, or with Exim's
``X-Failed-Recipients``. An answer by a person who is away is none.
"""

from __future__ import annotations

import re

from posthouse.deliver.dsn.bounced import (
    MAX_RECIPIENTS,
    BouncedRecipient,
    address_in,
    id_in,
    parts_of,
    text_of,
)
from posthouse.deliver.dsn.cause import cause_of_words
from posthouse.deliver.dsn.fields import clean
from posthouse.mail.encoded import decode_words
from posthouse.mail.headers import get, header_end, values
from posthouse.mail.mime import Buffer, Part

_MOST_TEXT = 64 * 1024
_MOST_HEADER = 64 * 1024
_FROM_MACHINE = re.compile(
    rb"mailer-?daemon|postmaster|mail delivery (?:sub)?system|mail ?server|microsoftexchange|bounce",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|failure notice|delivery (?:status notification|failure|failed|problem|has failed)"
    r"|returned (?:mail|to sender)"
    r"|mail delivery|could not (?:be delivered|send)|unzustellbar|nicht zugestellt|non remis|no se puede entregar",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"\bdelay|\bwarning\b|not yet (?:been )?delivered|will (?:continue|keep) (?:to )?tr", re.IGNORECASE
)
_ADDRESS = r"[^\s<>\"(),:;@\[\]]{1,100}@[A-Za-z0-9.\[\]:-]{1,255}[A-Za-z0-9\]]"
_LINE = re.compile(
    rf"^[ \t>]*(?:to:?[ \t]+|recipient(?: address)?:[ \t]*|[*•-][ \t]+)?"
    rf"(?:<(?P<a>{_ADDRESS})>|(?P<b>{_ADDRESS}))[ \t]*(?P<rest>.{{0,1000}})$",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"^[ \t]*-{2,} ?(?:this is a copy of|below this line is a copy|original message|the header of"
    r"|unsent message|transcript of the original)"
    r"|^[ \t]*-{3,}.{0,60}(?:copy of (?:the|your) message|message headers?|original message).{0,60}-{2,}"
    r"|^Original message (?:headers|follows)",
    re.IGNORECASE | re.MULTILINE,
)
_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?=[ -]|$)")
_STATUS = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")


def read_text(message: Buffer, root: Part, message_id: str) -> list[BouncedRecipient]:
    """The recipients that the words of a bounce tell of; empty where it is none."""
    header = bytes(message[: min(header_end(message), _MOST_HEADER)])
    fields = values(header)
    failed = _failed_recipients(fields)
    if not failed and not _is_bounce(fields):
        return []
    text = next(
        (
            text_of(message, part)
            for part in parts_of(root)
            if part.type == "text" and part.subtype == "plain"
        ),
        "",
    )[:_MOST_TEXT].replace("\r\n", "\n")
    cut = _ORIGINAL.search(text)
    told, copy = (text[: cut.start()], text[cut.start() :]) if cut else (text, "")
    message_id = message_id or id_in(copy.encode("utf-8", "replace")[copy.find("\n") + 1 :].lstrip())
    action = "delayed" if _DELAYED.search(decode_words(get(header, b"subject") or b"")[:300]) else "failed"
    words = _words_by_recipient(told)
    found = []
    for address in list(dict.fromkeys(failed or words))[:MAX_RECIPIENTS]:
        said = words.get(address, "") or clean(told, 400)
        code, status = _CODE.search(said), _STATUS.search(said)
        enhanced = status[1] if status else ""
        cause = cause_of_words(int(code[1]) if code else 0, enhanced, said)
        found.append(BouncedRecipient(address, cause, action, enhanced, said, address, message_id=message_id))
    return found


def _failed_recipients(fields: dict[bytes, list[bytes]]) -> list[str]:
    """Exim (and Google) name them in a field."""
    found: list[str] = []
    for value in fields.get(b"x-failed-recipients", [])[:20]:
        for each in value[: 100 * 1024].decode("latin-1").split(",")[:MAX_RECIPIENTS]:
            address = address_in(each.strip()).lower()
            if address:
                found.append(address)
    return found


def _is_bounce(fields: dict[bytes, list[bytes]]) -> bool:
    senders = b" ".join(fields.get(b"from", []) + fields.get(b"return-path", []))[:1000]
    subject = decode_words(b" ".join(fields.get(b"subject", []))[:1000])
    kind = b" ".join(fields.get(b"auto-submitted", []))[:60].lower()
    if b"auto-replied" in kind and not _FROM_MACHINE.search(senders):
        return False
    return bool(_FROM_MACHINE.search(senders) and (_SUBJECT.search(subject) or not subject))


def _words_by_recipient(text: str) -> dict[str, str]:
    """Addresses that stand at the beginning of a line, with the words after each of them up to an empty line or the
    next address. (qmail: ``<anna@example.org>:`` and the reason below; Exim: the address, the reason indented below;
    Exchange: the address and the reason on one line or the next.)"""
    found: dict[str, str] = {}
    address, open_words = "", False
    words: list[str] = []
    for line in text.split("\n")[:5000]:
        match = _LINE.match(line[:1500])
        if match:
            _keep(found, address, words)
            address, words, open_words = (match["a"] or match["b"]).lower(), [], True
            rest = match["rest"].strip(" \t:>,;")
            if rest:
                words.append(rest)
        elif not line.strip():
            open_words = open_words and not words
        elif address and open_words and len(words) < 20:
            words.append(line.strip())
    _keep(found, address, words)
    return found


def _keep(found: dict[str, str], address: str, words: list[str]) -> None:
    """An address counts where something was said of it that tells a cause or a code; the first time it is named."""
    said = clean(" ".join(words), 1000)
    if not address or address in found or len(found) >= MAX_RECIPIENTS:
        return
    if said and (_CODE.search(said) or _STATUS.search(said) or cause_of_words(0, "", said) != "other"):
        found[address] = said
