"""What a list does to the header of a post: fields of its own (RFC 2369, RFC 2919, RFC 8058), and those it takes away.

What is the same for all members goes into the body of a new message; what differs, the link to leave, is put before
each copy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from posthouse.deliver.dsn.fields import ascii_domain, clean, field, shown_address, text_field
from posthouse.directory.lists import MailingList
from posthouse.directory.lists_tokens import token
from posthouse.mail import headers
from posthouse.mail.address import Address, parse_address
from posthouse.mail.addresses import parse_addresses
from posthouse.mail.encoded import decode_words
from posthouse.mail.mime import Buffer

UNSUBSCRIBE_PATH = "/lists/unsubscribe/"

_OURS = (
    b"list-id",
    b"list-post",
    b"list-help",
    b"list-owner",
    b"list-subscribe",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-archive",
    b"precedence",
    b"return-path",
    b"delivered-to",
    b"errors-to",
    b"disposition-notification-to",
    b"return-receipt-to",
)
"""Fields of the author (or of another list) that say something else than ours would, or ask every reader for
something."""

_REPLY = re.compile(r"^\s*(?:(?:re|aw|antw|fwd?|wg)\s*:\s*)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lines:
    """Writes the lines of one member. ``host`` answers links (none are given where it is "")."""

    key: bytes
    host: str

    def of(self, info: MailingList, member: str) -> bytes:
        """The lines by which a member leaves (RFC 2369 3.2, RFC 8058 3.1)."""
        places = [f"<mailto:{sub_address(info, 'unsubscribe')}>"]
        lines = ""
        if self.host:
            link = f"https://{ascii_domain(self.host)}{UNSUBSCRIBE_PATH}{token(self.key, info.id, member)}"
            places.insert(0, f"<{link}>")
            lines = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        return ("List-Unsubscribe: " + ",\r\n ".join(places) + "\r\n" + lines).encode()


def sub_address(info: MailingList, word: str) -> str:
    """An address beside the list's own: ``name+word@domain``."""
    address = parse_address(info.address)
    return shown_address(Address(f"{address.local}+{word}", address.domain))


def list_id(info: MailingList) -> str:
    """The identifier of the list (RFC 2919 2): the address with a dot for the @."""
    address = parse_address(info.address)
    local = re.sub(r"[^A-Za-z0-9._-]", "-", address.local)
    return f"{local}.{ascii_domain(address.domain)}"


def came_through(header: bytes, info: MailingList) -> bool:
    """Whether a message went through this list already."""
    mark = f"<{list_id(info)}>".encode().lower()
    return any(mark in value.lower() for value in headers.get_all(header, b"list-id"))


def is_automatic(header: bytes) -> bool:
    """Whether a message says that no person wrote it (RFC 3834 5)."""
    value = headers.get(header, b"auto-submitted")
    return value is not None and value.partition(b";")[0].strip().lower() not in (b"", b"no")


def made(body: Buffer, info: MailingList) -> tuple[bytes, int]:
    """The header of what the list sends, and where in ``body`` the content begins (with the empty line). The author's
    fields stay as they are wherever the list has nothing to say."""
    end = headers.header_end(body)
    whole = bytes(body[:end])
    blank = 2 if whole.endswith(b"\r\n\r\n") or whole == b"\r\n" else 0
    header = headers.remove(whole[: end - blank], *_OURS)
    lines = _own_lines(info)
    if info.tag:
        header, subject = _tagged(header, info.tag)
        lines += subject
    if info.own_from:
        header, author = _from_list(header, info)
        lines += author
    if info.replies == "list":
        header = headers.remove(header, b"reply-to")
        lines += field("Reply-To", f"<{shown_address(parse_address(info.address))}>")
    if header and not header.endswith(b"\n"):
        header += b"\r\n"
    return lines.encode() + header + (b"" if blank else b"\r\n"), end - blank


def _own_lines(info: MailingList) -> str:
    address = shown_address(parse_address(info.address))
    name = " ".join(clean(info.name).split())
    plain = name if name.isascii() and not re.search(r'[<>"\\(),;:@\[\]]', name) else ""
    closed = info.mode == "announcements"
    lines = [
        field("List-Id", f"{plain} <{list_id(info)}>".strip()),
        field("List-Post", "NO (only announcements)" if closed else f"<mailto:{address}>"),
        field("List-Help", f"<mailto:{sub_address(info, 'help')}>"),
        field("List-Owner", f"<mailto:{sub_address(info, 'owner')}>"),
        "Precedence: list\r\n",
    ]
    if info.joining != "closed":
        lines.append(field("List-Subscribe", f"<mailto:{sub_address(info, 'subscribe')}>"))
    return "".join(lines)


def _tagged(header: bytes, tag: str) -> tuple[bytes, str]:
    """The header without its Subject, and one with the tag, once, however often it was answered."""
    raw = headers.get(header, b"subject") or b""
    text = decode_words(raw)
    if f"[{tag}]".lower() in text.lower():
        return header, ""
    return headers.remove(header, b"subject"), text_field("Subject", f"[{tag}] {text}".strip(), 400)


def _from_list(header: bytes, info: MailingList) -> tuple[bytes, str]:
    """The header with the list in From, for authors whose domains want nobody else to send with their address (DMARC);
    answers go to the author still."""
    raw = headers.get(header, b"from") or b""
    mailbox = next((each for each in parse_addresses(raw) if each.host and each.mailbox), None)
    if mailbox is None:
        return header, ""
    author = f"{(mailbox.mailbox or b'').decode('utf-8', 'replace')}@{(mailbox.host or b'').decode('utf-8', 'replace')}"
    shown = decode_words(mailbox.name or b"") or author.partition("@")[0]
    label = clean(f"{shown} via {info.name or info.address.partition('@')[0]}", 150)
    lines = (
        text_field("From", label).removesuffix("\r\n") if not label.isascii() else f'From: "{_quoted(label)}"'
    )
    lines += f"\r\n <{shown_address(parse_address(info.address))}>\r\n"
    header = headers.remove(header, b"from", b"sender")
    if info.replies == "sender" and headers.get(header, b"reply-to") is None:
        lines += f"Reply-To: {raw.decode('utf-8', 'replace').strip()}\r\n"
    return header, lines


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
