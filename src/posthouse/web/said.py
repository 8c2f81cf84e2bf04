"""Fixed words of the uses in the reader's language: rights, kinds of TLS, where a change came from."""

from __future__ import annotations

from typing import Literal

from posthouse.web.language import Language, mark

Kind = Literal["right", "tls", "source", "actor", "secret", "database"]

_WORDS: dict[Kind, dict[str, str]] = {
    "right": {
        "view": mark("look"),
        "change": mark("change"),
        "read_mail": mark("read mail"),
        "send": mark("send mail"),
    },
    "tls": {"starttls": "STARTTLS", "implicit": mark("from the first byte"), "none": mark("no TLS")},
    "source": {
        "web": mark("browser"),
        "api": "API",
        "control socket": mark("command line"),
        "control port": mark("command line"),
        "offline": mark("command line, while the server was stopped"),
        "server": mark("the server itself"),
    },
    "actor": {
        "the schedule": mark("the schedule"),
        "the holder of the token": mark("the holder of the token"),
        "probation": mark("probation"),
        "set-up": mark("set-up"),
    },
    "secret": {"(set)": mark("(set)"), "(not set)": mark("(not set)")},
    "database": {"SQLite in the data folder": mark("SQLite in the data folder")},
}


def said(language: Language, text: str, kind: Kind) -> str:
    """The text in this language; what is none of the fixed words (a name, an address) stays as it is. Of a source
    only the first word is one: an address follows."""
    words = _WORDS[kind]
    if text in words:
        return language(words[text])
    first, blank, rest = text.partition(" ")
    return f"{language(words[first])} {rest}" if kind == "source" and blank and first in words else text
