"""Passwords that we make for people."""

from __future__ import annotations

import secrets

LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""None that look alike; each is worth five bits."""
GROUPS, LENGTH = 4, 5


def new_password() -> str:
    """100 random bits, in groups that can be read aloud: ``k7tq3-…``."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(LENGTH)) for _ in range(GROUPS))
    return "-".join(groups)
