"""Which command may come when (RFC 5321 4.1.4): states × verbs, as a table."""

from __future__ import annotations

from enum import Enum

from posthouse.wire.smtp.reply import reply


class State(Enum):
    """Where a session stands between two commands."""

    CONNECTED = "no HELO, EHLO or LHLO yet, or not since TLS began"
    READY = "greeted, no transaction"
    MAIL = "MAIL was accepted, no recipient yet"
    RCPT = "at least one recipient was accepted"
    CHUNKS = "the message is coming by BDAT"


VERBS = frozenset(
    [
        "HELO",
        "EHLO",
        "LHLO",
        "MAIL",
        "RCPT",
        "DATA",
        "BDAT",
        "RSET",
        "NOOP",
        "HELP",
        "VRFY",
        "QUIT",
        "STARTTLS",
        "AUTH",
        "EXPN",
        "ETRN",
    ]
)
"""Every verb that is carried out or refused by name."""

NOT_IMPLEMENTED = frozenset(["EXPN", "SEND", "SAML", "SOML", "TURN"])
"""Known verbs that are answered 502."""

_HELLO_FIRST = reply(503, "5.5.1", "Introduce yourself first")
_NESTED = reply(503, "5.5.1", "A message is being sent already")
_NEED_MAIL = reply(503, "5.5.1", "MAIL first")
_NO_RECIPIENTS = reply(554, "5.5.1", "No valid recipients")
_NO_RECIPIENTS_LMTP = reply(503, "5.5.1", "No valid recipients")
_CHUNKS = reply(503, "5.5.1", "BDAT has begun; only BDAT or RSET may follow")
_IN_TRANSACTION = reply(503, "5.5.1", "Not while a message is being sent")
_UNKNOWN = reply(500, "5.5.2", "Command not recognised")
_NOT_HERE = reply(502, "5.5.1", "Command not implemented")

_TABLE: dict[str, dict[State, bytes]] = {
    "MAIL": {
        State.CONNECTED: _HELLO_FIRST,
        State.MAIL: _NESTED,
        State.RCPT: _NESTED,
        State.CHUNKS: _CHUNKS,
    },
    "RCPT": {State.CONNECTED: _HELLO_FIRST, State.READY: _NEED_MAIL, State.CHUNKS: _CHUNKS},
    "DATA": {
        State.CONNECTED: _HELLO_FIRST,
        State.READY: _NEED_MAIL,
        State.MAIL: _NO_RECIPIENTS,
        State.CHUNKS: _CHUNKS,
    },
    "BDAT": {State.CONNECTED: _HELLO_FIRST, State.READY: _NEED_MAIL, State.MAIL: _NO_RECIPIENTS},
    "STARTTLS": {
        State.CONNECTED: _HELLO_FIRST,
        State.MAIL: _IN_TRANSACTION,
        State.RCPT: _IN_TRANSACTION,
        State.CHUNKS: _IN_TRANSACTION,
    },
    "AUTH": {
        State.CONNECTED: _HELLO_FIRST,
        State.MAIL: _IN_TRANSACTION,
        State.RCPT: _IN_TRANSACTION,
        State.CHUNKS: _IN_TRANSACTION,
    },
    "ETRN": {
        State.CONNECTED: _HELLO_FIRST,
        State.MAIL: _IN_TRANSACTION,
        State.RCPT: _IN_TRANSACTION,
        State.CHUNKS: _IN_TRANSACTION,
    },
}
"""The reply to a verb in a state where it may not come. Verbs and states that are not here are allowed."""

_ELSEWHERE = {True: frozenset({"HELO", "EHLO"}), False: frozenset({"LHLO"})}
"""Greetings of the other protocol, by whether this is LMTP (RFC 2033 4.1)."""


def out_of_place(verb: str, state: State, *, lmtp: bool = False) -> bytes | None:
    """The reply that refuses ``verb`` in ``state``, or None when it may come."""
    if verb not in VERBS or verb in _ELSEWHERE[lmtp]:
        return _NOT_HERE if verb in NOT_IMPLEMENTED else _UNKNOWN
    if verb in NOT_IMPLEMENTED or (lmtp and verb == "ETRN"):
        return _NOT_HERE
    refused = _TABLE.get(verb, {}).get(state)
    # RFC 2033 4.2 wants 503 where RFC 5321 has 554.
    return _NO_RECIPIENTS_LMTP if lmtp and refused is _NO_RECIPIENTS else refused
