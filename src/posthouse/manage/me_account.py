"""Whose account a use of ``me.…`` is about: the caller's own, and nobody else's."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from posthouse.database.contract import Transaction
from posthouse.directory import lookup
from posthouse.directory.browser_sessions import Lasting
from posthouse.directory.contract import Account
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call
from posthouse.settings.identity import SESSION_IDLE, SESSION_LIFETIME


def own(wanted: Any) -> Iterable[str]:
    """For ``about``: nothing but the caller's own account, whose id the caller does not choose."""
    return ()


def account_id(call: Call) -> int:
    """The caller's account. Raises ManageError for a caller who has none (the control socket)."""
    if not call.actor.account_id:
        raise ManageError(
            "refused",
            "This is about your own account, and the command line has none.",
            "Sign in with a browser or an API token, or use the commands of posthouse account.",
        )
    return call.actor.account_id


def account_in(tx: Transaction, call: Call) -> Account:
    """The caller's account as it is now. Raises ManageError when it has gone meanwhile."""
    found = lookup.find_account(tx, account_id(call))
    if found is None or not found.active:
        raise ManageError("missing", "Your account is not there any more.", "Ask your administrator.")
    return found


def lasting(call: Call) -> Lasting:
    """How long sessions last now."""
    now = call.context.settings.now
    return Lasting(now[SESSION_IDLE], now[SESSION_LIFETIME])


def now() -> float:
    """Seconds since 1970."""
    return time.time()
