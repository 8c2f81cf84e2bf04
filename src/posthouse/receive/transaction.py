"""One mail transaction: from MAIL to the reply after the message (RFC 5321 3.3)."""

from __future__ import annotations

from collections.abc import Iterable

from posthouse.mail.envelope import Envelope, Origin, Recipient, Terms
from posthouse.mail.refusal import Refusal
from posthouse.receive.header import HeaderFacts
from posthouse.receive.intake import Intake
from posthouse.receive.received import received_field, rfc5322_date
from posthouse.wire.smtp.command import Mail, Rcpt

_MAX_NOTES = 100


_AT_ONCE = Terms()


class Transaction:
    """What is known of a message before and while it comes.

    ``recipients`` holds each address once. ``answers`` has an entry for every RCPT that was accepted, in
    order: the index of its recipient (LMTP owes a reply for each RCPT, also when an address was given twice).
    """

    __slots__ = (
        "_places", "answers", "hold", "intake", "mail", "notes", "origin", "problem", "recipients", "terms"
    )  # fmt: skip

    def __init__(self, origin: Origin, mail: Mail, terms: Terms = _AT_ONCE) -> None:
        self.origin = origin
        self.mail = mail
        self.terms = terms
        self.hold = ""
        self.recipients: list[Recipient] = []
        self.answers: list[int] = []
        self.notes: list[tuple[str, str]] = []
        self.intake: Intake | None = None
        self.problem: Refusal | None = None
        """Why no chunk of this message is taken any more (BDAT)."""
        self._places: dict[str, int] = {}

    def knows(self, rcpt: Rcpt) -> bool:
        """Whether this address is a recipient already."""
        return rcpt.address.key in self._places

    def add(self, rcpt: Rcpt) -> None:
        """An accepted RCPT."""
        place = self._places.setdefault(rcpt.address.key, len(self.recipients))
        if place == len(self.recipients):
            self.recipients.append(Recipient(rcpt.address, rcpt.notify, rcpt.orcpt))
        self.answers.append(place)

    def new_fields(
        self, facts: HeaderFacts, hostname: str, now: float, *, submitted: bool, hidden: bool = False
    ) -> bytes:
        """The fields for the top of the message. To submitted mail a missing Date and Message-ID are added (RFC 6409
        8.2, 8.3). ``hidden``: nothing is told of where it came from."""
        only = self.recipients[0].address if len(self.recipients) == 1 else None
        fields = received_field(
            self.origin, hostname, now, recipient=only, smtputf8=self.mail.smtputf8, hidden=hidden
        )
        if submitted and not facts.date:
            fields += b"Date: %b\r\n" % rfc5322_date(now).encode("ascii")
        if submitted and not facts.message_id:
            fields += f"Message-ID: <{self.origin.trace}@{hostname}>\r\n".encode()
        return fields

    def note(self, stage: str, text: str) -> None:
        """Something for the trace of this message; past a limit no more is noted."""
        if len(self.notes) < _MAX_NOTES:
            self.notes.append((stage, text))

    def note_terms(self) -> None:
        """Tell the trace how the message wants to be treated."""
        terms = self.terms
        said = []
        if terms.not_before:
            said.append(f"not before {rfc5322_date(terms.not_before)}")
        if terms.deliver_by:
            said.append(f"by {rfc5322_date(terms.deliver_by)} (mode {terms.by_mode})")
        if self.mail.priority is not None:
            said.append(f"priority {terms.priority} (asked for {self.mail.priority})")
        if terms.require_tls:
            said.append("only over TLS")
        if said:
            self.note("mail", ", ".join(said))

    def envelope(self, now: float, notes: Iterable[tuple[str, str]]) -> Envelope:
        """The finished envelope. ``notes`` are those of the connection."""
        mail = self.mail
        return Envelope(
            origin=self.origin,
            sender=mail.sender,
            recipients=tuple(self.recipients),
            # What cannot be stored line by line was encoded on its way in.
            body="8BITMIME" if mail.body == "BINARYMIME" else mail.body,
            smtputf8=mail.smtputf8,
            ret=mail.ret,
            envid=mail.envid,
            received_at=now,
            terms=self.terms,
            hold=self.hold,
            trace_notes=(*notes, *self.notes),
        )

    def discard(self) -> None:
        """Drop what was spooled."""
        if self.intake is not None:
            self.intake.discard()
