"""What is in a mailbox, held against what a client sent."""

from __future__ import annotations

import hashlib
import imaplib
import re

from load import Ledger
from running import PASSWORD


class Damaged(AssertionError):
    """A message is there, but not as it was sent, or cannot be read."""


def read_tokens(port: int, account: str, ledger: Ledger, above: int = 0) -> dict[int, str]:
    """UID → token of every message in the Inbox with a UID above the given one. Raises Damaged."""
    tokens: dict[int, str] = {}
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login(account, PASSWORD)
        client.select("INBOX", readonly=True)
        found = client.uid("SEARCH", f"UID {above + 1}:*")[1][0].split()
        uids = [int(uid) for uid in found if int(uid) > above]
        for start in range(0, len(uids), 100):
            chunk = uids[start : start + 100]
            data = client.uid("FETCH", f"{chunk[0]}:{chunk[-1]}", "(UID BODY.PEEK[])")[1]
            bodies = [each for each in data if isinstance(each, tuple)]
            if len(bodies) != len(chunk):
                raise Damaged(f"{account}: {len(chunk) - len(bodies)} messages not readable")
            for intro, body in bodies:
                uid = re.search(rb"UID (\d+)", intro)
                if uid is None:
                    raise Damaged(f"{account}: an answer without UID: {intro!r}")
                tokens[int(uid[1])] = _token(body, ledger)
    return tokens


def _token(body: bytes, ledger: Ledger) -> str:
    header, _, text = body.partition(b"\r\n\r\n")
    subject = re.search(rb"^Subject: (\w+)\r?$", header, re.M)
    token = subject[1].decode() if subject else "?"
    if ledger.sent.get(token) != hashlib.sha256(text).hexdigest():
        raise Damaged(f"message {token} is not as it was sent")
    return token
