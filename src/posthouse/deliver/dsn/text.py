"""The first part of a notice: what happened, in plain words."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from posthouse.deliver.contract import NoticeKind, Told
from posthouse.deliver.dsn.cause import cause_of
from posthouse.deliver.dsn.fields import clean
from posthouse.deliver.dsn.original import Original
from posthouse.deliver.dsn.texts import ENGLISH, Words
from posthouse.deliver.results import Said
from posthouse.queue.contract import QueuedMessage

MOST_SHOWN = 50
"""Recipients that are told of in words; the report after it has all."""

MAX_SAID = 2000
"""Characters of an answer that are repeated word for word."""

_WIDTH = 76


@dataclass(frozen=True, slots=True)
class Story:
    """What is told: of which message, to be told now, by whom, and what else is attached."""

    message: QueuedMessage
    kind: NoticeKind
    told: Sequence[Told]
    original: Original
    our_name: str
    now: float
    whole: bool = False
    header: bool = False


def text_of(story: Story, words: Words) -> str:
    """The whole text with LF lines; in another language than English, English follows."""
    text = _in_one(story, words)
    if words is ENGLISH:
        return text
    return f"{text}\n\n--- {ENGLISH.name} ---\n\n{_in_one(story, ENGLISH)}"


def _in_one(story: Story, words: Words) -> str:
    parts: list[str] = []
    if len(story.told) > 1:
        parts.append(_fill(words.intro[story.kind], count=len(story.told)))
    for told in story.told[:MOST_SHOWN]:
        parts += _of_recipient(story, words, told)
    if len(story.told) > MOST_SHOWN:
        parts.append(_fill(words.more, count=len(story.told) - MOST_SHOWN))
    parts.append(_about(story, words))
    parts.append(_fill(words.signature, our=story.our_name))
    return "\n\n".join(parts) + "\n"


def _of_recipient(story: Story, words: Words, told: Told) -> list[str]:
    """Sentence, answer, advice."""
    said = told.result.said
    address = clean(told.result.lease.recipient.recipient, 400)
    host = clean(said.remote or said.address, 255)
    cause = cause_of(said)
    about = {
        "address": address,
        "domain": address.rpartition("@")[2] or address,
        "host": host,
        "our": story.our_name,
        "time": duration(words, story.now - story.message.received_at),
        "size": f"{max(1, story.message.size // 1024)} KB",
        "until": moment(words, told.until),
    }
    if told.kind not in ("failed", "delayed"):
        return [_fill(words.happened[told.kind], **{**about, "host": host or about["domain"]})]
    sentence = words.cause[cause].format(**about)
    if told.kind == "delayed":
        sentence = f"{sentence} {words.later.format(**about)}"
    elif _gave_up(said) and "{time}" not in words.cause[cause]:
        sentence = f"{sentence} {words.gave_up.format(**about)}"
    parts = [_wrapped(sentence)]
    answer = word_for_word(said)
    if answer:
        head = words.said.format(**about) if host else words.said_by_us
        parts.append(f"{_wrapped(head)}\n\n{answer}")
    if told.kind == "failed" and words.advice[cause]:
        parts.append(_fill(words.advice[cause], **about))
    return parts


def _gave_up(said: Said) -> bool:
    """Whether the last answer was one after which we would have tried again."""
    return 400 <= said.code < 500


def word_for_word(said: Said) -> str:
    """What was said, indented; lines are broken at blanks only. A status that was made from the reply code is left
    out."""
    status = "" if said.status.endswith(".0.0") or said.text.startswith(said.status) else said.status
    answer = " ".join(filter(None, (str(said.code or ""), clean(status, 20), clean(said.text, MAX_SAID))))
    return textwrap.indent(
        textwrap.fill(answer, _WIDTH - 4, break_long_words=False, break_on_hyphens=False), "    "
    )


def _about(story: Story, words: Words) -> str:
    lines = [f"{words.about}:"]
    if story.original.subject:
        lines.append(_item(words.about_subject, subject=story.original.subject))
    lines.append(_item(words.about_received, until=moment(words, story.message.received_at)))
    if story.original.message_id:
        lines.append(_item(words.about_id, subject=story.original.message_id))
    lines.append(_item(words.about_trace, trace=clean(story.message.trace, 100)))
    if story.whole or story.header:
        lines.append(_item(words.attached if story.whole else words.attached_header))
    return "\n".join(lines)


def _item(text: str, **values: str) -> str:
    return textwrap.fill(
        text.format(**values),
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _fill(text: str, **values: object) -> str:
    return _wrapped(text.format(**values))


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def moment(words: Words, at: float) -> str:
    """A moment for people: day, time of the server's clock, and how that is from UTC."""
    when = datetime.fromtimestamp(max(0.0, at)).astimezone()
    zone = when.strftime("%z")
    clock = f"{when:%H:%M} (UTC{'' if zone == '+0000' else f'{zone[:3]}:{zone[3:5]}'})"
    return words.moment.format(day=when.day, month=words.months[when.month - 1], year=when.year, clock=clock)


def duration(words: Words, seconds: float) -> str:
    """How long, in the largest unit of which there are two or more; a minute at least."""
    minutes = max(1, round(seconds / 60))
    for size, (one, many) in zip((1440, 60, 1), reversed(words.units), strict=True):
        count = round(minutes / size)
        if count >= 2 or (count == 1 and minutes >= size) or size == 1:
            return one if count == 1 else many.format(count=count)
    raise AssertionError  # the last unit always fits
