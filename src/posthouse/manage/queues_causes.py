"""What mail waits for, in words of everyday: from the status code of the last reply (RFC 3463), or why it is held."""

from __future__ import annotations

from posthouse.queue.contract import HOLD_ADMIN, HOLD_BURST, HOLD_EXPIRED, HOLD_LIST, HOLD_ROUTE

HELD = {
    HOLD_ADMIN: "Held by an administrator.",
    HOLD_EXPIRED: "Tried for as long as may be; nobody could be told.",
    HOLD_BURST: "Held because its sender sent too much at once.",
    HOLD_ROUTE: "Waits until its route is asked for it.",
    HOLD_LIST: "Waits for a moderator of the list.",
}
NOT_TRIED = "Not tried yet."
UNKNOWN = "Put off, without a code that says why."

CAUSES = {
    "1": "Something is wrong with an address.",
    "1.8": "The sender's domain could not be looked up.",
    "2": "The mailbox cannot take it now.",
    "2.1": "The mailbox is switched off.",
    "2.2": "The mailbox is full.",
    "3": "The other server cannot take mail now.",
    "3.1": "The other server's disk is full.",
    "3.2": "The other server takes no mail at the moment.",
    "4": "The other server could not be reached.",
    "4.1": "The other server does not answer.",
    "4.2": "The connection broke off.",
    "4.3": "The name service gave no answer.",
    "4.4": "No way to the destination is known at the moment.",
    "4.5": "The other server has too much to do.",
    "4.7": "It took too long.",
    "5": "The two servers did not understand each other.",
    "6": "The content could not be passed on as it is.",
    "7": "The other server's rules put it off.",
    "7.1": "The other server's rules put it off (greylisting, reputation or limits).",
    "7.5": "The secure connection that is asked for could not be made.",
}
"""By the part of the code behind its class, the more exact one first."""


def cause_of(status: str, hold: str, tried: bool) -> str:
    """The cause as a sentence."""
    if hold:
        return HELD.get(hold, HELD[HOLD_ADMIN])
    _, _, rest = status.partition(".")
    if rest:
        return CAUSES.get(rest) or CAUSES.get(rest.partition(".")[0]) or UNKNOWN
    return UNKNOWN if tried else NOT_TRIED
