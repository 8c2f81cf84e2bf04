"""A refusal: the one value with which any stage says no to a peer.

Two families of error exist in Posthouse. *The peer erred, or we decline*: a :class:`Refusal`, answered in
the protocol's own terms and never logged with a traceback. *We erred*: any other exception, logged with its
traceback and answered as a temporary failure (:data:`OUR_FAULT`).
"""

from __future__ import annotations


class Refusal(Exception):
    """An answer of "no" that a peer may read.

    ``code`` is the SMTP reply code (RFC 5321 4.2), ``enhanced`` the enhanced status code without its class
    digit's meaning lost (RFC 3463, e.g. ``"5.1.1"``), ``text`` the public text. ``cause`` is for the log only
    and never shown to the peer. ``close`` asks the session to end after the reply.
    """

    def __init__(self, code: int, enhanced: str, text: str, *, cause: str = "", close: bool = False) -> None:
        super().__init__(f"{code} {enhanced} {text}")
        self.code = code
        self.enhanced = enhanced
        self.text = text
        self.cause = cause
        self.close = close

    @property
    def temporary(self) -> bool:
        """Whether the peer may try again later (a 4xx reply)."""
        return 400 <= self.code < 500


def our_fault(cause: str = "") -> Refusal:
    """The refusal for an error of ours: temporary, and silent about what happened."""
    return Refusal(451, "4.3.0", "Temporary failure on our side, please try again later", cause=cause)
