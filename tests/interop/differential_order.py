"""Comparing SEARCH, SORT and THREAD: which messages, in which order, under which parent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from differential import Findings, Pair, Sent
from imap_values import Value

_MOST_NAMED = 20
"""Messages found by one only that are findings of their own; more of them are one finding."""


def searches(pair: Pair, messages: Sequence[Sent], keys: Sequence[str | bytes], findings: Findings) -> None:
    """Compare which messages match each search; a message is a finding of its own."""
    commands = [b"SEARCH " + (key.encode() if isinstance(key, str) else key) for key in keys]
    for command, (ours, theirs) in zip(commands, pair.ask(commands), strict=True):
        item = command.decode("utf-8", "backslashreplace")
        if not (ours.ok and theirs.ok):
            findings.compare("-", item, ours.status.split()[0], theirs.status.split()[0])
            continue
        left, right = set(ours.numbers("SEARCH")), set(theirs.numbers("SEARCH"))
        findings.compared += len(messages)
        if len(left ^ right) > _MOST_NAMED:
            names = [
                sorted(messages[number - 1].name for number in only) for only in (left - right, right - left)
            ]
            findings.differing["-", item] = (names, f"{len(names[0])} only ours, {len(names[1])} only theirs")
            continue
        for number in sorted(left ^ right):
            findings.differing[messages[number - 1].name, item] = (number in left, number in right)


# SORT and THREAD


def orders(pair: Pair, messages: Sequence[Sent], commands: Sequence[str], findings: Findings) -> None:
    """Compare orders: the messages that stand elsewhere are the findings, as few as explain the rest."""
    for command, (ours, theirs) in zip(commands, pair.ask(commands), strict=True):
        assert ours.ok, (command, ours.status)
        assert theirs.ok, (command, theirs.status)
        left, right = ours.numbers("SORT"), theirs.numbers("SORT")
        assert sorted(left) == sorted(right), command
        findings.compared += len(left)
        for number in moved(left, right):
            findings.differing[messages[number - 1].name, command] = _places(number, left, right)


def _places(number: int, left: Sequence[int], right: Sequence[int]) -> tuple[str, str]:
    """Which order has it earlier. Exact places would say something about all other messages too."""
    return ("earlier", "later") if left.index(number) < right.index(number) else ("later", "earlier")


def moved(left: Sequence[int], right: Sequence[int]) -> list[int]:
    """The fewest elements without which two orders of the same elements are one: all but a longest increasing
    subsequence of positions."""
    position = {number: index for index, number in enumerate(right)}
    line = [position[number] for number in left]
    best: list[int] = []  # for each length: index into line of the smallest possible last element
    before = [-1] * len(line)
    for index, value in enumerate(line):
        low, high = 0, len(best)
        while low < high:
            middle = (low + high) // 2
            if line[best[middle]] < value:
                low = middle + 1
            else:
                high = middle
        if low:
            before[index] = best[low - 1]
        best[low : low + 1] = [index]
    kept: set[int] = set()
    at = best[-1] if best else -1
    while at >= 0:
        kept.add(left[at])
        at = before[at]
    return sorted(set(left) - kept)


def threads(
    pair: Pair,
    messages: Sequence[Sent],
    commands: Sequence[str],
    findings: Findings,
    without: Sequence[int] = (),
) -> None:
    """Compare forests: who replies to whom, and how the threads follow each other. Messages ``without`` are left out:
    one whose date is read differently would move everything around it."""
    names = {number: message.name for number, message in enumerate(messages, 1)}
    left_out = f" NOT {','.join(map(str, without))}" if without else ""
    answers = pair.ask([command + left_out for command in commands])
    for command, (ours, theirs) in zip(commands, answers, strict=True):
        assert ours.ok, (command, ours.status)
        assert theirs.ok, (command, theirs.status)
        left, right = _forest(ours.thread()), _forest(theirs.thread())
        assert sorted(left) == sorted(right), command
        for number in sorted(left):
            findings.compare(names[number], f"{command} parent", left[number], right[number])
        sequences = [list(left), list(right)]
        for number in moved(*sequences):
            findings.differing[names[number], f"{command} place"] = _places(number, *sequences)


def _forest(value: Value) -> dict[int, object]:
    """The parent of each message, in the order of the answer. Roots under a missing parent share the group's members
    as their parent."""
    parents: dict[int, object] = {}

    def read(thread: Value, parent: object) -> None:
        assert isinstance(thread, list)
        if thread and isinstance(thread[0], list):  # no message here: these belong together
            parent = ("missing", tuple(sorted(_heads(thread))))
        for item in thread:
            if isinstance(item, list):
                read(item, parent)
            else:
                assert isinstance(item, int)
                parents[item] = parent
                parent = item

    assert isinstance(value, list)
    for thread in value:
        read(thread, None)
    return parents


def _heads(thread: list[Value]) -> Iterator[int]:
    for item in thread:
        assert isinstance(item, list)
        if isinstance(item[0], int):
            yield item[0]
        else:
            yield from _heads(item)
