"""A context on a data folder of its own for each test; the schema is made once and copied."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from posthouse.directory.passwords import Passwords
from posthouse.manage.context import Actor, Context
from posthouse.manage.offline import open_context
from posthouse.manage.use import perform
from posthouse.settings.config import Config

Do = Callable[..., Awaitable[Any]]

ACTOR = Actor("uid 7 (tester)", "test")


class QuickHasher:
    """In place of Argon2, whose slowness is not what these tests are about."""

    def hash(self, password: str) -> str:
        return f"hash-{password}"

    def verify(self, hash: str, password: str) -> bool:
        return hash == f"hash-{password}"


@pytest.fixture(scope="session")
def empty_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the schema and nothing else."""
    folder = tmp_path_factory.mktemp("manage") / "data"
    folder.mkdir()

    async def make() -> None:
        async with open_context(Config(data=str(folder))):
            pass

    asyncio.run(make())
    return folder


@pytest.fixture
async def context(empty_data: Path, tmp_path: Path) -> AsyncIterator[Context]:
    """What the uses need, on an empty server."""
    shutil.copytree(empty_data, tmp_path / "data")
    async with open_context(Config(data=str(tmp_path / "data"))) as made:
        made.passwords.close()
        made.passwords = Passwords(hasher=QuickHasher())
        yield made
        made.passwords.close()


@pytest.fixture
def do(context: Context) -> Do:
    """Run a use and give its result as plain lists and dicts; ``emitted`` collects what came meanwhile."""

    async def run(use: str, emitted: list[Any] | None = None, /, **parameters: Any) -> Any:
        async def emit(value: Any) -> None:
            if emitted is not None:
                emitted.append(value)

        return msgspec.to_builtins(await perform(context, ACTOR, use, parameters, emit))

    return run
