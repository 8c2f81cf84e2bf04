"""Every text of the pages stands in every catalogue, translated, and the compiled catalogue is the written one."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from posthouse.web.language import LOCALE, NAMES

ROOT = Path(__file__).parents[3]
WEB = ROOT / "src" / "posthouse" / "web"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "t": None,
    "mark": None,
    "words": None,
    "count": (1, 2),
}
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {"**/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}}
OTHERS = sorted(set(NAMES) - {"en"})
HOW = "run tools/translations.sh, fill in what is empty, run it again"


def texts() -> set[str]:
    """All texts of the pages (the singular of those that count)."""
    found = extract_from_dir(WEB, METHODS, OPTIONS, keywords=KEYWORDS)
    return {each[2] if isinstance(each[2], str) else each[2][0] for each in found}


def catalogue(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "posthouse.po").open("rb") as file:
        return read_po(file, locale=language)


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _is_whole(message: Message) -> bool:
    return all([message.string] if isinstance(message.string, str) else message.string)


def _nothing(left: set[str], what: str) -> None:
    if left:
        pytest.fail(f"{what} ({HOW}):\n" + "\n".join(sorted(left)), pytrace=False)


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_missing(language: str) -> None:
    known = {_key(message): message for message in catalogue(language) if message.id}
    wanted = texts()
    assert len(wanted) > 200, "the extraction finds the pages"
    _nothing(wanted - set(known), f"not in the catalogue for {language}")
    _nothing(set(known) - wanted, "in no page any more")
    _nothing({key for key, each in known.items() if not _is_whole(each)}, f"not translated to {language}")
    assert not [key for key, each in known.items() if each.fuzzy], "fuzzy"


@pytest.mark.parametrize("language", OTHERS)
def test_compiled(language: str) -> None:
    with (LOCALE / language / "LC_MESSAGES" / "posthouse.mo").open("rb") as file:
        compiled = {_key(each): tuple(each.string) for each in read_mo(file) if each.id}
    written = {_key(each): tuple(each.string) for each in catalogue(language) if each.id and _is_whole(each)}
    assert {key: compiled.get(key) for key in written} == written, HOW


def _places(text: str) -> set[str]:
    named = {f"%({part.partition(')')[0]})" for part in text.split("%(")[1:]}
    return named if named else {f"{{{name}}}" for _, name, _, _ in string.Formatter().parse(text) if name}


def _pairs(message: Message) -> Iterator[tuple[str, str]]:
    if isinstance(message.id, str):
        yield message.id, str(message.string)
    else:
        yield from ((message.id[1], text) for text in message.string)


@pytest.mark.parametrize("language", OTHERS)
def test_no_other_places_are_filled_in(language: str) -> None:
    for message in catalogue(language):
        if message.id:
            for source, translated in _pairs(message):
                assert _places(translated) <= _places(source), source
