"""Everything that answers over HTTP, in this process and on a database of its own: three domains, five people, and
what each of them brings along. No part of a running server is there but the directory and who signs in."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from http_client import Answer, ask

from posthouse.api import app as api
from posthouse.database.contract import Transaction
from posthouse.directory import admin, browser_sessions, groups, lists, tokens
from posthouse.directory.browser_sessions import digest
from posthouse.directory.passwords import Passwords
from posthouse.directory.roles import set_role
from posthouse.directory.service import DirectoryService
from posthouse.http import autoconfig, health
from posthouse.http.app import build
from posthouse.http.parts import HttpParts
from posthouse.http.rate import Rates
from posthouse.manage.check_runs import CheckRuns
from posthouse.manage.context import Context
from posthouse.manage.identity_service import SignIns
from posthouse.manage.offline import open_context
from posthouse.manage.setup_door import SetupDoor
from posthouse.settings import http as settings_http
from posthouse.settings.config import Config
from posthouse.settings.contract import CurrentSettings, Settings
from posthouse.web import site

HOST = "mail.hq.example"
PASSWORD = "correct horse"
ROOT, DORA, OLAF = "root@hq.example", "dora@own.example", "olaf@other.example"
ANNA, BERT = "anna@own.example", "bert@other.example"
PEOPLE = {ROOT: "server", DORA: "domain", OLAF: "domain", ANNA: "user", BERT: "user"}
SCOPES = ("view", "change", "read_mail", "send")
FORM = "application/x-www-form-urlencoded"


class QuickHasher:
    """In place of Argon2, whose slowness is not what these tests are about."""

    def hash(self, password: str) -> str:
        return f"hash-{password}"

    def verify(self, hash: str, password: str) -> bool:
        return hash == f"hash-{password}"


@dataclass(frozen=True)
class Caller:
    """What somebody sends along: a session's cookie with the secret of its forms, or a token."""

    cookie: str = ""
    csrf: str = ""
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        found = {}
        if self.cookie:
            found["cookie"] = f"__Host-posthouse={self.cookie}"
            found["x-csrf-token"] = self.csrf
        if self.token:
            found["authorization"] = f"Bearer {self.token}"
        return found


NOBODY = Caller()


