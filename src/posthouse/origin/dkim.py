"""DKIM: signing and verifying (RFC 6376, RFC 8301, RFC 8463, RFC 8616).

Verifying takes two steps, so that whoever has the DNS asks it: :class:`Verification` says which names it needs, and
judges once it has the answers.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from posthouse.mail.headers import header_end
from posthouse.mail.mime import Buffer
from posthouse.origin.canonical import Form, body_hash, relaxed_field
from posthouse.origin.fields import Header, HeaderTooLong
from posthouse.origin.keys import PrivateKey
from posthouse.origin.signature import (
    KeyAnswer,
    Signature,
    State,
    Unfit,
    check_terms,
    completed,
    key_for,
    read_signature,
    written,
)

MOST_SIGNATURES = 10
"""Signatures of one message that are looked at; a stranger decides how many there are."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key with the name it is published under. Domain and selector in A-labels."""

    domain: str
    selector: str
    private: PrivateKey


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on one signature; see :data:`posthouse.origin.signature.State`. ``domain`` and so on are "" where the
    signature could not be read. ``testing``: the domain only tries, so the verdict must not count against it."""

    state: State
    reason: str = ""
    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    bits: int = 0
    testing: bool = False


def sign(
    message: Buffer, keys: Sequence[SigningKey], now: float, prefix: bytes = b"", hashed: bytes = b""
) -> bytes:
    """A DKIM-Signature field for each key, in order, each with its CRLF; relaxed in header and body. The body is hashed
    once. ``prefix`` are fields that stand before the message already; ``hashed`` is what :func:`hash_of` said of it
    (b"" where nobody asked). Raises HeaderTooLong."""
    if not keys:
        return b""
    header = Header(message, prefix)
    names = header.to_sign()
    digest = hashed or body_hash(message, header.body_start, "relaxed")[0]
    text = header.signed_text(names, "relaxed")
    fields = []
    for key in keys:
        tags = [
            ("v", "1"),
            ("a", key.private.algorithm),
            ("c", "relaxed/relaxed"),
            ("d", key.domain),
            ("s", key.selector),
            ("t", str(int(now))),
        ]
        unsigned = written("DKIM-Signature", tags, names, digest)
        name, _, value = unsigned.partition(b":")
        fields.append(completed(unsigned, key.private.sign(text + relaxed_field(name, value))))
    return b"".join(fields)


def hash_of(message: Buffer) -> bytes:
    """The hash of the body that signatures and seals name, for whoever signs one message often."""
    return body_hash(message, header_end(message), "relaxed")[0]


class Bodies:
    """The body of one message in as many forms as its signatures want, each hashed once."""

    def __init__(self, message: Buffer, start: int) -> None:
        self._message = message
        self._start = start
        self._known: dict[tuple[Form, int | None], tuple[bytes, int]] = {}

    def hashed(self, form: Form, limit: int | None) -> tuple[bytes, int]:
        """See :func:`body_hash`."""
        key = (form, limit)
        if key not in self._known:
            self._known[key] = body_hash(self._message, self._start, form, limit)
        return self._known[key]


class Verification:
    """Verifies the signatures of a message. ``now`` in seconds since 1970. ``partial``: signatures of only a part of
    the body (``l=``) may pass; anybody could have added to such a message."""

    def __init__(self, message: Buffer, now: float, *, partial: bool = False) -> None:
        self._now = now
        self._partial = partial
        self._found: list[Signature | Result] = []
        try:
            self._header = Header(message)
        except HeaderTooLong as error:
            self._found = [Result("neutral", str(error))]
            return
        self._bodies = Bodies(message, self._header.body_start)
        for field in self._header.all(b"dkim-signature")[:MOST_SIGNATURES]:
            try:
                signature = read_signature(field, "dkim")
            except Unfit as error:
                self._found.append(Result(error.state, str(error)))
                continue
            try:
                check_terms(signature, now)
                self._found.append(signature)
            except Unfit as error:
                self._found.append(_result(signature, error.state, str(error)))

    @property
    def questions(self) -> tuple[str, ...]:
        """The names whose TXT records are needed, each once."""
        return tuple(dict.fromkeys(found.question for found in self._found if isinstance(found, Signature)))

    def results(self, answers: Mapping[str, KeyAnswer]) -> list[Result]:
        """A verdict for each signature, topmost first; none where there is no signature. A name without an answer is
        one that failed."""
        return [
            self._judge(found, answers.get(found.question)) if isinstance(found, Signature) else found
            for found in self._found
        ]

    def _judge(self, signature: Signature, answer: KeyAnswer | None) -> Result:
        try:
            key = key_for(signature, answer)
            verify_message(self._header, self._bodies.hashed, signature, key.verifies)
            if signature.limit is not None and not self._partial:
                size = self._bodies.hashed(signature.body_form, signature.limit)[1]
                if signature.limit < size:
                    raise Unfit("policy", "only a part of the body is signed")
        except Unfit as error:
            return _result(signature, error.state, str(error))
        return Result(
            "pass",
            "",
            signature.domain,
            signature.selector,
            signature.identity,
            signature.algorithm,
            key.bits,
            key.testing,
        )


def verify_message(
    header: Header,
    hashed: Callable[[Form, int | None], tuple[bytes, int]],
    signature: Signature,
    verifies: Callable[[bytes, bytes], bool],
) -> None:
    """Whether body and header are as they were signed (also for ARC-Message-Signature). Raises Unfit."""
    digest, size = hashed(signature.body_form, signature.limit)
    if signature.limit is not None and signature.limit > size:
        raise Unfit("permerror", "more of the body is signed than there is")
    if not hmac.compare_digest(digest, signature.body_digest):
        raise Unfit("fail", "the body was changed")
    text = header.signed_text(signature.names, signature.header_form)
    text += header.unsigned(signature.field, signature.header_form)
    if not verifies(signature.value, text):
        raise Unfit("fail", "the header was changed, or the key is another")


def _result(signature: Signature, state: State, reason: str) -> Result:
    return Result(
        state,
        reason,
        signature.domain,
        signature.selector,
        signature.identity,
        signature.algorithm,
    )
