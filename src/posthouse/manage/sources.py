"""Sign-in sources: directories, PAM, databases and scripts that judge passwords of accounts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.directory import sources_kept as kept
from posthouse.directory.names import own_address
from posthouse.directory.sources_backends import backend_of, close_backend
from posthouse.directory.sources_check import Checked
from posthouse.directory.sources_config import Details, SourceConfig, check
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.sources_fields import (
    AccountSource,
    NewSource,
    SourceChange,
    SourceList,
    SourceName,
    SourceTrial,
    SourceTried,
    SourceView,
    details_of,
    facts,
    view_of,
)
from posthouse.manage.use import Call, Nothing, use

TRY_SECONDS = 20.0


@use("source.list", right="view")
async def list_all(call: Call, wanted: Nothing) -> SourceList:
    """List the sign-in sources, never their secrets."""

    def op(tx: Transaction) -> SourceList:
        return SourceList([_view(tx, each) for each in kept.every(tx)])

    return await call.context.database.scan(op)


@use("source.show", right="view")
async def show(call: Call, wanted: SourceName) -> SourceView:
    """Show a sign-in source, never its secret."""

    def op(tx: Transaction) -> SourceView:
        return _view(tx, kept.find(tx, wanted.name))

    return await call.context.database.scan(op)


@use("source.add", right="change")
async def add(call: Call, wanted: NewSource) -> SourceView:
    """Add a place where passwords are judged: LDAP, PAM, a database or a script. Asks for a fresh proof of the
    person."""
    require_fresh(call)
    details = Details(**details_of(wanted))
    config = check(
        SourceConfig(wanted.name, wanted.kind, wanted.active, details, wanted.secret), _own_database(call)
    )

    def op(tx: Transaction) -> SourceView:
        kept.add(tx, config, call.context.feed)
        note(tx, call.actor, "source.add", config.name, after=facts(config))
        return _view(tx, kept.find(tx, config.name))

    return await call.context.database.run(op)


@use("source.change", right="change", conditional=True)
async def change(call: Call, wanted: SourceChange) -> SourceView:
    """Change a sign-in source. Asks for a fresh proof of the person."""
    require_fresh(call)
    own = _own_database(call)

    def op(tx: Transaction) -> SourceView:
        before = kept.find(tx, wanted.name, lock=True)
        call.check(_view(tx, before))
        given = details_of(wanted)
        moved = any(
            given.get(name, getattr(before.details, name)) != getattr(before.details, name) for name in _PLACE
        )
        if moved and before.secret and wanted.secret is None:
            # Else whoever may change a source could have its password sent to a host of theirs.
            raise ManageError(
                "refused", "The source would hand its secret to another place.", "Give the secret again."
            )
        after = check(
            SourceConfig(
                before.name,
                before.kind,
                before.active if wanted.active is None else wanted.active,
                msgspec.structs.replace(before.details, **given),
                before.secret if wanted.secret is None else wanted.secret,
            ),
            own,
        )
        kept.change(tx, after, call.context.feed)
        note(tx, call.actor, "source.change", after.name, before=facts(before), after=facts(after))
        return _view(tx, kept.find(tx, after.name))

    return await call.context.database.run(op)


_PLACE = ("servers", "plain", "ca_file")


@use("source.remove", right="change", conditional=True)
async def remove(call: Call, wanted: SourceName) -> SourceView:
    """Remove a sign-in source that no account uses. Asks for a fresh proof of the person."""
    require_fresh(call)

    def op(tx: Transaction) -> SourceView:
        before = kept.find(tx, wanted.name, lock=True)
        gone = _view(tx, before)
        call.check(gone)
        kept.remove(tx, wanted.name, call.context.feed)
        note(tx, call.actor, "source.remove", wanted.name, before=facts(before))
        return gone

    return await call.context.database.run(op)


@use("source.assign", right="change")
async def assign(call: Call, wanted: AccountSource) -> AccountSource:
    """Let an account sign in by a source, or by a password of its own again. Asks for a fresh proof of the person."""
    require_fresh(call)

    def op(tx: Transaction) -> AccountSource:
        account = admin.find_account(tx, wanted.address)
        before = kept.source_of(tx, account.id)
        kept.assign(tx, account.id, wanted.source, call.context.feed)
        note(
            tx,
            call.actor,
            "source.assign",
            account.address,
            before={"source": before},
            after={"source": wanted.source},
        )
        return AccountSource(account.address, wanted.source)

    return await call.context.database.run(op)


@use("source.test", right="change")
async def test(call: Call, wanted: SourceTrial) -> SourceTried:
    """Ask a source about an address and a password, and tell what it says. Nobody is signed in, nothing is made."""
    address = own_address(wanted.address).key

    def op(tx: Transaction) -> SourceConfig:
        config = kept.find(tx, wanted.name)
        note(tx, call.actor, "source.test", wanted.name, after={"address": address})
        return config

    config = await call.context.database.run(op)
    if not wanted.password or "\0" in wanted.password:
        return SourceTried("refuse", "an empty password proves nothing")
    found = await try_it(call, config, address, wanted.password)
    return SourceTried(found.answer, found.reason, found.address, dict(found.facts))


async def try_it(call: Call, config: SourceConfig, address: str, password: str) -> Checked:
    """What the source says."""
    backend = backend_of(config, call.context.passwords)
    try:
        async with asyncio.timeout(TRY_SECONDS):
            return await backend.check(address, password)
    except TimeoutError:
        return Checked("unavailable", "no answer in time")
    except Exception as problem:  # whatever a library raises: that is what is to be told
        return Checked("unavailable", f"{type(problem).__name__}: {str(problem)[:200]}")
    finally:
        close_backend(backend)


def _view(tx: Transaction, config: SourceConfig) -> SourceView:
    return view_of(config, kept.count_users(tx, config.name))


def _own_database(call: Call) -> str:
    config = call.context.config
    return "" if config.database_url else str(Path(config.data) / "posthouse.db")
