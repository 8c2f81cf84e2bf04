"""What servers say, and what it means: lines as servers and providers write them, in ``replies.txt``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import get_args

import pytest

from posthouse.deliver.dsn.cause import Cause, cause_of, cause_of_words
from posthouse.deliver.dsn.cause_words import RULES
from posthouse.deliver.dsn.texts import LANGUAGES
from posthouse.deliver.results import Said
from posthouse.settings.notices import LANGUAGE

REPLIES = [
    tuple(part.strip() for part in line.split("|", 3))
    for line in (Path(__file__).parent / "replies.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("cause", "code", "status", "text"), REPLIES)
def test_replies_of_the_world(cause: str, code: str, status: str, text: str) -> None:
    assert cause_of(Said(int(code), status, text)) == cause


def test_there_are_enough_of_them() -> None:
    assert len(REPLIES) >= 90
    assert {cause for cause, *_ in REPLIES} == set(get_args(Cause))


def test_the_tables_know_all_causes_and_no_others() -> None:
    """Rules, and the texts of each language, speak of the causes there are; languages have all texts, with the same
    places to fill."""
    causes = set(get_args(Cause))
    assert {cause for cause, _ in RULES} <= causes
    assert set(LANGUAGES) == set(LANGUAGE.choices)
    for words in LANGUAGES.values():
        assert set(words.cause) == set(words.advice) == causes
        assert (
            set(words.subject)
            == set(words.intro)
            == {"failed", "delayed", "delivered", "relayed", "expanded"}
        )
        assert len(words.months) == 12


def test_hostile_words_take_no_time() -> None:
    """A megabyte of what the patterns begin with."""
    begun = time.process_time()
    for word in (
        "user ",
        "mailbox is ",
        "quota over the ",
        "message size ",
        "ip address ",
        "domain " + "x" * 50,
    ):
        cause_of_words(550, "5.0.0", word * 200_000)
    assert time.process_time() - begun < 5
