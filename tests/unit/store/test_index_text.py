"""What the index holds and is asked: never a match less than a scan finds."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.casemap import fold
from posthouse.mail.text import all_texts
from posthouse.store import index_text
from posthouse.store.facts import compute, decode_parts, encode
from posthouse.store.index_file import IndexFile, make
from posthouse.store.index_text import MAX_TRIGRAMS, TEXTS, document, question

CORPUS = sorted((Path(__file__).parents[2] / "corpus").glob("*/*.eml"))[::4]
"""Enough of it: each message is indexed and asked dozens of times."""

ODD = [
    "Straße", "STRASSE", "İstanbul", "istanbul", "ıspanak", "ŞİŞLİ", "ﬁnal oﬃce", "Ǆungla ǆ ǅ", "ΣΊΣΥΦΟΣ ς",
    "A\u0308rger",     "\u212bngström", "日本語のメール", "emoji 🎉🎉 end", 'quo"ted ""', "* OR NOT AND NEAR(",
    "a\0bcd\0e", "\ufffe\uffff!", "   ",
    "tab\t\r\nfold", "\ud800 lone", "ends", "xx",
]  # fmt: skip


def with_texts(texts: list[str], folder: Path) -> IndexFile:
    """An index of these folded texts, with UIDs from 1."""
    file = IndexFile(make(folder, "m1"), "m1", writing=True)
    assert file.claim("me") is not None
    file.add("me", [(uid, f"{uid:064x}", text) for uid, text in enumerate(texts, 1)])
    return file


def pieces(text: str) -> Iterator[str]:
    """Search strings that the text contains, folded as SEARCH folds them."""
    chooser = random.Random(text[:50])
    for _ in range(8):
        length = chooser.choice((3, 3, 4, 6, 11, 40, 200))
        start = chooser.randrange(max(1, len(text) - length))
        piece = text[start : start + length]
        if "\0" not in piece and piece.isprintable():  # what a client can send
            yield piece


def test_index_finds_whatever_a_scan_finds(tmp_path: Path) -> None:
    """For every message of the corpus and odd texts of every sort: any piece of its texts, header or body, finds it."""
    texts: list[list[str]] = []
    documents: list[str] = []
    contents = [path.read_bytes() for path in CORPUS]
    contents += [
        b"Subject: odd\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        + odd.encode("utf-8", "surrogatepass")
        for odd in ODD
    ]
    for content in contents:
        texts.append([fold(text) for text in all_texts(content, decode_parts(compute(content).parts))])
        made = document(content, encode(compute(content)), b"")
        assert made is not None
        documents.append(made)
    file = with_texts(documents, tmp_path)
    asked = 0
    for uid, whole in enumerate(texts, 1):
        for text in whole:
            for needle in pieces(text):
                expression = question(needle)
                if expression is None:
                    continue
                asked += 1
                _, found = file.find(expression)
                assert uid in found, needle
    assert asked > 1_000
    file.close()


@pytest.mark.parametrize("odd", ODD)
def test_index_odd_texts(odd: str, tmp_path: Path) -> None:
    """Letters that change their length or have no simple case, NUL, surrogates and query syntax: what holds the needle
    is found, and what holds none of it is not."""
    content = b"Subject: one\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n<<" + (
        odd.replace("\0", "").encode("utf-8", "replace") + b">>\r\n"
    )
    made = document(content, encode(compute(content)), b"")
    assert made is not None
    file = with_texts([made, "SOMETHING ELSE ALTOGETHER"], tmp_path)
    needle = fold(odd.replace("\0", "").encode("utf-8", "replace").decode())
    expression = question(needle)
    if len(needle) < 3:
        assert expression is None
    else:
        assert expression is not None
        assert file.find(expression)[1] == [1]
    file.close()


@given(st.text(min_size=1, max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_index_question_of_any_string(needle: str, before: str, after: str) -> None:
    """Any string is a valid question, and a text that contains it has all its trigrams."""
    expression = question(needle)
    if expression is None:
        return
    asked = (
        [each[1:-1].replace('""', '"') for each in expression.split(" AND ")]
        if '" AND "' not in needle
        else []
    )
    assert len(asked) <= MAX_TRIGRAMS
    for trigram in asked:
        assert len(trigram) == 3
        assert trigram in before + needle + after


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexFile]:
    """An index to ask anything."""
    file = with_texts(["HELLO"], tmp_path_factory.mktemp("few"))
    yield file
    file.close()


@given(needle=st.text(alphabet=st.characters(), min_size=3, max_size=40))
def test_index_takes_any_question(few: IndexFile, needle: str) -> None:
    """No string, whatever its characters, is a syntax error to SQLite (which would pass for damage)."""
    expression = question(needle)
    if expression is not None:
        assert isinstance(few.find(expression)[1], list)


def test_index_long_question_is_cut() -> None:
    """A long search string asks for some of its trigrams, from all its length."""
    needle = "".join(chr(0x4E00 + number) for number in range(5000))
    expression = question(needle)
    assert expression is not None
    asked = expression.split(" AND ")
    assert len(asked) == MAX_TRIGRAMS
    assert needle.index(asked[-1][1:-1]) > 4000


def test_index_leaves_out_what_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message with more text than the limit is not indexed (and so looked into each time)."""
    monkeypatch.setattr(index_text, "MAX_DOCUMENT", 100)
    content = b"Subject: long\r\n\r\n" + b"x" * 200
    assert document(content, encode(compute(content)), b"") is None
    assert document(content[:60], encode(compute(content[:60])), b"") is not None


def test_index_holds_the_prefix() -> None:
    """The copy's own lines are found too, encoded words decoded."""
    content = b"Subject: one\r\n\r\ntext"
    made = document(content, encode(compute(content)), b"Delivered-To: =?utf-8?q?J=C3=BC?=@example.org\r\n")
    assert made is not None
    assert fold("Jü@example") in made
    assert "TEXT" in made


SAMPLES = (
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?iso-8859-1?q?_x=E4?=\r\nno field here\r\n\tfolded\r\n\r\n"
    b"B\xf6dy \xc3\xa9\r\n",
    b"Content-Type: text/html; charset=windows-1252\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"PGI+4uk8L2I+Jm5ic3A7gA==\r\n",
    b'Content-Type: multipart/mixed; boundary="B"\r\n\r\npre\r\n--B\r\n\r\none=20two\r\n--B\r\n'
    b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: text/plain; charset=utf-7\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n+AOk-=3D\r\n--B\r\n"
    b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\n--B\r\n"
    b"Content-Type: image/png\r\n\r\nx\r\n--B--\r\n",
    b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$BF|K\\\x1b(B\r\n",
    b"Content-Type: text/plain; charset=nonsense\r\nContent-Transfer-Encoding: nonsense\r\n\r\n\xe4\r\n",
)


def test_index_texts_are_those_of_its_count() -> None:
    """What is made of a message has not changed since ``TEXTS`` was raised: if this fails because searched texts are
    to be others from now on, raise ``TEXTS`` (indexes are then made anew) and put the new digest here."""
    digest = hashlib.sha256()
    for sample in SAMPLES:
        made = document(sample, encode(compute(sample)), b"Return-Path: <a@b>\r\n")
        assert made is not None
        digest.update(made.encode())
    assert (TEXTS, digest.hexdigest()[:16]) == (1, "e198d82a6c980b64")
