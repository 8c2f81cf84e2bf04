"""What new accounts get where their maker does not say: by their domain, else by the settings."""

from __future__ import annotations

from dataclasses import replace

from posthouse.database.contract import Transaction
from posthouse.directory import details, domains, naming
from posthouse.directory.details import Change, clean
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import own_address
from posthouse.manage.use import Call
from posthouse.settings import accounts as settings


def quota_for(tx: Transaction, call: Call, address: str) -> int:
    """The quota in bytes (0 = none) of a new account of this address. Raises DirectoryError where the domain is not
    ours."""
    domain_id = naming.domain_of(tx, own_address(address).domain, address)
    return domains.quota_for_new(tx, domain_id) or call.context.settings.now[settings.QUOTA]


def completed(tx: Transaction, call: Call, account_id: int, given: Change) -> Change:
    """What is given of an account that was just made (its domain's defaults are in it already), and the settings' word
    for what nobody said. A setting that is no language or time zone keeps nobody from making accounts."""
    now = call.context.settings.now
    has = details.of(tx, [account_id])[account_id].details
    if given.language is None and not has.language:
        given = _with(given, language=now[settings.LANGUAGE])
    if given.time_zone is None and not has.time_zone:
        given = _with(given, time_zone=now[settings.TIME_ZONE])
    return given


def _with(given: Change, **more: str) -> Change:
    try:
        clean(Change(**more))  # type: ignore[arg-type]
    except DirectoryError:
        return given
    return replace(given, **more)  # type: ignore[arg-type]
