"""Conversations in the log: what peers say and what they are answered, without secrets and message content.

A session holds a :class:`Talk` only while its protocol is switched on; switched off, each place where something is
said costs one look at an attribute that is None.

What is shown of a peer's line is decided by its first words: a known command is shown, one that carries a
secret without it, and a line that is no command at all only by its length. After a refused AUTH many clients send
their password all the same, and it must not be found here.
"""

from __future__ import annotations

import re
from typing import Protocol

from posthouse.observe.log import logger

HIDDEN = "***"

_MECHANISM = re.compile(
    rb"(?:PLAIN|LOGIN|CRAM-MD5|DIGEST-MD5|SCRAM-[A-Z0-9-]{1,20}|XOAUTH2|OAUTHBEARER|EXTERNAL)\Z"
)
_LITERAL = re.compile(rb"~?\{(\d{1,19})\+?\}\Z")
_FETCH = re.compile(rb"\* \d+ FETCH ", re.ASCII)

_PLAIN_REQUESTS = (b"+ Ready for ", b"+ idling")
"""What IMAP asks for with a plus sign outside of a sign-in."""


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


_SMTP = _words("HELO EHLO LHLO MAIL RCPT DATA BDAT RSET NOOP HELP VRFY EXPN ETRN QUIT STARTTLS")
_POP3 = _words("CAPA USER STAT LIST UIDL RETR TOP DELE RSET NOOP QUIT STLS UTF8 LANG")
_IMAP = _words(
    "CAPABILITY NOOP LOGOUT STARTTLS SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE LIST LSUB "
    "STATUS APPEND CHECK CLOSE UNSELECT EXPUNGE SEARCH FETCH STORE COPY MOVE UID IDLE ENABLE NAMESPACE ID "
    "COMPRESS SORT THREAD GETQUOTA GETQUOTAROOT SETQUOTA"
)
_SECRET = _words("AUTH AUTHENTICATE PASS LOGIN APOP XAPOP")


class Switches:
    """What is switched on. ``line_length`` is in characters."""

    __slots__ = ("connections", "imap", "line_length", "pop3", "smtp")

    def __init__(self) -> None:
        self.smtp = self.imap = self.pop3 = self.connections = False
        self.line_length = 500


switches = Switches()
"""Those of this process."""


class Talker(Protocol):
    """What a conversation's lines say about the session."""

    @property
    def label(self) -> str:
        """Its id."""

    @property
    def trace_id(self) -> str:
        """The trace of its messages, or ""."""


class Talk:
    """The conversation of one session. This base shows everything but what ``shown`` hides."""

    __slots__ = ("_log", "_name", "_peer", "_session")

    def __init__(self, name: str, session: Talker, peer: str) -> None:
        self._name = name
        self._session = session
        self._peer = peer
        self._log = logger(f"talk.{name}")

    def heard(self, line: bytes) -> None:
        """A command line came from the peer, without its line end."""
        self._say("received", shown(line, self._name))

    def hidden(self, line: bytes) -> None:
        """A line that is secret by its place (a response of SASL)."""
        self._say("received", HIDDEN if line != b"*" else "*")

    def sent(self, data: bytes) -> None:
        """Something was said to the peer: one line or several."""
        for line in data.split(b"\r\n"):
            if line:
                self._sent_line(line)

    def follows(self) -> None:
        """What is written next belongs to a message."""

    def line(self, line: bytes, first: bool, response: bool) -> None:
        """A line of a client of IMAP."""

    def _sent_line(self, line: bytes) -> None:
        if line.startswith((b"334 ", b"+ ")) and len(line) > 4:
            line = line[:4].rstrip() + b" " + HIDDEN.encode()
        self._say("sent", _text(line))

    def _say(self, way: str, text: str) -> None:
        session = self._session
        event, trace = f"{self._name}.{way}", session.trace_id
        if trace:
            self._log.info(event, session=session.label, trace=trace, peer=self._peer, line=text)
        else:
            self._log.info(event, session=session.label, peer=self._peer, line=text)


class Pop3Talk(Talk):
    """POP3: of an answer with several lines only the first is shown, the others are counted."""

    __slots__ = ("_body",)

    def __init__(self, name: str, session: Talker, peer: str) -> None:
        super().__init__(name, session, peer)
        self._body = False

    def heard(self, line: bytes) -> None:
        self._body = False
        super().heard(line)

    def sent(self, data: bytes) -> None:
        # RETR and TOP write in pieces: after the first answer to a command everything is content, until the next
        # command.
        if self._body:
            return
        first, _, rest = data.partition(b"\r\n")
        self._sent_line(first)
        if first.startswith(b"+OK") and rest:
            self._body = True
        elif rest:
            super().sent(rest)

    def follows(self) -> None:
        """What is written next belongs to a message."""
        self._body = True


