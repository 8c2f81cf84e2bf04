"""Which account somebody is who comes from the single sign-on provider: only one that exists already."""

from __future__ import annotations

from typing import Any

from posthouse.database.contract import Transaction
from posthouse.directory.admin import find_account
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.roles import actor_of
from posthouse.manage.identity_oidc import OidcTrouble
from posthouse.settings import identity as settings_identity
from posthouse.settings.contract import Settings


def believed_address(claims: dict[str, Any], settings: Settings) -> str:
    """The address in the claims of an ID token, where the settings let this person in. Raises OidcTrouble."""
    claim = settings[settings_identity.OIDC_CLAIM]
    address = claims.get(claim)
    if not isinstance(address, str) or "@" not in address:
        raise OidcTrouble(f"the ID token has no address in its claim {claim!r}")
    if claim == "email" and claims.get("email_verified") is not True:
        raise OidcTrouble(f"the provider has not verified the address {address[:200]!r}")
    wanted = _listed(settings[settings_identity.OIDC_GROUPS])
    if wanted:
        groups = claims.get(settings[settings_identity.OIDC_GROUPS_CLAIM])
        have = (
            {groups}
            if isinstance(groups, str)
            else set(map(str, groups))
            if isinstance(groups, list)
            else set()
        )
        if not have & wanted:
            raise OidcTrouble(f"{address[:200]!r} is in none of the groups of oidc.groups")
    return address


def account_for(tx: Transaction, address: str, settings: Settings) -> Account:
    """The active account of this address, if the settings let it in. Raises OidcTrouble."""
    try:
        account = find_account(tx, address)
    except DirectoryError as error:
        raise OidcTrouble(error.text) from None
    domains = {name.lower() for name in _listed(settings[settings_identity.OIDC_DOMAINS])}
    if domains and account.address.rpartition("@")[2] not in domains:
        raise OidcTrouble(f"{account.address} is in none of the domains of oidc.domains")
    role, _ = actor_of(tx, account)
    if role == "user" and not settings[settings_identity.OIDC_EVERYBODY]:
        raise OidcTrouble(f"{account.address} is no administrator (oidc.everybody is off)")
    if not account.active:
        raise OidcTrouble(f"{account.address} is not active")
    return account


def _listed(text: str) -> set[str]:
    return {part.strip() for part in text.split(",") if part.strip()}
