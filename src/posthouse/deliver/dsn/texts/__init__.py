"""What notices say, one file per language. A further language is a further file, named here and among the choices of
the setting ``notices.language``."""

from __future__ import annotations

from posthouse.deliver.dsn.texts import de, en
from posthouse.deliver.dsn.texts.words import Words

LANGUAGES: dict[str, Words] = {"en": en.WORDS, "de": de.WORDS}

ENGLISH = en.WORDS


def words_in(language: str) -> Words:
    """The words of a language (a tag such as ``de-AT`` counts by its first part); English where there are none."""
    return LANGUAGES.get(language.lower().replace("_", "-").partition("-")[0], ENGLISH)


__all__ = ["ENGLISH", "LANGUAGES", "Words", "words_in"]
