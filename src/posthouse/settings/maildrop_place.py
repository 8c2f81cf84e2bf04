"""Where the maildrop is: known to the server, and to the sendmail command of users who may not read its
configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping

VARIABLE = "POSTHOUSE_MAILDROP"
SYSTEM = "/var/spool/posthouse/maildrop"
"""Used where it is there and no other was named (packages make it)."""


def maildrop_of(data: str, environ: Mapping[str, str] = os.environ) -> str:
    """The folder of the server on this data folder ("" where that is not known)."""
    if environ.get(VARIABLE):
        return environ[VARIABLE]
    if os.path.isdir(SYSTEM) and (not data or _is_system(data)):
        return SYSTEM
    return os.path.join(data, "maildrop") if data else SYSTEM


def _is_system(data: str) -> bool:
    """Whether it is the data folder of the system's own server, and not of some other one."""
    return os.path.abspath(data).startswith("/var/lib/posthouse")
