"""The visible text of HTML, roughly, for previews and search: tags go, entities are resolved. Bounded by its caller."""

from __future__ import annotations

from html.parser import HTMLParser

_HIDDEN = frozenset({"head", "script", "style", "template", "title", "noscript"})
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


class _Text(HTMLParser):
    """Collects text outside of hidden elements; block elements leave a blank."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.hidden and tag in _HIDDEN:
            self.hidden = tag
        elif tag in _BLOCKS:
            self.pieces.append(" ")
        elif tag == "body":  # a head that was never closed
            self.hidden = ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == self.hidden:
            self.hidden = ""
        elif tag in _BLOCKS:
            self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.pieces.append(data)


def html_to_text(source: str) -> str:
    """The visible text of an HTML source; as much as was understood when it is broken."""
    parser = _Text()
    try:
        parser.feed(source)
        parser.close()
    except (AssertionError, ValueError):  # the parser's own surrender to hostile markup
        pass
    return "".join(parser.pieces)
