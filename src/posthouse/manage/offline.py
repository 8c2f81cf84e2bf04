"""Runs a use on the data folder of a stopped server: takes its lock, assembles what the uses need, runs
the use itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from posthouse.bodies.files import FileBodies
from posthouse.bodies.journal import replay
from posthouse.bodies.plain import PlainDurability
from posthouse.bodies.side import SideRecord
from posthouse.cluster import privileges
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import DatabaseUnavailable
from posthouse.database.folder import DataFolder, DataFolderError
from posthouse.database.open import open_database
from posthouse.database.urls import BadUrl, sqlite_url
from posthouse.directory.live import LiveSettings
from posthouse.directory.passwords import Passwords
from posthouse.manage import all as _all  # noqa: F401 - registers every use
from posthouse.manage.context import Actor, Context
from posthouse.manage.control import user_name
from posthouse.manage.errors import ManageError
from posthouse.manage.use import perform, uses
from posthouse.observe import logging_setup
from posthouse.settings import all as _settings  # noqa: F401 - declares every setting
from posthouse.settings.config import Config
from posthouse.settings.contract import CurrentSettings
from posthouse.store.index import SearchIndex
from posthouse.store.service import MailStore


def run_offline(
    config: Config,
    use: str,
    parameters: dict[str, Any],
    emitted: Callable[[Any], None],
    *,
    may_create: bool = False,
) -> Any:
    """Run one use on a stopped server's data folder; the result and all emitted values as plain lists and
    dicts.

    ``may_create``: make the data folder if it is not there and the use changes something. Raises
    ManageError.
    """
    logging_setup.configure(config.log_format, "error")
    found = uses().get(use)
    create = may_create and found is not None and found.right == "change"
    actor = Actor(user_name(os.getuid()) if hasattr(os, "getuid") else "the user", "offline")
    before = os.umask(0o077) if os.name == "posix" else 0o022
    try:
        with DataFolder(config.data, create=create) as folder:
            privileges.drop(config.run_as, folder.path)
            return asyncio.run(_run(config, actor, use, parameters, emitted))
    except DataFolderError as error:
        what, _, mend = str(error).partition(": ")
        raise ManageError("unavailable", _sentence(what), _sentence(mend or "Check the folder")) from None
    except privileges.NoSuchUser as error:
        raise ManageError(
            "invalid", f"run_as: there is no user {error}.", "Correct run_as in posthouse.toml."
        ) from None
    except JournalTrouble as error:
        raise ManageError("unavailable", f"{error}.", "Look at the disk.") from None
    except (DatabaseUnavailable, BadUrl) as error:
        raise ManageError(
            "unavailable", f"The database cannot be used: {error}.", "Check database_url."
        ) from None
    finally:
        if os.name == "posix":
            os.umask(before)


class JournalTrouble(Exception):
    """What the journal holds cannot be written where it belongs."""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


async def _run(
    config: Config, actor: Actor, use: str, parameters: dict[str, Any], emitted: Callable[[Any], None]
) -> Any:
    async def emit(value: Any) -> None:
        emitted(_plain(value))

    async with open_context(config) as context:
        return _plain(await perform(context, actor, use, parameters, emit))


async def _no_quota(account_id: int) -> int:
    """No use of administration appends messages, so none asks for room."""
    return 0


def _plain(value: Any) -> Any:
    """As it would arrive over the control socket, so that the command line sees one form."""
    return msgspec.json.decode(msgspec.json.encode(value))


@contextlib.asynccontextmanager
async def open_context(config: Config) -> AsyncIterator[Context]:
    """What the uses need, on a data folder whose lock the caller holds."""
    url = config.database_url or sqlite_url(Path(config.data) / "posthouse.db")
    async with contextlib.AsyncExitStack() as stack:
        database = await open_database(url)
        stack.push_async_callback(database.close)
        feed = LocalFeed()
        settings = CurrentSettings()
        await LiveSettings(database, feed, settings).load()
        bodies = FileBodies(config.data)
        try:
            replay(config.data, bodies)
        except OSError as error:
            raise JournalTrouble(f"The journal cannot be read or emptied: {error}") from error
        durability = PlainDurability(database, bodies)
        stack.push_async_callback(durability.close)
        side = SideRecord(config.data)
        stack.callback(side.close)
        index = SearchIndex(Path(config.data) / "search", database, bodies, settings)
        store = MailStore(
            database, bodies, durability, feed, settings, quota_limit=_no_quota, side=side, index=index
        )
        stack.push_async_callback(store.close)
        passwords = Passwords()
        stack.callback(passwords.close)
        yield Context(
            config=config,
            database=database,
            store=store,
            mail=store,
            passwords=passwords,
            bodies=bodies,
            settings=settings,
            feed=feed,
            side=side,
            started_at=time.time(),
            running=False,
        )
