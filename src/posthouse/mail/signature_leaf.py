"""Adds a signature to one text part: in its charset and transfer encoding where these hold it, else the part is written
anew (RFC 2045 6, RFC 3676 for format=flowed)."""

from __future__ import annotations

import codecs
import re
from base64 import b64encode
from binascii import b2a_qp
from dataclasses import dataclass

from posthouse.mail.charsets import codec
from posthouse.mail.headers import fields
from posthouse.mail.mime import Buffer, Part
from posthouse.mail.signature_parts import Place
from posthouse.mail.signature_words import Signature
from posthouse.mail.text import charset_of
from posthouse.mail.transfer import decode_transfer

MAX_LINE = 900
"""Bytes of a line that is added as it is; RFC 5322 2.1.1 allows 998."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_PROBE = "AZaz09<>&#;/ \"'=\r\n-"
_TOKEN = re.compile(rb"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+")
_HIDDEN = re.compile(
    r"<!--.*?(?:(?P<comment>-->)|\Z)|<(?P<name>script|style|textarea|title|xmp)\b.*?(?:(?P<raw></(?P=name)\s*>)|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_BODY_END = re.compile(r"</(?:body|html)\b", re.IGNORECASE)
_OPEN_TAG = re.compile(r"<[a-z!/][^<>]*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Edit:
    """The bytes from ``start`` to ``end`` become ``data``."""

    start: int
    end: int
    data: bytes


def edits_of(buffer: Buffer, place: Place, signature: Signature, *, top: bool) -> list[Edit]:
    """What changes in this part. ``top``: it is the message itself."""
    part = place.part
    raw = bytes(buffer[part.body : part.end])
    data = decode_transfer(raw, part.encoding)
    head = bytes(buffer[part.start : part.body])
    closed = head.endswith((b"\n\r\n", b"\n\n")) or head in (b"\r\n", b"\n", b"")
    if data is None or (not closed and (not top or data)):
        return []  # its header is cut off
    leaf = _Leaf(part, raw, data, place.html)
    added = leaf.appended(signature)
    if added is not None:
        return [Edit(part.body + added[0], part.body + added[0], _with_blank_line(head, added[1], top))]
    made = leaf.rewritten(signature)
    if made is None:
        return []
    text, charset = made
    encoding, body = _encoded(text, charset, part.encoding)
    new_head = _new_head(head, part, charset, encoding, top=top)
    return [Edit(part.start, part.body, new_head), Edit(part.body, part.end, body)]


class _Leaf:
    """A text part: what it says it is, and what it is."""

    def __init__(self, part: Part, raw: bytes, data: bytes, html: bool) -> None:
        self.part, self.raw, self.data, self.html = part, raw, data, html
        self.flowed = any(name == "format" and value.lower() == b"flowed" for name, value in part.params)
        claimed = charset_of(part)
        name = codec(claimed) if claimed else "ascii"
        if name in (None, "ascii"):
            name = _really(data)
        self.codec = name or "latin-1"
        self.writes = _narrow(claimed, self.codec)
        self.like_ascii = _like_ascii(self.codec)

    def appended(self, signature: Signature) -> tuple[int, bytes] | None:
        """Where in the raw part bytes are put in without touching any other, and which; None where that cannot be
        done."""
        if self.part.encoding not in ("", "7bit", "8bit", "binary") or not self.like_ascii:
            return None
        if self.html:
            added = _html_lines(signature.html).encode("ascii", "xmlcharrefreplace")
            at = _html_end(self.raw.decode("latin-1"))
            if _longest(added) > MAX_LINE or _line_around(self.raw, at) + 100 > MAX_LINE:
                return None
            return at, b"\r\n" + added + b"\r\n"
        text = _plain_lines(signature.plain, flowed=self.flowed)
        try:
            added = text.encode(self.writes)
        except UnicodeError:
            return None
        new_8bit = not added.isascii() and (self.raw.isascii() or self.part.encoding in ("", "7bit"))
        if new_8bit or _longest(added) > MAX_LINE or (b"\x1b" in added and b"\x1b" not in self.raw):
            return None
        return len(self.raw), self._gap() + added

    def rewritten(self, signature: Signature) -> tuple[bytes, str]:
        """The decoded part with its signature, and its charset ("": as it was)."""
        if self.like_ascii and self.html:
            at = _html_end(self.data.decode("latin-1"))
            added = _html_lines(signature.html).encode("ascii", "xmlcharrefreplace")
            return self.data[:at] + b"\r\n" + added + b"\r\n" + self.data[at:], ""
        text = _plain_lines(signature.plain, flowed=self.flowed)
        if self.like_ascii:
            try:
                fits = text.encode(self.writes)
                if not (fits and self._claims_ascii() and not fits.isascii()):
                    return self.data + _gap(self.data) + fits, ""
            except UnicodeError:
                pass
        try:
            old = self.data.decode(self.codec)
        except (UnicodeError, ValueError, RuntimeError):
            # What cannot be read cannot be turned into another charset: what the signature has and it lacks is lost.
            if self.like_ascii:
                lost = text.encode(self.writes if not self._claims_ascii() else "ascii", "replace")
                return self.data + _gap(self.data) + lost, ""
            old = self.data.decode(self.codec, "replace")
        if self.html:
            at = _html_end(old)
            new = f"{old[:at]}\r\n{_html_lines(signature.html)}\r\n{old[at:]}"
        else:
            gap = _gap(old.encode("utf-8", "surrogatepass")).decode()
            new = old + gap + text
        return new.encode("utf-8", "replace"), "utf-8"

    def _claims_ascii(self) -> bool:
        claimed = charset_of(self.part)
        return codec(claimed) in (None, "ascii") if claimed else True

    def _gap(self) -> bytes:
        return _gap(self.raw)


def _really(data: bytes) -> str:
    """The charset of text that claims to be US-ASCII, or nothing."""
    if data.isascii():
        return "ascii"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _narrow(claimed: str, found: str) -> str:
    """What is written in a charset must be read by everybody: where it is read by a larger one of the same kind (GB2312
    by GB18030), the one that was named."""
    try:
        name = codecs.lookup(claimed.strip().strip("'\"").lower()).name if claimed.isascii() else found
    except (LookupError, ValueError):
        return found
    return name if codec(claimed) == found and name != "ascii" else found


def _like_ascii(name: str) -> bool:
    """Whether ASCII text is the same bytes in this charset."""
    if name in ("utf-7", "hz", "utf-8-sig"):
        return False
    try:
        return _PROBE.encode(name) == _PROBE.encode("ascii")
    except (UnicodeError, ValueError, RuntimeError):
        return False


def _gap(text: bytes) -> bytes:
    """What parts the text from its signature: one empty line; nothing above a signature that stands alone."""
    if not text.strip(b"\r\n"):
        return b""
    return b"\r\n" if text.endswith(b"\n") else b"\r\n\r\n"


def _plain_lines(text: str, *, flowed: bool) -> str:
    """A plain signature in lines of mail. In flowed text no line of it may join the next one (RFC 3676 4.1, 4.4)."""
    lines = _LINE_END.split(text.replace("\0", "").strip("\r\n"))
    if flowed:
        lines = [line if line == "-- " else _stuffed(line.rstrip(" ")) for line in lines]
    return "\r\n".join(lines) + "\r\n"


def _stuffed(line: str) -> str:
    return f" {line}" if line.startswith((" ", ">", "From ")) else line


def _html_lines(html: str) -> str:
    return "\r\n".join(_LINE_END.split(html.replace("\0", "").strip("\r\n")))


def _html_end(source: str) -> int:
    """Where in an HTML text something is put so that it is shown last: before the end of its body, outside of comments
    and scripts, and of a tag that is never closed. By character, which for bytes read as Latin-1 is by byte."""
    end = len(source)
    hidden = list(_HIDDEN.finditer(source))
    if hidden and not (hidden[-1]["comment"] or hidden[-1]["raw"]):
        end = hidden[-1].start()  # a comment or script that never ends
    else:
        cut = _OPEN_TAG.search(source, max(0, end - 2000))
        if cut is not None:
            end = cut.start()
    covered = dict(found.span() for found in hidden)
    best = -1
    starts = sorted(covered)
    which = 0
    for found in _BODY_END.finditer(source, 0, end):
        while which < len(starts) and covered[starts[which]] <= found.start():
            which += 1
        if which < len(starts) and starts[which] <= found.start():
            continue
        if found[0].lower() == "</body" or best < 0:
            best = found.start()
    return end if best < 0 else best


def _longest(data: bytes) -> int:
    return max(len(line) for line in data.split(b"\r\n"))


def _line_around(raw: bytes, at: int) -> int:
    """Bytes of the longer half of the line at an offset, which is cut there."""
    before = at - (raw.rfind(b"\n", 0, at) + 1)
    after = raw.find(b"\n", at)
    return max(before, (len(raw) if after < 0 else after) - at)


def _with_blank_line(head: bytes, added: bytes, top: bool) -> bytes:
    """A message that is only a header has no empty line below it yet."""
    if top and not (head.endswith((b"\n\r\n", b"\n\n")) or head in (b"\r\n", b"\n")):
        return _missing_end(head) + added
    return added


def _missing_end(head: bytes) -> bytes:
    return b"\r\n" if head.endswith(b"\n") or not head else b"\r\n\r\n"


def _encoded(data: bytes, charset: str, before: str) -> tuple[str, bytes]:
    """The transfer encoding for a text that was written anew, and the text in it."""
    if before == "base64" or (charset and _mostly_8bit(data)):
        code = b64encode(data)
        return "base64", b"\r\n".join(code[at : at + 76] for at in range(0, len(code), 76)) + b"\r\n"
    return "quoted-printable", quoted_printable(data)


def _mostly_8bit(data: bytes) -> bool:
    high = len(data) - len(data.decode("ascii", "ignore"))
    return high * 4 > len(data)


def quoted_printable(data: bytes) -> bytes:
    """Text with CRLF lines in quoted-printable (RFC 2045 6.7); a CR or LF on its own is written as a code."""
    lines = (
        b2a_qp(line, quotetabs=False, istext=False).replace(b"=\n", b"=\r\n") for line in data.split(b"\r\n")
    )
    return b"\r\n".join(lines)


def _new_head(head: bytes, part: Part, charset: str, encoding: str, *, top: bool) -> bytes:
    """The part's header with its new Content-Type (where the charset is another) and transfer encoding."""
    gone = {b"content-transfer-encoding", b"content-md5"} | ({b"content-type"} if charset else set())
    kept, at = [], 0
    versioned = False
    for field in fields(head):
        name = field.name.lower()
        versioned = versioned or name == b"mime-version"
        if name in gone:
            kept.append(head[at : field.start])
            at = field.end
    rest = head[at:]
    blank = next((end for end in (b"\r\n\r\n", b"\n\n") if rest.endswith(end)), b"")
    if blank:
        rest = rest[: -len(blank) // 2]
    elif rest in (b"\r\n", b"\n"):
        rest = b""
    elif rest and not rest.endswith(b"\n"):
        rest += b"\r\n"
    kept.append(rest)
    if top and not versioned:
        kept.append(b"MIME-Version: 1.0\r\n")
    if charset:
        kept.append(_content_type(part, charset))
    kept.append(f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode())
    return b"".join(kept)


def _content_type(part: Part, charset: str) -> bytes:
    pieces = [f"Content-Type: {part.type}/{part.subtype}; charset={charset}".encode()]
    for name, value in part.params:
        if name.partition("*")[0] == "charset":
            continue
        if not _TOKEN.fullmatch(value):
            value = b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        pieces.append(b";\r\n " + name.encode("ascii", "ignore") + b"=" + value)
    return b"".join(pieces) + b"\r\n"
