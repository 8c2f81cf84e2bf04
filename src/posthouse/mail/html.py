"""The visible text of HTML, roughly, for previews: tags go, entities are resolved.

No parser, on purpose: what is wanted is a line of text, and the time it takes must grow with the length of the source
only, whatever is in it (the standard library's parser needs seconds for 30 KB of unclosed tags).
"""

from __future__ import annotations

import re
from html import unescape

_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]*+)")
_CLOSERS = {
    tag: re.compile(rf"</{tag}\b", re.IGNORECASE)
    for tag in ("head", "script", "style", "template", "title", "noscript")
}
"""Elements whose content is not shown, and what ends them."""

_BLOCKS = frozenset(
    {
        "address",
        "article",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    }
    | {
        "header",
        "hr",
        "img",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "td",
        "th",
        "tr",
        "ul",
    }
)
"""Elements that part words."""


def html_to_text(source: str) -> str:
    """The visible text of an HTML source; as much as can be told when it is broken."""
    pieces: list[str] = []
    unclosed: set[str] = set()
    at = 0
    while True:
        start = source.find("<", at)
        pieces.append(source[at:] if start < 0 else source[at:start])
        if start < 0:
            break
        if source.startswith("<!--", start):
            end = source.find("-->", start + 4)
            at = end + 3
        elif source.startswith(("<!", "<?"), start):
            end = source.find(">", start)
            at = end + 1
        else:
            end, at = _pass_tag(source, start, pieces, unclosed)
        if end < 0:
            break
    return unescape("".join(pieces))


def _pass_tag(source: str, start: int, pieces: list[str], unclosed: set[str]) -> tuple[int, int]:
    """Pass over what begins with ``<``: (where it ends, -1 for never; where to go on)."""
    found = _TAG.match(source, start)
    if found is None:  # a bare sign
        pieces.append("<")
        return start, start + 1
    end = source.find(">", found.end())
    tag = found[1].lower()
    if tag in _BLOCKS:
        pieces.append(" ")
    if tag not in _CLOSERS or tag in unclosed or source[start + 1] == "/" or end < 0:
        return end, end + 1
    closer = _CLOSERS[tag].search(source, end)
    if closer is not None:
        return closer.start(), closer.start()
    unclosed.add(tag)
    # Scripts and styles without an end hide the rest; a head without one is just not closed.
    return (end, end + 1) if tag == "head" else (-1, -1)
