"""Errors of the command line and its exit codes."""

from __future__ import annotations

EXIT_CODES = {
    "invalid": 2,
    "missing": 3,
    "exists": 4,
    "refused": 5,
    "unavailable": 75,
    "failed": 70,
    "findings": 6,
    "conflict": 7,
}
"""Exit code by kind of error; 0 is success. 70 and 75 are sysexits' EX_SOFTWARE and EX_TEMPFAIL: a script
may try again after 75. ``findings``: ``verify`` ran and found something wrong."""


class CommandError(Exception):
    """A command cannot do what was asked. ``what`` names the thing, ``mend`` what to do; one line each."""

    def __init__(self, kind: str, what: str, mend: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.mend = mend
        self.problems = problems

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return EXIT_CODES.get(self.kind, 1)
