"""The API on a data folder of its own, with people who are known by their tokens."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from http_client import Answer, ask
from starlette.applications import Starlette

from posthouse.api.app import routes
from posthouse.directory.passwords import Passwords
from posthouse.http.rate import Rates
from posthouse.manage.context import ALL_RIGHTS, Actor, Context
from posthouse.manage.identity import BrowserSession, Visitor
from posthouse.manage.offline import open_context
from posthouse.manage.use import perform
from posthouse.settings.config import Config

ROOT = Actor("root@example.org", "api 127.0.0.1", account="root@example.org", account_id=1, token=1)
VIEWER = Actor("view@example.org", "api 127.0.0.1", frozenset({"view"}), account_id=2, token=2)
USER = Actor(
    "anna@example.org", "api 127.0.0.1", ALL_RIGHTS, "user", account="anna@example.org", account_id=3, token=3
)
KEEPER = Actor(
    "kay@example.org",
    "api 127.0.0.1",
    ALL_RIGHTS,
    "domain",
    account="kay@example.org",
    account_id=5,
    domains=frozenset({"example.org"}),
    token=5,
)
BROWSER = Actor("root@example.org", "api 127.0.0.1", account="root@example.org", account_id=1, session=4)


class QuickHasher:
    """In place of Argon2, whose slowness is not what these tests are about."""

    def hash(self, password: str) -> str:
        return f"hash-{password}"

    def verify(self, hash: str, password: str) -> bool:
        return hash == f"hash-{password}"


@dataclass
class Known:
    """An identity that knows these tokens and one browser session."""

    tokens: dict[str, Actor] = field(
        default_factory=lambda: {
            "root": ROOT,
            "other": ROOT,
            "viewer": VIEWER,
            "user": USER,
            "keeper": KEEPER,
        }
    )

    async def by_token(self, token: str, visitor: Visitor) -> Actor | None:
        return self.tokens.get(token)

    async def by_cookie(self, cookie: str, visitor: Visitor) -> BrowserSession | None:
        return BrowserSession(BROWSER, csrf="token-of-form") if cookie == "signed-in" else None


@pytest.fixture(scope="session")
def empty_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the schema and nothing else."""
    folder = tmp_path_factory.mktemp("api") / "data"
    folder.mkdir()

    async def make() -> None:
        async with open_context(Config(data=str(folder))):
            pass

    asyncio.run(make())
    return folder


@pytest.fixture
async def context(empty_data: Path, tmp_path: Path) -> AsyncIterator[Context]:
    """What the uses need, with one domain and one account."""
    shutil.copytree(empty_data, tmp_path / "data")
    async with open_context(Config(data=str(tmp_path / "data"))) as made:
        made.passwords.close()
        made.passwords = Passwords(hasher=QuickHasher())
        made.identity = Known()  # type: ignore[assignment]
        await perform(made, ROOT, "domain.add", {"name": "example.org"})
        await perform(
            made, ROOT, "account.add", {"address": "anna@example.org", "password": "correct-horse-battery"}
        )
        yield made
        made.passwords.close()


@pytest.fixture
def stopping() -> asyncio.Event:
    """Set when the server stops."""
    return asyncio.Event()


@pytest.fixture
def app(context: Context, stopping: asyncio.Event) -> Starlette:
    """The API alone, without the doors in front of it."""
    return Starlette(routes=routes(context, Rates(context.settings), stopping))


Call = Callable[..., Awaitable[Answer]]


@pytest.fixture
def call(app: Starlette) -> Call:
    """``await call("GET", "/accounts")`` with root's token; ``token=""``: without any."""

    async def call(method: str, path: str, *, token: str = "root", **more: Any) -> Answer:
        headers = dict(more.pop("headers", {}))
        if token:
            headers["authorization"] = f"Bearer {token}"
        return await ask(app, method, f"/api/v1{path}", headers=headers, **more)

    return call
