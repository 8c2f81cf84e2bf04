"""One text of each of many messages, joined: a search in C instead of one for each message."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from posthouse.store.contract import Message

BREAK = "\0"
"""Between two texts: no needle contains it, so no match spans them."""


class Joined:
    """The texts of some messages; None for a message without one. A text may hold anything: a break in it only makes
    it two."""

    __slots__ = ("_starts", "_text", "messages")

    def __init__(self, messages: Sequence[Message], texts: Sequence[str | None]) -> None:
        self.messages = messages
        """Those that were given, in order; what is kept is true as long as they are the same objects."""
        there = [(index, text) for index, text in enumerate(texts) if text is not None]
        self._text = "".join([text + BREAK for _, text in there])
        ends = accumulate((len(text) + 1 for _, text in there), initial=0)
        self._starts = [(start, index) for start, (index, _) in zip(ends, there, strict=False)]

    def containing(self, needle: str) -> list[Message]:
        """The messages whose text contains the needle; any text contains ""."""
        messages, starts, text = self.messages, self._starts, self._text
        if not needle:
            return [messages[index] for _, index in starts]
        found: list[Message] = []
        at = text.find(needle)
        while at >= 0:
            place = bisect_right(starts, (at, len(messages))) - 1
            found.append(messages[starts[place][1]])
            if place + 1 == len(starts):
                break
            at = text.find(needle, starts[place + 1][0])
        return found
