"""A message on its way in: line rule, size, header gate, spool; piece by piece, never held whole.

Octets above 127 are taken in header and body whether or not 8BITMIME or SMTPUTF8 was said: much real mail
has them unannounced, and refusing or rewriting it would lose or change messages. They are kept as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from posthouse.mail.refusal import Refusal
from posthouse.observe.log import logger
from posthouse.receive.contract import Body, Spool
from posthouse.receive.header import HeaderFacts, HeaderGate, examine, without
from posthouse.settings import smtp
from posthouse.settings.contract import Settings
from posthouse.wire.smtp import LineRule, Normaliser

log = logger("receive.intake")

_LONGEST = 1000
"""Octets of a line with its CRLF that every mail server takes (RFC 5321 4.5.3.1.6)."""


class Intake:
    """Takes the pieces of one message. Problems never interrupt it: the first is kept in ``problem`` and raised by
    ``finish``, and what still comes is dropped and counted in ``surplus``.

    ``fields`` makes the new fields for the top of the message from what its header was found to hold.

    With ``judged`` the message stops at its header: once that is complete, ``waiting`` is true, and nothing more may
    be written before ``admit`` or ``reject`` (``facts`` tells what the header holds). ``close`` completes a header that
    the message ended in. With ``binary`` (BODY=BINARYMIME, RFC 3030) its body may hold any octets in any order, and
    ``encode`` tells afterwards that it did.
    """

    __slots__ = ("_closed", "_fields", "_gate", "_held", "_hostname", "_judged", "_normaliser", "_rule",
                 "_settings", "_spool", "binary", "facts", "problem", "size", "surplus")  # fmt: skip

    def __init__(
        self,
        spool: Spool,
        settings: Settings,
        hostname: str,
        fields: Callable[[HeaderFacts], bytes],
        *,
        judged: bool = False,
        binary: bool = False,
    ) -> None:
        self._spool = spool
        self._settings = settings
        self._hostname = hostname
        self._fields = fields
        self._judged = judged
        self._held: HeaderGate | None = None
        self._closed = False
        self.binary = binary
        self._rule = LineRule(_LONGEST if binary else settings[smtp.MAX_TEXT_LINE])
        normalise = settings[smtp.BARE_NEWLINES] == "normalise" and not binary
        self._normaliser = Normaliser() if normalise else None
        self._gate: HeaderGate | None = HeaderGate(settings[smtp.MAX_HEADER_SIZE])
        self.facts = HeaderFacts()
        self.problem: Refusal | None = None
        self.size = 0
        self.surplus = 0

    @property
    def waiting(self) -> bool:
        """Whether the header is complete and somebody has to judge it."""
        return self._held is not None

    @property
    def encode(self) -> bool:
        """Whether the body holds what no line of text has: NUL, CR or LF alone, lines too long."""
        rule = self._rule
        return self.binary and (rule.bare or rule.nul or rule.long)

    def write(self, data: bytes) -> None:
        """The next piece, dots removed."""
        if self.problem is not None:
            self.surplus += len(data)
            return
        try:
            self._take(data)
        except Refusal as refusal:
            self.reject(refusal)

    def close(self) -> None:
        """Nothing more comes. A header that is complete only now may have to be judged, before ``finish``."""
        if self.problem is not None or self._closed:
            return
        self._closed = True
        try:
            self._end()
        except Refusal as refusal:
            self.reject(refusal)

    def admit(self, add: bytes = b"", drop: Iterable[tuple[int, int]] = ()) -> None:
        """The header is good: with these fields on top, and without these stretches of it."""
        gate, self._held = self._held, None
        if gate is None or self.problem is not None:
            return
        try:
            self._write_header(gate, add, drop)
        except Refusal as refusal:
            self.reject(refusal)

    def reject(self, refusal: Refusal) -> None:
        """The message is not taken; the first reason counts."""
        self.problem = self.problem or refusal
        self._gate = self._held = None
        self._spool.discard()

    def finish(self) -> Body:
        """The message is complete. Raises Refusal when something was wrong with it."""
        self.close()
        assert self._held is None
        if self.problem is None:
            try:
                return self._spool.finish()
            except OSError as error:
                self.reject(_no_space(error))
        assert self.problem is not None
        raise self.problem

    def discard(self) -> None:
        """Drop what was spooled; harmless after ``finish``."""
        self._spool.discard()

    def _take(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._settings[smtp.MAX_MESSAGE_SIZE]:
            raise too_large(self._settings[smtp.MAX_MESSAGE_SIZE])
        if self._normaliser is not None:
            data = self._normaliser.feed(data)
        rule = self._rule
        rule.check(data)
        if (rule.bare or rule.nul or rule.long) and not self.binary:
            raise self._broken(rule)
        self._pass_on(data)

    def _broken(self, rule: LineRule) -> Refusal:
        if rule.bare:
            return _bare()
        if rule.nul:
            return Refusal(550, "5.6.0", "The message has a NUL octet; it was not accepted")
        limit = self._settings[smtp.MAX_TEXT_LINE]
        return Refusal(554, "5.6.0", f"The message has a line longer than {limit} bytes")

    def _pass_on(self, data: bytes) -> None:
        gate = self._gate
        if gate is None:
            self._spool_write(data)
        elif gate.feed(data):
            self._open_gate(gate)

    def _end(self) -> None:
        if self._normaliser is not None:
            self._pass_on(self._normaliser.end())
        self._rule.end()
        if self._rule.bare and not self.binary:
            raise _bare()
        if self._gate is not None:
            self._gate.finish()
            self._open_gate(self._gate)

    def _open_gate(self, gate: HeaderGate) -> None:
        self._gate = None
        settings = self._settings
        if self.binary:
            _check_text(gate.header)
        facts = self.facts = examine(gate.header, self._hostname)
        if facts.fields > settings[smtp.MAX_HEADER_FIELDS]:
            raise Refusal(554, "5.3.4", f"More than {settings[smtp.MAX_HEADER_FIELDS]} header fields")
        if (
            facts.received > settings[smtp.MAX_RECEIVED]
            or facts.own_received > settings[smtp.MAX_OWN_RECEIVED]
        ):
            raise Refusal(554, "5.4.6", "Too many Received fields: the message goes round in circles")
        if self._judged:
            self._held = gate
        else:
            self._write_header(gate, b"", ())

    def _write_header(self, gate: HeaderGate, add: bytes, drop: Iterable[tuple[int, int]]) -> None:
        facts = self.facts
        spans = sorted([*facts.foreign_paths, *drop])
        header = without(gate.header, spans) if spans else gate.header
        self._spool_write(b"".join((self._fields(facts), add, header, gate.rest)))

    def _spool_write(self, data: bytes) -> None:
        if not data:
            return
        try:
            self._spool.write(data)
        except OSError as error:
            raise _no_space(error) from error


def too_large(limit: int) -> Refusal:
    """The refusal of a message over the size limit, declared or found."""
    return Refusal(552, "5.3.4", f"Message larger than {limit} bytes")


def _check_text(header: bytes) -> None:
    """The header of a binary message is text all the same (RFC 3030 3)."""
    rule = LineRule()
    rule.check(header)
    rule.end()
    if rule.bare or rule.nul:
        raise Refusal(554, "5.6.0", "The header has NUL, or CR or LF on its own")


def _bare() -> Refusal:
    return Refusal(550, "5.6.11", "CR and LF may only come together; the message was not accepted")


def _no_space(error: OSError) -> Refusal:
    log.error("spool.failed", reason=str(error))
    return Refusal(452, "4.3.1", "Not enough storage, please try again later", cause=str(error))
