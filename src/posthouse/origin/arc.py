"""ARC: validating a chain of seals, and adding the next one (RFC 8617)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from posthouse.mail.headers import Field
from posthouse.mail.mime import Buffer
from posthouse.origin.canonical import body_hash, relaxed_field
from posthouse.origin.dkim import Bodies, SigningKey, verify_message
from posthouse.origin.fields import Header, HeaderTooLong
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

MOST_SETS = 50
"""RFC 8617 4.2.1."""

_RESULTS, _MESSAGE, _SEAL = b"arc-authentication-results", b"arc-message-signature", b"arc-seal"
_INSTANCE = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,3})[ \t\r\n]*;")


@dataclass(frozen=True, slots=True)
class Chain:
    """The verdict on a chain: ``none``, ``pass``, ``fail``, or ``temperror`` where the DNS did not answer. ``length``
    is the highest instance. ``domains`` are those that sealed, oldest first. ``closed``: a seal says that the chain is
    broken already, nobody may add to it."""

    state: State
    reason: str = ""
    length: int = 0
    domains: tuple[str, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class _Set:
    results: Field
    message: Signature
    seal: Signature
    message_field: Field = field(repr=False)
    seal_field: Field = field(repr=False)


class ChainVerification:
    """Validates the chain of a message in two steps (RFC 8617 5.2): :attr:`questions`, then :meth:`result`."""

    def __init__(self, message: Buffer, now: float) -> None:
        self._now = now
        self._sets: list[_Set] = []
        self._early: Chain | None = None
        try:
            self._header = Header(message)
        except HeaderTooLong as error:
            self._early = Chain("fail", str(error), closed=True)
            return
        self._bodies = Bodies(message, self._header.body_start)
        try:
            self._sets = _read_sets(self._header)
            if not self._sets:
                self._early = Chain("none")
            else:
                self._check_seals()
        except Unfit as error:
            highest, closed = _outline(self._header)
            self._early = Chain("fail", str(error), highest, closed=closed)

    @property
    def questions(self) -> tuple[str, ...]:
        """The names whose TXT records are needed, each once."""
        if self._early is not None:
            return ()
        newest = self._sets[-1].message.question
        return tuple(dict.fromkeys([newest, *(each.seal.question for each in self._sets)]))

    def result(self, answers: Mapping[str, KeyAnswer]) -> Chain:
        """The verdict."""
        if self._early is not None:
            return self._early
        domains = tuple(each.seal.domain for each in self._sets)
        try:
            newest = self._sets[-1].message
            check_terms(newest, self._now)
            key = key_for(newest, answers.get(newest.question))
            verify_message(self._header, self._bodies.hashed, newest, key.verifies)
            for number in range(len(self._sets), 0, -1):
                self._check_seal(number, answers)
        except Unfit as error:
            state: State = "temperror" if error.state == "temperror" else "fail"
            return Chain(state, str(error), len(self._sets), domains)
        return Chain("pass", "", len(self._sets), domains)

    def _check_seals(self) -> None:
        """What the seals themselves say (RFC 8617 5.2, step 2 and 3)."""
        if self._sets[-1].seal.validity == "fail":
            raise Unfit("fail", "the chain was broken before")
        for number, each in enumerate(self._sets, 1):
            if each.seal.validity != ("none" if number == 1 else "pass"):
                raise Unfit("fail", f"seal {number} has the wrong cv=")

    def _check_seal(self, number: int, answers: Mapping[str, KeyAnswer]) -> None:
        seal = self._sets[number - 1].seal
        key = key_for(seal, answers.get(seal.question))
        pieces = []
        for each in self._sets[:number]:
            pieces += [_line(each.results), _line(each.message_field)]
            if each.seal is not seal:
                pieces.append(_line(each.seal_field))
        text = b"".join(pieces) + self._header.unsigned(seal.field, "relaxed")
        if not key.verifies(seal.value, text):
            raise Unfit("fail", f"seal {number} does not hold")


def _line(of: Field) -> bytes:
    return relaxed_field(of.name, of.value) + b"\r\n"


def _instance_of(of: Field) -> int:
    found = _INSTANCE.match(of.value)
    number = int(found[1]) if found else 0
    if not 1 <= number <= MOST_SETS:
        raise Unfit("fail", "a field of the chain has no instance number")
    return number


def _read_sets(header: Header) -> list[_Set]:
    """The sets by instance. Raises Unfit unless each has its three fields once, from 1 on without a gap."""
    results, messages, seals = (header.all(name) for name in (_RESULTS, _MESSAGE, _SEAL))
    count = len(seals)
    if not (count == len(results) == len(messages)) or count > MOST_SETS:
        raise Unfit("fail", "the chain has missing or superfluous fields")
    by_results = {_instance_of(each): each for each in results}
    by_message = {_read.instance: _read for _read in (read_signature(each, "message") for each in messages)}
    by_seal = {_read.instance: _read for _read in (read_signature(each, "seal") for each in seals)}
    wanted = set(range(1, count + 1))
    if not (set(by_results) == set(by_message) == set(by_seal) == wanted):
        raise Unfit("fail", "the chain has gaps")
    return [
        _Set(by_results[at], by_message[at], by_seal[at], by_message[at].field, by_seal[at].field)
        for at in sorted(wanted)
    ]


def _outline(header: Header) -> tuple[int, bool]:
    """The highest instance of a broken chain, and whether its newest seal says that it is broken already."""
    highest, closed = 0, False
    for name in (_RESULTS, _MESSAGE, _SEAL):
        for each in header.all(name)[: 3 * MOST_SETS]:
            try:
                if name == _SEAL:
                    seal = read_signature(each, "seal")
                    number = seal.instance
                    closed = seal.validity == "fail" if number >= highest else closed
                else:
                    number = _instance_of(each)
                highest = max(highest, number)
            except Unfit:
                continue
    return highest, closed


def seal(
    message: Buffer,
    key: SigningKey,
    chain: Chain,
    service: str,
    results: str,
    now: float,
    prefix: bytes = b"",
    hashed: bytes = b"",
) -> bytes:
    """The three fields of the next set, to be put before ``prefix`` and the message; b"" where none may be added: the
    chain is closed or full, or it is not known whether it holds.

    ``prefix`` are fields that stand before the message already, ``hashed`` is what ``dkim.hash_of`` said of it (b""
    where nobody asked). ``service`` is our name as in Authentication-Results, ``results`` what follows it there ("none"
    where nothing was judged). Raises HeaderTooLong.
    """
    number = chain.length + 1
    if chain.closed or number > MOST_SETS or chain.state not in ("none", "pass", "fail"):
        return b""
    header = Header(message, prefix)
    start = header.body_start
    names = [name for name in header.to_sign() if not name.startswith(b"arc-")]
    names += [b"dkim-signature"] * min(len(header.all(b"dkim-signature")), 10)
    digest = hashed or body_hash(message, start, "relaxed")[0]
    common = [
        ("i", str(number)),
        ("a", key.private.algorithm),
        ("d", key.domain),
        ("s", key.selector),
        ("t", str(int(now))),
    ]
    results_field = f"ARC-Authentication-Results: i={number}; {service}; {results}".encode()
    unsigned = written("ARC-Message-Signature", [*common, ("c", "relaxed/relaxed")], names, digest)
    text = header.signed_text(names, "relaxed") + _canonical(unsigned)
    message_field = completed(unsigned, key.private.sign(text))
    unsigned_seal = written("ARC-Seal", [*common, ("cv", chain.state)], (), b"")
    sealed = _earlier(header) if chain.state == "pass" else b""
    sealed += _canonical(results_field) + b"\r\n" + _canonical(message_field.removesuffix(b"\r\n")) + b"\r\n"
    seal_field = completed(unsigned_seal, key.private.sign(sealed + _canonical(unsigned_seal)))
    return seal_field + message_field + results_field + b"\r\n"


def _canonical(raw: bytes) -> bytes:
    name, _, value = raw.partition(b":")
    return relaxed_field(name, value)


def _earlier(header: Header) -> bytes:
    """The sets that are there, as a seal covers them (RFC 8617 5.1.1)."""
    return b"".join(
        _line(each.results) + _line(each.message_field) + _line(each.seal_field)
        for each in _read_sets(header)
    )