class ImapTalk(Talk):
    """IMAP: literals are left out on both sides, and so is what FETCH answers."""

    __slots__ = ("_answer", "_cut", "_fetching", "_secret", "_skip", "_tags")

    def __init__(self, name: str, session: Talker, peer: str) -> None:
        super().__init__(name, session, peer)
        self._answer = b""
        self._cut = 0
        self._skip = 0
        self._fetching = False
        self._secret = False
        self._tags: set[bytes] = set()
        """Tags of commands that were shown. What stood in the place of a tag is not one for that."""

    def line(self, line: bytes, first: bool, response: bool) -> None:
        """A line of the client: the first one of a command, a later one (after a literal), or a response of
        SASL (or IDLE's DONE)."""
        if response:
            if line.upper() == b"DONE":
                self._say("received", "DONE")
            else:
                self.hidden(line)
        elif first:
            self._secret = _is_secret(line)
            text = shown(line, self._name)
            tag = line.split(None, 1)[0] if line.strip() else b""
            if tag and text.startswith(tag.decode("utf-8", "replace") + " ") and len(self._tags) < 1000:
                self._tags.add(tag)
            self._say("received", text)
        elif line and not self._secret:
            self._say("received", _text(line))

    def sent(self, data: bytes) -> None:
        place, end = 0, len(data)
        if self._answer.endswith(b"\r") and data.startswith(b"\n"):  # a line end in two writes
            self._answer = self._answer[:-1]
            self._finish_line()
            place = 1
        while place < end:
            if self._skip:
                taken = min(self._skip, end - place)
                self._skip -= taken
                place += taken
                continue
            stop = data.find(b"\r\n", place)
            piece = data[place : end if stop < 0 else stop]
            # Only the beginning (to show) and the end (a literal's size) of a line are kept.
            whole = self._answer + piece
            if len(whole) > 16384:
                self._cut += len(whole) - 16384
                whole = whole[:8192] + whole[-8192:]
            self._answer = whole
            if stop < 0:
                return
            place = stop + 2
            self._finish_line()

    def _sent_line(self, line: bytes) -> None:
        if line.startswith(_PLAIN_REQUESTS):
            self._say("sent", _text(line))
            return
        if not line.startswith((b"* ", b"+")):
            tag, blank, rest = line.partition(b" ")
            if tag not in self._tags:  # perhaps a password in the wrong place, sent back
                line = HIDDEN.encode() + blank + rest
            self._tags.discard(tag)
        super()._sent_line(line)

    def _finish_line(self) -> None:
        line, cut = self._answer, self._cut
        self._answer, self._cut = b"", 0
        literal = _LITERAL.search(line[-32:])
        if literal is not None:
            self._skip = int(literal.group(1))
        if self._fetching or (literal is None and not line):
            pass  # the rest of an answer that is not shown
        elif _FETCH.match(line):
            self._say("sent", f"{_text(line.split(b'(')[0])}({HIDDEN})")
            self._fetching = True
        else:
            text = line if not cut else line[:8192]
            self._sent_line(text)
        if literal is None:
            self._fetching = False


def shown(line: bytes, name: str) -> str:
    """What of a peer's command line may be read: everything, all but its secret, or its length."""
    words = line.split(None, 3)
    if not words:
        return ""
    if name == "imap":
        verb = words[1].upper() if len(words) > 1 else b""
        before, after = words[:1], words[2:]
    else:
        verb = words[0].upper()
        before, after = [], words[1:]
    if _is_secret(line):
        kept = [*before, verb] if verb in _SECRET else []
        if verb in (b"AUTH", b"AUTHENTICATE") and after and _MECHANISM.match(after[0].upper()):
            kept.append(after[0])
            after = after[1:]
        return _text(b" ".join(kept + ([HIDDEN.encode()] if after or not kept else [])))
    known = {"smtp": _SMTP, "pop3": _POP3}.get(name, _IMAP)
    if verb.partition(b":")[0] not in known:
        return f"({len(line)} bytes that are no command)"
    return _text(line)


def _is_secret(line: bytes) -> bool:
    """Whether one of the first two words says that a secret follows, wherever the peer put it."""
    return any(word.upper() in _SECRET for word in line.split(None, 2)[:2])


def _text(line: bytes) -> str:
    limit = switches.line_length
    text = line.decode("utf-8", "replace")
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


_PROTOCOLS = {"smtp": "smtp", "submission": "smtp", "lmtp": "smtp", "imap": "imap", "pop3": "pop3"}
_TALKS: dict[str, type[Talk]] = {"smtp": Talk, "imap": ImapTalk, "pop3": Pop3Talk}


def is_on(protocol: str) -> bool:
    """Whether conversations of this listener's protocol are logged."""
    return bool(getattr(switches, _PROTOCOLS.get(protocol, ""), False))


def begin(protocol: str, session: Talker, peer: str) -> Talk | None:
    """The talk of a session of this listener's protocol, or None while that is switched off."""
    name = _PROTOCOLS.get(protocol, "")
    if not name or not getattr(switches, name):
        return None
    return _TALKS[name](name, session, peer)
