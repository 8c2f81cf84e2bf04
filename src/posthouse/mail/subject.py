"""The base subject of RFC 5256 2.1: what is left of a subject without "Re:", "Fwd:", "[list]" and "(fwd)"."""

from __future__ import annotations

import re

from posthouse.mail.encoded import decode_words

_BLANKS = re.compile(r"[ \t\r\n]+")
_BLOB = re.compile(r"\[[^\[\]]*+\] *")
_REFWD = re.compile(r"(?:\[[^\[\]]*+\] *)*+(?:re|fwd?) *(?:\[[^\[\]]*+\] *)?:", re.IGNORECASE)

MAX_SUBJECT = 2000
"""Characters of a subject that are looked at; the rest is dropped before comparing."""


def base_subject(value: bytes) -> tuple[str, bool]:
    """The base subject of a raw Subject value and whether it is a reply or forward."""
    text = _BLANKS.sub(" ", decode_words(value)[:MAX_SUBJECT])
    reply = False
    while True:
        text, removed = _without_trailer(text)
        reply = reply or removed
        text, removed = _without_leaders(text)
        reply = reply or removed
        if text[:5].lower() == "[fwd:" and text.endswith("]"):
            text, reply = text[5:-1], True
            continue
        return text, reply


def _without_trailer(text: str) -> tuple[str, bool]:
    """Step 2: trailing blanks and "(fwd)". A cheap look at the end first: the pattern would try every blank."""
    if not text.endswith((" ", ")")):
        return text, False
    kept = text
    removed = False
    while True:
        kept = kept.rstrip(" ")
        if kept[-5:].lower() != "(fwd)":
            return kept, removed
        kept, removed = kept[:-5], True


def _without_leaders(text: str) -> tuple[str, bool]:
    """Steps 3 to 5: leading blanks, "Re:" and its kin with any blobs before them, then one blob unless nothing would be
    left."""
    reply = False
    at = 0
    while True:
        while text.startswith(" ", at):
            at += 1
        found = _REFWD.match(text, at)
        if found is not None:
            at, reply = found.end(), True
            continue
        blob = _BLOB.match(text, at)
        if blob is None or blob.end() == len(text):
            return text[at:], reply
        at = blob.end()
