"""THREAD and UID THREAD (RFC 5256 3)."""

from __future__ import annotations

import asyncio

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.search import Searcher, mentions
from posthouse.access.imap.search_answer import names
from posthouse.mail.threads import ThreadRecord, ordered_subject, references
from posthouse.wire.imap.structure import threads
from posthouse.wire.imap.syntax import Command, Thread

_ALGORITHMS = {"REFERENCES": references, "ORDEREDSUBJECT": ordered_subject}
_FACTS_CHUNK = 200


async def run(session: ImapSession, command: Command) -> None:
    """Find messages and show how they hang together."""
    arguments: Thread = command.arguments
    if mentions(arguments.key, "MODSEQ"):
        session.enable_condstore()
    searcher = Searcher(session)
    found = await searcher.run(arguments.key)
    numbers = names(session, found, command.uid)
    records: list[ThreadRecord] = []
    for start in range(0, len(found), _FACTS_CHUNK):
        chunk = found[start : start + _FACTS_CHUNK]
        for index, facts in enumerate(await session.store.facts(chunk)):
            message = chunk[index]
            records.append(
                ThreadRecord(
                    numbers[start + index],
                    facts.message_id,
                    facts.references,
                    message.internal_date if facts.sent_date is None else facts.sent_date,
                    facts.base_subject,
                    facts.is_reply,
                )
            )
        await searcher.pace.breathe()
    roots = await asyncio.to_thread(_ALGORITHMS[arguments.algorithm], records)
    session.write(b"* THREAD %s\r\n" % threads(roots) if roots else b"* THREAD\r\n")
    session.ok(command, "THREAD completed")