@dataclass
class World:
    """``app`` behind its doors, asked over https from a peer that changes with every request: nobody is slowed down
    for what others did."""

    context: Context
    identity: SignIns
    parts: HttpParts
    app: Any
    watch: sqlite3.Connection
    callers: dict[str, Caller] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    _asked: int = 0

    async def ask(
        self,
        method: str,
        target: str,
        caller: Caller = NOBODY,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        self._asked += 1
        peer = more.pop("peer", f"192.0.{self._asked // 250 % 250}.{self._asked % 250 + 1}")
        sent = {"host": HOST, **caller.headers, **(headers or {})}
        return await ask(self.app, method, target, headers=sent, scheme="https", peer=peer, **more)

    async def post(self, path: str, form: Mapping[str, Any], caller: Caller = NOBODY, **more: Any) -> Answer:
        """Send a form, with the secret of the caller's session."""
        fields = {**form, **({"csrf": caller.csrf} if caller.csrf else {})}
        headers = {"content-type": FORM, **more.pop("headers", {})}
        return await self.ask(
            "POST", path, caller, headers=headers, body=urlencode(fields, True).encode(), **more
        )

    def changes(self) -> int:
        """A number that is another one after anything was written to the database."""
        return int(self.watch.execute("PRAGMA data_version").fetchone()[0])

    def rows(self, table: str) -> list[Any]:
        return self.watch.execute(f"SELECT * FROM {table}").fetchall()

    async def sign_in(self, address: str, password: str = PASSWORD) -> Caller:
        """By the form, as a browser does."""
        answer = await self.post("/sign-in", {"login": address, "password": password})
        assert answer.status == 303, answer.body
        cookie = re.fullmatch(r"__Host-posthouse=([^;]+); .*", answer.headers["set-cookie"])
        assert cookie
        session = await self.identity.by_cookie(cookie[1], _visitor())
        assert session is not None
        return Caller(cookie[1], session.csrf)

    async def token(self, address: str, *rights: str, expires_at: float = 0.0, **limits: list[str]) -> Caller:
        """A token for an account."""
        secret = f"ph_{address}-{'-'.join(rights)}-{expires_at}-{len(self.ids)}".replace("@", "_")

        def op(tx: Transaction) -> int:
            return tokens.add(
                tx,
                admin.find_account(tx, address).id,
                digest(secret),
                name="test",
                rights=list(rights),
                domains=limits.get("domains", []),
                networks=limits.get("networks", []),
                now=time.time(),
                expires_at=expires_at,
            )

        self.ids[f"token {secret}"] = await self.context.database.run(op)
        return Caller(token=secret)


def _visitor() -> Any:
    from posthouse.manage.identity import Visitor

    return Visitor("192.0.2.1", "", f"https://{HOST}")


def empty(folder: Path) -> Path:
    """A data folder with the schema and nothing else; copied for each world."""
    folder.mkdir()

    async def make() -> None:
        async with open_context(Config(data=str(folder))):
            pass

    asyncio.run(make())
    return folder


@contextlib.asynccontextmanager
async def world(template: Path, folder: Path, **settings: Any) -> AsyncIterator[World]:
    """A furnished one. Without ``settings`` nobody asks too often."""
    data = folder / "data"
    shutil.copytree(template, data)
    async with open_context(Config(data=str(data), hostname=HOST)) as context:
        context.passwords.close()
        context.passwords = Passwords(hasher=QuickHasher())
        context.running = True
        context.setup = SetupDoor()
        values = {settings_http.RATE.name: 1e5, settings_http.BURST.name: 1_000_000, **settings}
        context.settings = CurrentSettings(Settings(values))
        directory = DirectoryService(context.database, context.feed, context.settings, context.passwords)
        context.identity = identity = SignIns(context.database, directory, context.settings, lambda: HOST)
        parts = HttpParts()
        autoconfig.register(parts.well_known, context)
        health.register(parts.well_known, context, _no_reasons)
        rates = Rates(context.settings)
        pages = site.Site(context, rates)
        app = build(
            parts=parts,
            settings=context.settings,
            names=lambda: frozenset({HOST}),
            hostname=lambda: HOST,
            secure_port=443,
            rates=rates,
            api=api.routes(context, rates, parts.stopping),
            web=site.routes(pages),
            lost=site.not_found(pages),
        )
        watch = sqlite3.connect(f"file:{data / 'posthouse.db'}?mode=ro", uri=True)
        made = World(context, identity, parts, app, watch)
        try:
            await _furnish(made)
            yield made
        finally:
            watch.close()
            parts.stopping.set()
            await _end_runs(context.check_runs)
            context.passwords.close()


async def _end_runs(runs: CheckRuns) -> None:
    await runs.close()


async def _no_reasons() -> list[str]:
    return []


async def _furnish(world: World) -> None:
    credentials = await world.context.passwords.make(PASSWORD)

    def op(tx: Transaction) -> None:
        for domain in ("hq.example", "own.example", "other.example"):
            admin.add_domain(tx, domain)
        for address, role in PEOPLE.items():
            account = admin.add_account(tx, address, credentials)
            world.context.mail.provision_in(tx, account.id)
            domains = [address.rpartition("@")[2]] if role == "domain" else []
            set_role(tx, account, role, domains)  # type: ignore[arg-type]
            world.ids[address] = account.id
        admin.add_alias(tx, "info@own.example", ANNA)
        admin.add_alias(tx, "info@other.example", BERT)
        news = lists.add(tx, "news@own.example", {"mode": "public"})
        lists.add_members(tx, news, ["zoe@far.example", ANNA])
        lists.set_people(tx, news.id, "owner", [ANNA])
        groups.add(tx, "staff@own.example")

    await world.context.database.run(op)
    callers = world.callers
    spare = await world.sign_in(ANNA)  # the first session: the one that samples with the id 1 are about
    del spare
    for name, address in {"user": ANNA, "other domain": OLAF, "domain": DORA, "server": ROOT}.items():
        callers[name] = await world.sign_in(address)
    callers["revoked session"] = await world.sign_in(ROOT)
    await world.context.database.run(browser_sessions.end, world.rows("browser_sessions")[-1][0])
    await world.token(ANNA, "view")  # the first token, as above
    for scope in SCOPES:
        callers[f"token {scope}"] = await world.token(ROOT, scope)
    callers["expired token"] = await world.token(ROOT, *SCOPES, expires_at=1.0)
    callers["token of another domain"] = await world.token(ROOT, *SCOPES, domains=["other.example"])
    for caller in callers.values():  # what is noted at the first use is noted now
        await world.ask("GET", "/api/v1/me", caller)
