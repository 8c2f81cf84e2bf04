"""Errors of administration: each names the thing and the mend, and crosses the control socket as a value."""

from __future__ import annotations

from typing import Literal

Kind = Literal["invalid", "missing", "exists", "refused", "conflict", "unavailable", "failed"]
"""``invalid``: the request is wrong as written. ``missing``: the thing is not there. ``exists``: it is
there already. ``refused``: the caller lacks the right, or the state forbids it. ``conflict``: somebody changed
the thing since the caller looked at it. ``unavailable``: temporary, try again. ``failed``: our own fault,
details are in the log."""


class ManageError(Exception):
    """A use declined. ``what`` names the thing and the trouble, ``mend`` what to do about it; both are one
    line.

    ``problems`` lists further findings, one line each (an import reports every bad line of its file).
    """

    def __init__(self, kind: Kind, what: str, mend: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.kind: Kind = kind
        self.what = what
        self.mend = mend
        self.problems = problems
