"""SORT's criteria (RFC 5256 3, RFC 5957)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.pace import Pace
from posthouse.store.contract import Facts, Message

_FACTS_CHUNK = 200

_FROM_FACTS: dict[str, Callable[[Message, Facts], int | str]] = {
    "CC": lambda message, facts: facts.sort_cc,
    "DATE": lambda message, facts: message.internal_date if facts.sent_date is None else facts.sent_date,
    "DISPLAYFROM": lambda message, facts: facts.display_from,
    "DISPLAYTO": lambda message, facts: facts.display_to,
    "FROM": lambda message, facts: facts.sort_from,
    "SUBJECT": lambda message, facts: facts.base_subject,
    "TO": lambda message, facts: facts.sort_to,
}
_FROM_MESSAGE: dict[str, Callable[[Message], int | str]] = {
    "ARRIVAL": lambda message: message.internal_date,
    "SIZE": lambda message: message.size,
}


async def in_order(
    session: ImapSession, messages: Sequence[Message], criteria: Sequence[tuple[str, bool]], pace: Pace
) -> list[Message]:
    """The messages by the first criterion, equal ones by the next, and at last in the order given (by sequence
    number, which REVERSE does not turn round)."""
    columns: dict[str, dict[int, int | str]] = {name: {} for name, _ in criteria}
    wanted = [name for name in columns if name in _FROM_FACTS]
    if wanted:
        for start in range(0, len(messages), _FACTS_CHUNK):
            chunk = messages[start : start + _FACTS_CHUNK]
            for message, facts in zip(chunk, await session.store.facts(chunk), strict=True):
                for name in wanted:
                    columns[name][message.uid] = _FROM_FACTS[name](message, facts)
            await pace.breathe()
    for name, read in _FROM_MESSAGE.items():
        if name in columns:
            columns[name] = {message.uid: read(message) for message in messages}
    result = list(messages)
    for name, reverse in reversed(criteria):
        column = columns[name]
        result.sort(key=lambda message: column[message.uid], reverse=reverse)
        await pace.breathe()
    return result
