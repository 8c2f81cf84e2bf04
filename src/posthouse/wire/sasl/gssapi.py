"""SASL GSSAPI (RFC 4752): Kerberos V5 as RFC 4121 has it, without a security layer, since TLS is one.

What Kerberos does with a token is not done here: a :class:`Context` does it, which may block, so each of its steps is
handed to the session as :class:`~posthouse.wire.sasl.contract.Work`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from posthouse.wire.sasl.contract import Challenge, CheckTicket, Failed, Step, Work
from posthouse.wire.sasl.text import decode

MAX_TOKEN = 48 << 10
"""The longest token looked at, in bytes: what Windows lets a ticket with very many groups grow to."""
MOST_ROUNDS = 6
"""Tokens of a client before it is done. Kerberos needs one, or two."""
NO_LAYER = 1
"""The bit of RFC 4752 3.3 for "no security layer"."""

_OFFER = bytes([NO_LAYER, 0, 0, 0])
"""That layer alone; then the size of what could be wrapped in one is 0 (RFC 4752 3.2)."""


class Refused(Exception):
    """A token, or a wrapped message, is not good. The text is for the log and holds nothing secret. ``temporary``: the
    trouble is ours."""

    def __init__(self, reason: str, temporary: bool = False) -> None:
        super().__init__(reason)
        self.temporary = temporary


class Context(Protocol):
    """The accepting side of one security context of RFC 2743. All of it may block and raise Refused."""

    def accept(self, token: bytes) -> bytes | None:
        """The initiator's next token (GSS_Accept_sec_context); what to answer, None for nothing."""

    @property
    def complete(self) -> bool:
        """Whether the initiator has proven who it is."""

    @property
    def principal(self) -> str:
        """Who that is, as Kerberos writes it (``anna@EXAMPLE.ORG``). Only once it is complete."""

    def wrap(self, data: bytes) -> bytes:
        """Protect a message of ours (GSS_Wrap, without confidentiality)."""

    def unwrap(self, data: bytes) -> bytes:
        """The message that the initiator protected (GSS_Unwrap)."""


class Gssapi:
    """One exchange: tokens until the context is complete, what we offer, what the client chose. ``opened`` makes the
    context, in the thread of the first step."""

    name = "GSSAPI"

    def __init__(self, opened: Callable[[], Context]) -> None:
        self._open = opened
        self._context: Context | None = None
        self._state = "token"
        self._rounds = 0

    def start(self, initial: bytes | None) -> Step:
        """Begin; without an initial response the challenge is empty."""
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        """Take a token, the empty answer to our last one, or the client's choice."""
        state, self._state = self._state, "done"
        if len(data) > MAX_TOKEN:
            return Failed("response too long", malformed=True)
        if state == "token":
            self._rounds += 1
            return Work(partial(self._guarded, self._accept, data))
        if state == "empty":
            if data:
                return Failed("a token after the last one", malformed=True)
            return Work(partial(self._guarded, self._propose, data))
        if state == "choice":
            return Work(partial(self._guarded, self._choose, data))
        return Failed("response out of turn", malformed=True)

    def _guarded(self, work: Callable[[Context, bytes], Step], data: bytes) -> Step:
        try:
            context = self._context
            if context is None:
                context = self._context = self._open()
            return work(context, data)
        except Refused as problem:
            return CheckTicket("", reason=str(problem), temporary=problem.temporary)

    def _accept(self, context: Context, token: bytes) -> Step:
        answer = context.accept(token)
        if not context.complete:
            if self._rounds >= MOST_ROUNDS:
                raise Refused("too many tokens")
            self._state = "token"
            return Challenge(answer or b"")
        if answer:
            self._state = "empty"
            return Challenge(answer)
        return self._propose(context, b"")

    def _propose(self, context: Context, _: bytes) -> Step:
        wrapped = context.wrap(_OFFER)
        self._state = "choice"
        return Challenge(wrapped)

    def _choose(self, context: Context, data: bytes) -> Step:
        choice = context.unwrap(data)
        if len(choice) < 4:
            return Failed("the choice of a security layer is too short", malformed=True)
        if choice[0] != NO_LAYER:
            raise Refused("the client wants a security layer besides TLS")
        try:
            # Some clients end the name as C ends its strings.
            authzid = decode(choice[4:].removesuffix(b"\0"), "authorization identity")
        except ValueError as problem:
            return Failed(str(problem), malformed=True)
        return CheckTicket(context.principal, authzid)
