"""The words of a signature: variables filled in, and the HTML and the plain form made from one another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from posthouse.mail.html import html_to_text

MAX_PLAIN = 20_000
"""Characters of a plain signature."""

MAX_HTML = 200_000
"""Characters of an HTML signature; small pictures as ``data:`` have room in it."""

VARIABLES = (
    "%User.FirstName%",
    "%User.LastName%",
    "%User.DisplayName%",
    "%User.Address%",
    "%Domain%",
    "%Date%",
)
"""What may stand in signatures and replies; upper and lower case are the same."""

_VARIABLE = re.compile("|".join(re.escape(each) for each in VARIABLES), re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_MANY_LINES = re.compile(r"\n{3,}")
_BREAK = re.compile(r"<br\b[^>]{0,200}>", re.IGNORECASE)
_BLOCK_END = re.compile(r"</(?:p|div|tr|li|h[1-6]|blockquote|ul|ol|table)\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Signature:
    """The two forms of a signature; either may be empty."""

    plain: str = ""
    html: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be added."""
        return not self.plain.strip() and not self.html.strip()

    def complete(self) -> Signature:
        """Both forms: the one that is missing is made from the other."""
        plain = self.plain if self.plain.strip() else to_plain(self.html)
        html = self.html if self.html.strip() else to_html(self.plain)
        return Signature(plain, html)

    def filled(self, names: Mapping[str, str]) -> Signature:
        """With the variables filled in (see :func:`fill`)."""
        return Signature(fill(self.plain, names), fill(self.html, names, html=True))


def fill(text: str, names: Mapping[str, str], *, html: bool = False) -> str:
    """Put values in place of variables: ``names`` by variable in lower case, without the percent signs. Variables
    without a value stay as they are. In HTML values are escaped; what they hold is never filled in again."""

    def value(found: re.Match[str]) -> str:
        known = names.get(found[0].strip("%").lower())
        if known is None:
            return found[0]
        return escape(known) if html else known

    return _VARIABLE.sub(value, text)


def to_html(plain: str) -> str:
    """Plain text as HTML: escaped, its lines broken where they were."""
    lines = _LINE_END.split(plain.strip("\r\n"))
    return "<br>\r\n".join(escape(line) for line in lines) if plain.strip() else ""


def to_plain(html: str) -> str:
    """The text of HTML, with line breaks where breaks, paragraphs and rows were."""
    flat = " ".join(_LINE_END.sub(" ", html).split())
    broken = _BLOCK_END.sub("\n", _BREAK.sub("\n", flat))
    lines = (" ".join(line.split()) for line in html_to_text(broken).split("\n"))
    return _MANY_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


def joined(signatures: Iterable[Signature]) -> Signature:
    """Several signatures one after the other, each form by itself. Where one of them lacks a form, that is made for
    it, so that nothing is left out of either."""
    wanted = [each.complete() for each in signatures if not each.empty]
    if not wanted:
        return Signature()
    return Signature(
        "\n\n".join(each.plain for each in wanted), "<br>\r\n".join(each.html for each in wanted)
    )
