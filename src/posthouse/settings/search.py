"""Settings of searching in mailboxes."""

from __future__ import annotations

from posthouse.settings.contract import Setting

SEARCH_SECONDS = Setting(
    "search.seconds",
    60,
    "How long one IMAP SEARCH, SORT or THREAD may look into message texts before it is answered with NO [LIMIT].",
    unit="seconds",
    minimum=1,
    maximum=3600,
)

SEARCH_CACHE = Setting(
    "search.cache",
    128 * 1024 * 1024,
    "Memory one worker process may use to keep the decoded texts of messages that were searched, so that the next "
    "search in the same mailbox is quick. It is given back when nobody has searched for ten minutes. 0: keep none.",
    unit="bytes",
    minimum=0,
)

SEARCH_INDEX = Setting(
    "search.index",
    True,
    "Keep an index of message texts, so that IMAP SEARCH BODY and TEXT need not read every message. A mailbox is "
    "indexed in the background after the first such search in it. The files, in the folder search of the data folder, "
    "take about 60% of the size of the texts (not of attachments); they can be removed at any time and are made again. "
    "Off: they are removed within an hour.",
)
