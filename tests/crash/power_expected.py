"""What clients were promised, reply by reply, and what a disk may therefore hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Key = tuple[str, str]
"""A message: account and token; the account is "" for a message that leaves for another server."""
Copy = tuple[int | None, frozenset[str] | None]
"""UID and flags, as far as they are known."""
Place = dict[str, Copy]
"""Where a message is: its copy in each mailbox that has one; :data:`QUEUE` is one, too."""

QUEUE = "queue"
INBOX = "INBOX"
NOWHERE: Place = {}
_UNKNOWN: Copy = (None, None)
_SUBJECT = re.compile(rb"^Subject: (\w+)\r$", re.M)


@dataclass
class Effect:
    """What one reply promises: where these messages are from then on, and which UIDs the client has seen (by account
    and mailbox). ``arrival``: of a message that somebody else may move on as soon as it is there."""

    reply: bytes
    places: dict[Key, Place] = field(default_factory=dict)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    arrival: bool = False


@dataclass
class Expected:
    """What holds after the replies so far. ``ports``: what was promised on each connection (by the client's port), in
    order. ``owed``: local deliveries that waited in the queue before. ``remotes``: ports of the servers that mail is
    relayed to."""

    ports: Mapping[int, list[Effect]]
    owed: frozenset[Key] = frozenset()
    remotes: frozenset[int] = frozenset()
    places: dict[Key, Place] = field(default_factory=dict)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    handed: set[str] = field(default_factory=set)
    """Tokens of messages that were sent on."""
    promised: int = 0
    _next: dict[int, int] = field(default_factory=dict)
    _open: dict[int, bytes] = field(default_factory=dict)

    def sent(self, port: int, data: bytes) -> int:
        """The server sends this; how many promises are complete with it."""
        if port in self.remotes:
            self.handed.update(token.decode() for token in _SUBJECT.findall(data))
            return 0
        effects = self.ports.get(port)
        if effects is None:
            return 0
        text = self._open.get(port, b"") + data
        count = 0
        while (at := self._next.get(port, 0)) < len(effects):
            found = re.search(effects[at].reply, text, re.M)
            if found is None:
                break
            text = text[found.end() :]
            self._keep(effects[at])
            self._next[port] = at + 1
            count += 1
        self._open[port] = text[-200:] if count else text
        self.promised += count
        return count

    def missing(self) -> int:
        """Promises that clients got and that were not among what was sent."""
        return sum(len(effects) - self._next.get(port, 0) for port, effects in self.ports.items())

    def allowed(self) -> dict[Key, list[Place]]:
        """Where each message may be: as promised, or as the next promise of a connection has it, which may be carried
        out already. What is not named may be nowhere."""
        may: dict[Key, list[Place]] = {key: [place] for key, place in self.places.items()}
        for key in self.owed:
            if key not in self.places:
                may[key] = [{QUEUE: _UNKNOWN}, {INBOX: _UNKNOWN}]
        for key, options in may.items():
            if not key[0] and key[1] in self.handed:
                options.append(NOWHERE)
        for port, effects in self.ports.items():
            for effect in _in_flight(effects, self._next.get(port, 0)):
                for key, place in effect.places.items():
                    if not (effect.arrival and key in self.places):
                        may.setdefault(key, [NOWHERE]).append(place)
        return may

    def all_promised(self) -> None:
        """Every reply was sent."""
        everything = [effect for effects in self.ports.values() for effect in effects]
        for effect in sorted(everything, key=lambda each: each.arrival):
            self._keep(effect)
        self._next = {port: len(effects) for port, effects in self.ports.items()}
        self.promised = len(everything)

    def _keep(self, effect: Effect) -> None:
        for key, place in effect.places.items():
            if not effect.arrival or key not in self.places:
                self.places[key] = place
        for where, uid in effect.seen.items():
            self.seen[where] = max(uid, self.seen.get(where, 0))


def _in_flight(effects: list[Effect], at: int) -> Iterator[Effect]:
    """The next promise, and those of the same message: LMTP has a reply for each recipient."""
    tokens: set[str] = set()
    for effect in effects[at:]:
        own = {token for _, token in effect.places}
        if tokens and not (effect.arrival and own == tokens):
            return
        yield effect
        if not effect.arrival:
            return
        tokens = own


def fits(found: Mapping[str, list[tuple[int, frozenset[str]]]], place: Place) -> bool:
    """Whether a message is exactly where it is to be, once in each."""
    if found.keys() != place.keys():
        return False
    for name, copies in found.items():
        uid, flags = place[name]
        if len(copies) != 1 or uid not in (None, copies[0][0]) or flags not in (None, copies[0][1]):
            return False
    return True
