"""Whether the person is there now: what changes who may sign in asks for a fresh proof."""

from __future__ import annotations

import time

from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call
from posthouse.settings.identity import FRESH_TIME


class NotFresh(ManageError):
    """The password was given too long ago (or an API token asks, which never proves a person): the web asks
    for it and repeats."""


def is_fresh(call: Call) -> bool:
    """Whether the actor proved to be there within ``identity.fresh_time``. The control socket always did."""
    return time.time() - call.actor.fresh_at <= call.context.settings.now[FRESH_TIME]


def require_fresh(call: Call) -> None:
    """Raise NotFresh unless the person proved to be there a moment ago."""
    if is_fresh(call):
        return
    if call.actor.token:
        raise NotFresh("refused", "An API token may not do this.", "Sign in with a browser and do it there.")
    raise NotFresh(
        "refused",
        "This needs your password: it was given too long ago in this session.",
        "Give your password again, then repeat.",
    )
