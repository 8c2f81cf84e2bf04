"""The one error of directory changes."""

from __future__ import annotations

from typing import Literal

Kind = Literal["invalid", "missing", "exists", "refused"]


class DirectoryError(Exception):
    """A change that was declined. ``text`` names the thing and the trouble, ``mend`` says what to do about
    it; both are one line for people. ``kind``: the request is wrong as written, the thing is missing, it
    exists already, or its state forbids the change."""

    def __init__(self, text: str, mend: str, kind: Kind = "invalid") -> None:
        super().__init__(text)
        self.text = text
        self.mend = mend
        self.kind: Kind = kind
