"""What became of an attempt: for one recipient, and for the destination as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posthouse.queue.contract import Lease

State = Literal["delivered", "relayed", "deferred", "failed"]
"""``delivered``: into a mailbox. ``relayed``: the next host has it. ``deferred``: to be tried again. ``failed``: not to
be tried again."""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody answered, or what we say in their place.

    ``code`` is the SMTP reply code (0 where nobody answered), ``status`` the enhanced status code (RFC 3463; made
    from the code where the remote gave none), ``text`` the words (of a remote: verbatim, lines joined by blanks),
    ``remote`` the host's name and ``address`` its IP address ("" where no remote spoke), ``stage`` the last command
    sent (``RCPT``), ``tls`` how the way was secured, for the trace.
    """

    code: int
    status: str
    text: str
    remote: str = ""
    address: str = ""
    stage: str = ""
    tls: str = ""

    def __str__(self) -> str:
        who = f"{self.remote}[{self.address}]" if self.address else self.remote
        words = " ".join(filter(None, (str(self.code) if self.code else "", self.status, self.text)))
        taken = self.stage == "." and 200 <= self.code < 300  # what else would it be said to
        stage = "end of DATA" if self.stage == "." else self.stage
        return " ".join(
            filter(
                None, (f"{who} said:" if who else "", words, f"(to {stage})" if stage and not taken else "")
            )
        )


@dataclass(frozen=True, slots=True)
class Result:
    """One recipient's outcome. ``dsn``: the next host promised to send notices itself (RFC 3461 5.2.2), so a
    ``relayed`` needs none of ours. ``tried`` False: nobody was asked (the destination is known to be down)."""

    lease: Lease
    state: State
    said: Said
    dsn: bool = False
    tried: bool = True


@dataclass(frozen=True, slots=True)
class Feedback:
    """What an attempt tells of its destination. ``well``: it took mail or refused it for reasons of the mail itself.
    ``slow``: it asked for less (4xx to connection, greeting or MAIL, 421). ``down``: it could not be reached at all;
    ``said`` then says why. ``retry_after``: seconds to leave it alone, 0.0 for our own rule. ``waits`` False: none of
    the rows is left in the queue."""

    well: bool = False
    slow: bool = False
    down: bool = False
    said: Said | None = None
    retry_after: float = 0.0
    waits: bool = True


def note_of(end: str, said: Said) -> str:
    """What the trace says of a row that went well."""
    if end == "delivered":
        return f"delivered: {said}"
    tls = f" with {said.tls}" if said.tls else " in clear text" if said.address else ""
    return f"relayed{tls}: {said}"
