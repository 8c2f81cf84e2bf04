"""Fixed words of the queue in the reader's language: what mail waits for."""

from __future__ import annotations

from posthouse.web.language import Language, mark

CAUSES = frozenset(
    (
        mark("Held by an administrator."),
        mark("Tried for as long as may be; nobody could be told."),
        mark("Held because its sender sent too much at once."),
        mark("Waits until its route is asked for it."),
        mark("Waits for a moderator of the list."),
        mark("Not tried yet."),
        mark("Put off, without a code that says why."),
        mark("Something is wrong with an address."),
        mark("The sender's domain could not be looked up."),
        mark("The mailbox cannot take it now."),
        mark("The mailbox is switched off."),
        mark("The mailbox is full."),
        mark("The other server cannot take mail now."),
        mark("The other server's disk is full."),
        mark("The other server takes no mail at the moment."),
        mark("The other server could not be reached."),
        mark("The other server does not answer."),
        mark("The connection broke off."),
        mark("The name service gave no answer."),
        mark("No way to the destination is known at the moment."),
        mark("The other server has too much to do."),
        mark("It took too long."),
        mark("The two servers did not understand each other."),
        mark("The content could not be passed on as it is."),
        mark("The other server's rules put it off."),
        mark("The other server's rules put it off (greylisting, reputation or limits)."),
        mark("The secure connection that is asked for could not be made."),
    )
)
"""The causes of ``manage.queues_causes``; a test compares the two."""

_HELD = {
    "admin": mark("by an administrator"),
    "expired": mark("nobody could be told that it failed"),
    "burst": mark("too much at once from its sender"),
    "route": mark("waits to be asked for"),
    "list": mark("waits for a moderator of the list"),
}


def cause(language: Language, text: str) -> str:
    """A cause in this language."""
    return language(text) if text in CAUSES else text


def hold_words(language: Language, hold: str) -> str:
    """Why a recipient is held."""
    return language(_HELD.get(hold, _HELD["admin"]))
