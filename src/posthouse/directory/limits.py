"""When the right password may not be used all the same: it is too old, or the account wants app passwords."""

from __future__ import annotations

from dataclasses import dataclass
from time import time

from posthouse.directory.rows import Login
from posthouse.settings.contract import Settings
from posthouse.settings.signin import APP_PASSWORDS, EXPIRED_DAYS, PASSWORD_DAYS

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Limit:
    """Why the right password is refused: ``reason`` for the log, ``text`` for its owner."""

    reason: str
    text: str = ""
    expired: bool = False


def expires_at(login_changed_at: float, settings: Settings) -> float:
    """When a password that was set then expires, 0 for never."""
    days = settings[PASSWORD_DAYS]
    return login_changed_at + days * DAY if days else 0.0


def wants_app_password(login: Login, settings: Settings) -> bool:
    """Whether mail programs of this account must use an app password."""
    policy = settings[APP_PASSWORDS]
    if policy == "everybody" or login.app_passwords_only:
        return True
    return bool(policy == "second factor" and login.second_factors)


def of_own_password(login: Login, settings: Settings) -> Limit | None:
    """Why a mail program may not use the account's own password; None where it may."""
    if wants_app_password(login, settings):
        return Limit(
            "an app password is needed",
            "Mail programs need an app password: make one on the security page",
        )
    if login.source:
        return None
    until = expires_at(login.changed_at, settings)
    if until and time() >= until + settings[EXPIRED_DAYS] * DAY:
        return Limit(
            "the password has expired",
            "The password has expired: set another on the pages of this server",
            expired=True,
        )
    return None
