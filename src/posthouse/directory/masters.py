"""Names that sign in: whose account they are, and the form ``owner*administrator``."""

from __future__ import annotations

from posthouse.mail.address import parse_address


def login_key(login: str) -> str:
    """The address key of a login; odd ones stay as they are and simply name nobody."""
    try:
        return parse_address(login).key
    except ValueError:
        return login[:320].replace("\0", "").encode("utf-8", "replace").decode()


def split(login: str, allowed: bool) -> tuple[str, str]:
    """The key of the owner ("" for a login of the usual form) and of whoever's password it is. A domain has no star,
    so the one after the first domain parts the two."""
    owner, star, master = login.partition("*")
    while star and "@" not in owner:
        more, star, master = master.partition("*")
        owner = f"{owner}*{more}"
    if allowed and star and "@" in master:
        return login_key(owner), login_key(master)
    return "", login_key(login)
