"""Mailboxes and domains that are nearly full, for who looks after them."""

from __future__ import annotations

from posthouse.database.contract import Transaction
from posthouse.directory import quotas
from posthouse.route import domain_use
from posthouse.settings.keeping import levels

NAMED = 5
"""Mailboxes that are named."""
MOST = 500
DOMAINS = 20


def troubles(tx: Transaction, setting: str) -> list[tuple[str, str, str]]:
    """Code, trouble and mend of each. ``setting`` is that of the levels at which owners are warned: mailboxes are told
    from the highest of them on (their owners have been warned), domains, which have no owner, from the lowest."""
    steps = levels(setting)
    return [*_mailboxes(tx, steps[-1]), *_domains(tx, steps[0])] if steps else []


def _mailboxes(tx: Transaction, level: int) -> list[tuple[str, str, str]]:
    full = [address for _, address, _, reached, _ in quotas.fullest(tx, MOST) if reached >= level]
    if not full:
        return []
    named = ", ".join(full[:NAMED]) + (", ..." if len(full) > NAMED else "")
    count = "1 mailbox is" if len(full) == 1 else f"{len(full)} mailboxes are"
    what = f"{count} at least {level} % full: {named}."
    mend = "Give more room on the page of the account, or have mail deleted: a full mailbox refuses new mail."
    return [("quota.mailboxes", what, mend)]


def _domains(tx: Transaction, level: int) -> list[tuple[str, str, str]]:
    mend = "Raise the limit in the settings of the domain, or have mail deleted: at the limit all its mail is refused."
    return [
        (
            "quota.domain",
            f"The mailboxes of {name} hold {100 * held // limit} % of what the domain may.",
            mend,
        )
        for name, limit, held in domain_use.nearly_full(tx, level, DOMAINS)
    ]
