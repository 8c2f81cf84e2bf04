"""Commands in sentences: shown as what they are."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_COMMAND = re.compile(r"`([^`]+)`|(?<=: )(posthouse [a-z].*?)(?=\.?\Z)")
"""A text between backquotes; or a command of ours after a colon, up to the end of the text."""


def coded(text: str) -> Markup:
    """The text, escaped, with its commands as ``<code>``."""
    found, at = Markup(""), 0
    for match in _COMMAND.finditer(text):
        found += escape(text[at : match.start()])
        found += Markup("<code>{}</code>").format(match[1] or match[2])
        at = match.end()
    return found + escape(text[at:])
