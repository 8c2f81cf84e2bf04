"""What can go wrong with an authority, in words for the person who reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREFIX = "urn:ietf:params:acme:error:"

LONGEST_DETAIL = 600
"""Characters of an authority's own words that are kept."""

_PLAIN: Mapping[str, str] = {
    "accountDoesNotExist": "the authority does not know our account any more",
    "alreadyReplaced": "the authority has replaced this certificate already",
    "badCSR": "the authority does not accept the certificate request",
    "badNonce": "the authority kept refusing our one-time numbers",
    "badPublicKey": "the authority does not accept this kind of key",
    "badSignatureAlgorithm": "the authority does not accept this kind of signature",
    "caa": "a CAA record of the domain forbids this authority to issue",
    "compound": "several things are wrong",
    "connection": "the authority could not connect to this server",
    "dns": "the authority could not look the name up in the DNS",
    "externalAccountRequired": "the authority wants to know an account made with it before "
    "(certificates.eab_key_id and certificates.eab_hmac_key)",
    "incorrectResponse": "the authority was shown something else than it expects",
    "invalidContact": "the authority does not accept the contact address",
    "malformed": "the authority does not understand the request",
    "orderNotReady": "the authority is not ready to issue yet",
    "rateLimited": "the authority says that there were too many orders lately",
    "rejectedIdentifier": "the authority does not issue for this name",
    "serverInternal": "the authority has a trouble of its own",
    "tls": "the authority could not make a TLS connection to this server",
    "unauthorized": "the authority does not find the proof where it looked",
    "unsupportedContact": "the authority does not support this kind of contact",
    "unsupportedIdentifier": "the authority does not issue for this kind of name",
    "userActionRequired": "the authority wants something to be done on its own pages first",
}
"""RFC 8555 6.7: the kinds of problems, and what each means."""


class AcmeError(Exception):
    """An order, or a request, went wrong. ``kind`` is the last part of the problem's type (RFC 8555 6.7), or
    ``unreachable``, ``answer`` (not understood), ``challenge`` (a proof could not be shown), ``timeout``.
    ``retry_after``: seconds the authority asks us to wait, 0 if it does not say. The text is a clause without
    a full stop."""

    def __init__(self, kind: str, text: str, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.retry_after = retry_after


def one_line(text: object) -> str:
    """What a stranger wrote, without line breaks and control characters, cut to a bearable length."""
    plain = "".join(char if char.isprintable() else " " for char in str(text))
    return " ".join(plain.split())[:LONGEST_DETAIL].rstrip(".")


def problem(document: object, retry_after: float = 0.0) -> AcmeError:
    """The error that a problem document (RFC 7807) describes."""
    if not isinstance(document, Mapping):
        return AcmeError("answer", "the authority refused without saying why", retry_after)
    kind = one_line(document.get("type", "")).removeprefix(PREFIX)[:60]
    return AcmeError(kind or "answer", _words(kind, document), retry_after)


def _words(kind: str, document: Mapping[str, Any]) -> str:
    text = _PLAIN.get(kind, "the authority refuses")
    detail = one_line(document.get("detail", ""))
    if detail:
        text += f' (it says: "{detail}")'
    parts = document.get("subproblems")
    if isinstance(parts, list):
        for part in parts[:10]:
            if isinstance(part, Mapping):
                of = part.get("identifier")
                host = one_line(of.get("value", "")) if isinstance(of, Mapping) else ""
                inner = one_line(part.get("type", "")).removeprefix(PREFIX)
                text += f"; {host}: {_words(inner, {**part, 'subproblems': None})}"
    return text[: 4 * LONGEST_DETAIL]
