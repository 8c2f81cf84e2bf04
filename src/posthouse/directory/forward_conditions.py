"""Which mail of an account is forwarded: all of it, or what meets conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from posthouse.directory.errors import DirectoryError
from posthouse.mail.addresses import parse_addresses
from posthouse.mail.casemap import fold
from posthouse.mail.encoded import decode_words
from posthouse.mail.headers import header_end, values
from posthouse.mail.mime import Buffer
from posthouse.mail.spam_marks import marked_as_spam

MAX_PATTERN = 400
MAX_STARS = 8
_MAX_TEXT = 2000
_MAX_HEADER = 256 * 1024
_MOST = 100


@dataclass(frozen=True, slots=True)
class Conditions:
    """All that are given must hold. ``not_spam``: nothing that is marked as spam. ``sender``, ``recipient`` and
    ``subject`` are patterns (see :func:`matches`), several with commas between; "" for any. ``max_size`` in bytes, 0
    for any. ``starts_at`` and ``ends_at`` in seconds since 1970, 0.0 for no limit."""

    not_spam: bool = False
    sender: str = ""
    recipient: str = ""
    subject: str = ""
    max_size: int = 0
    starts_at: float = 0.0
    ends_at: float = 0.0

    def hold(self, mail: MailView | None) -> bool:
        """Whether they hold for a message; without a message only the empty ones do."""
        if self == NONE:
            return True
        if mail is None:
            return False
        if not self.starts_at <= mail.now or (self.ends_at and mail.now >= self.ends_at):
            return False
        if self.max_size and mail.size > self.max_size:
            return False
        if self.not_spam and mail.spam:
            return False
        return (
            _any(self.sender, mail.senders)
            and _any(self.recipient, mail.recipients)
            and _any(self.subject, (mail.subject,))
        )

    def checked(self) -> Conditions:
        """These, if they make sense. Raises DirectoryError."""
        for pattern in (self.sender, self.recipient, self.subject):
            if len(pattern) > MAX_PATTERN or any(each.count("*") > MAX_STARS for each in pattern.split(",")):
                raise DirectoryError(
                    f"a pattern has more than {MAX_PATTERN} characters or {MAX_STARS} stars",
                    "give a simpler one",
                )
        if (
            self.max_size < 0
            or min(self.starts_at, self.ends_at) < 0
            or max(self.starts_at, self.ends_at) > 1e11
        ):
            raise DirectoryError(
                "a size or date of the forward is impossible", "give a positive one, or none"
            )
        if self.ends_at and self.ends_at <= self.starts_at:
            raise DirectoryError("the forward would end before it begins", "give a later end")
        return self


NONE = Conditions()


class MailView:
    """What conditions look at. The header is read when one of them asks for it."""

    def __init__(
        self, sender: str, recipients: Sequence[str], buffer: Callable[[], Buffer], size: int, now: float
    ) -> None:
        self.size = size
        self.now = now
        self._sender = sender
        self._recipients = tuple(recipients[:_MOST])
        self._buffer = buffer
        self._fields: dict[bytes, list[bytes]] | None = None

    @property
    def fields(self) -> dict[bytes, list[bytes]]:
        """The header."""
        if self._fields is None:
            buffer = self._buffer()
            self._fields = values(bytes(buffer[: min(header_end(buffer), _MAX_HEADER)]))
        return self._fields

    @property
    def spam(self) -> bool:
        """Whether it is marked as spam."""
        return marked_as_spam(self.fields)

    @property
    def senders(self) -> tuple[str, ...]:
        """The reverse-path and who stands in From."""
        return (self._sender, *self.authors)

    @property
    def authors(self) -> tuple[str, ...]:
        """Who stands in From."""
        return tuple(self._addresses(b"from"))

    @property
    def recipients(self) -> tuple[str, ...]:
        """The recipients of the envelope and who stands in To and Cc."""
        return (*self._recipients, *self._addresses(b"to"), *self._addresses(b"cc"))

    @property
    def subject(self) -> str:
        """The subject as it is read."""
        return decode_words(b"".join(self.fields.get(b"subject", ())[:1])[:8192])

    def _addresses(self, name: bytes) -> list[str]:
        found = [
            each for value in self.fields.get(name, ())[:5] for each in parse_addresses(value[:65536])[:_MOST]
        ]
        return [
            f"{(each.mailbox or b'').decode('utf-8', 'replace')}@{each.host.decode('utf-8', 'replace')}"
            for each in found
            if each.host is not None
        ]


def matches(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern: contains it, or, where the pattern has ``*`` or ``?``, is like it as a whole.
    Upper and lower case are the same."""
    wanted, text = fold(pattern.strip()), fold(text[:_MAX_TEXT])
    if "*" not in wanted and "?" not in wanted:
        return wanted in text
    return _like(wanted, text)


def _any(patterns: str, texts: Sequence[str]) -> bool:
    wanted = [each for each in patterns.split(",") if each.strip()]
    return not wanted or any(matches(each, text) for each in wanted for text in texts)


def _like(pattern: str, text: str) -> bool:
    """Whether a text is like a pattern with ``*`` and ``?``. Goes back to the last star only, so that the time is
    bounded by the product of both lengths."""
    at = here = 0
    star, mark = -1, 0
    while here < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, here
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[here]):
            at += 1
            here += 1
        elif star >= 0:
            at, mark = star + 1, mark + 1
            here = mark
        else:
            return False
    return not pattern[at:].strip("*")
