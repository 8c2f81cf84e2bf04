"""What is wrong with a configuration."""

from __future__ import annotations


class ConfigError(Exception):
    """The configuration cannot be used. ``where`` is the file or variable, ``key`` the path in it
    (``listener[2].port``), ``what`` the trouble, ``mend`` what to do."""

    def __init__(self, where: str, key: str, what: str, mend: str) -> None:
        super().__init__(f"{where}: {key}: {what}" if key else f"{where}: {what}")
        self.where = where
        self.key = key
        self.what = what
        self.mend = mend
