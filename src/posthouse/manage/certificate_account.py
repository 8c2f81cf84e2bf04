"""The account with the authority: made at the first order, kept, changed and closed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from posthouse.database.contract import Database
from posthouse.manage.certificate_rows import Account, account, put_account
from posthouse.net.acme.client import AcmeClient, connection
from posthouse.net.acme.errors import AcmeError
from posthouse.net.acme.keys import AccountKey
from posthouse.settings import certificates as settings
from posthouse.settings.contract import Settings


@asynccontextmanager
async def stranger(now: Settings) -> AsyncIterator[AcmeClient]:
    """The authority, without an account. Raises AcmeError."""
    async with connection(now[settings.CA_FILE].strip()) as http:
        client = AcmeClient(http, now[settings.DIRECTORY], None)
        await client.open()
        yield client


@asynccontextmanager
async def customer(database: Database, now: Settings) -> AsyncIterator[AcmeClient]:
    """The authority, with our account, which is made if there is none yet. Raises AcmeError."""
    if not now[settings.TERMS_AGREED]:
        raise AcmeError("terms", "the authority's terms of service are not agreed to")
    directory = now[settings.DIRECTORY]
    async with connection(now[settings.CA_FILE].strip()) as http:
        kept = await _kept(database, directory)
        client = AcmeClient(http, directory, _key(kept.secret_key), kept.url)
        await client.open()
        if kept.next_key:
            client, kept = await _finish_change(database, directory, client, kept)
        if kept.url:
            try:
                await _same_contact(database, directory, client, kept, now)
            except AcmeError as error:
                if error.kind != "accountDoesNotExist":
                    raise
                kept = replace(kept, url="")
        if not kept.url:
            await _register(database, directory, client, kept, now)
        yield client


async def change_key(database: Database, now: Settings) -> str:
    """Give the account a new key; its thumbprint. A crash in between is mended at the next request. Raises
    AcmeError."""
    directory = now[settings.DIRECTORY]
    async with customer(database, now) as client:
        kept = await _kept(database, directory)
        new = AccountKey.make()
        await database.run(put_account, directory, replace(kept, next_key=new.pem))
        await client.change_key(new)
        await database.run(put_account, directory, replace(kept, secret_key=new.pem, next_key=""))
        return new.thumbprint


def contacts(now: Settings) -> list[str]:
    """The addresses of the setting."""
    return [each.strip() for each in now[settings.CONTACT].split(",") if each.strip()]


async def _kept(database: Database, directory: str) -> Account:
    """The account as stored. The key is stored before the authority sees it: none is lost by a crash."""
    found = await database.read(account, directory)
    if found is None:
        found = Account("", AccountKey.make().pem, "", "", time.time())
        await database.run(put_account, directory, found)
    return found


def _key(pem: str) -> AccountKey:
    try:
        return AccountKey(pem)
    except ValueError as error:
        raise AcmeError("account", f"{error}; close the account here and a new one is made") from None


async def _register(
    database: Database, directory: str, client: AcmeClient, kept: Account, now: Settings
) -> None:
    key_id = now[settings.EAB_KEY_ID].strip()
    if client.wants_binding and not key_id:
        raise AcmeError(
            "externalAccountRequired",
            "the authority wants to know an account made with it before: set certificates.eab_key_id and "
            "certificates.eab_hmac_key as it gives them",
        )
    binding = (key_id, now[settings.EAB_HMAC_KEY]) if key_id else None
    wanted = contacts(now)
    url = await client.register(wanted, agreed=True, binding=binding)
    await database.run(put_account, directory, replace(kept, url=url, contact=",".join(wanted)))


async def _same_contact(
    database: Database, directory: str, client: AcmeClient, kept: Account, now: Settings
) -> None:
    wanted = contacts(now)
    if ",".join(wanted) != kept.contact:
        await client.change_contact(wanted)
        await database.run(put_account, directory, replace(kept, contact=",".join(wanted)))


async def _finish_change(
    database: Database, directory: str, client: AcmeClient, kept: Account
) -> tuple[AcmeClient, Account]:
    """A change of the key was interrupted: find out which of the two the authority knows."""
    new = client.with_key(_key(kept.next_key))
    try:
        known = await new.find() == kept.url
    except AcmeError as error:
        if error.kind != "accountDoesNotExist":
            raise
        known = False
    settled = replace(kept, secret_key=kept.next_key if known else kept.secret_key, next_key="")
    await database.run(put_account, directory, settled)
    return (new if known else client), settled
