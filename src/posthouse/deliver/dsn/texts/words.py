"""What a language has to say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language. They are filled in with ``str.format``: ``{address}`` of the recipient, ``{domain}``
    of it, ``{host}`` that spoke, ``{time}`` that was waited, ``{until}`` a moment, ``{size}`` of the message, ``{our}``
    name, ``{count}``, ``{subject}``, ``{trace}``.

    ``subject``, ``intro`` (several recipients) and ``happened`` are by kind of notice; ``cause`` (a sentence) and
    ``advice`` ("" for none) by cause. ``later`` is added to the cause of a delay, ``gave_up`` to one of a failure after
    many attempts. ``units``: minute, hour and day, each as (one, many).
    """

    tag: str
    name: str
    months: tuple[str, ...]
    moment: str
    units: tuple[tuple[str, str], ...]
    subject: dict[str, str]
    intro: dict[str, str]
    happened: dict[str, str]
    cause: dict[str, str]
    advice: dict[str, str]
    later: str
    gave_up: str
    said: str
    said_by_us: str
    about: str
    about_subject: str
    about_received: str
    about_id: str
    about_trace: str
    attached: str
    attached_header: str
    more: str
    signature: str
