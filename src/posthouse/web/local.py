"""Which addresses a page may send its visitor on to: only paths of our own."""

from __future__ import annotations

from urllib.parse import urlsplit

MAX_PATH = 1000


def local_path(text: str) -> str:
    """The path if it leads to one of our own pages, else "". ``//other.example``, ``/\\other.example``, schemes
    and control characters (which browsers drop before they look) lead elsewhere."""
    if not text.startswith("/") or text.startswith("//") or len(text) > MAX_PATH:
        return ""
    if "\\" in text or any(ord(letter) < 0x21 or ord(letter) == 0x7F for letter in text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return "" if parts.scheme or parts.netloc else text
