"""A server with three people for the tests of signing in, and a clock that moves when told to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pyotp
from authenticator import Authenticator

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.directory.roles import set_role
from posthouse.directory.service import DirectoryService
from posthouse.manage.context import Actor, Context
from posthouse.manage.identity import BrowserSession, Step, Visitor
from posthouse.manage.identity_service import SignIns
from posthouse.manage.use import perform
from posthouse.settings.config import Config

ORIGIN = "https://mail.example.org"
VISITOR = Visitor("192.0.2.1", "Firefox", ORIGIN)
ELSEWHERE = Visitor("198.51.100.7", "Lynx", ORIGIN)
ROOT = Actor("uid 0 (root)", "control socket")

ANNA, BOB, CARL = "anna@example.org", "bob@example.org", "carl@example.org"
"""A server administrator, a domain administrator, a user."""
PASSWORD = "correct horse"


@dataclass
class Clock:
    """Seconds since 1970, ahead of the real clock by what tests added."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class House:
    """The parts, and short ways to do things."""

    context: Context
    directory: DirectoryService
    identity: SignIns
    clock: Clock = field(default_factory=Clock)

    def context_folder(self) -> Path:
        return Path(self.context.config.data)

    async def sign_in(self, address: str = ANNA, visitor: Visitor = VISITOR) -> BrowserSession:
        step = await self.identity.password(address, PASSWORD, visitor)
        return await self.session(step, visitor)

    async def session(self, step: Step, visitor: Visitor = VISITOR) -> BrowserSession:
        assert step.kind == "done", step
        found = await self.identity.by_cookie(step.cookie, visitor)
        assert found is not None
        return found

    async def do(self, actor: Actor, use: str, /, **parameters: Any) -> Any:
        return msgspec.to_builtins(await perform(self.context, actor, use, parameters))

    async def totp(self, session: BrowserSession) -> pyotp.TOTP:
        """Set up an authenticator program; its enrolment used up the code of an earlier time step."""
        made = await self.do(session.actor, "me.totp_begin")
        program = pyotp.TOTP(made["secret"])
        await self.do(session.actor, "me.totp_confirm", code=program.at(time.time() - 30), name="phone")
        return program

    async def passkey(self, session: BrowserSession, **how: bool) -> Authenticator:
        """Set up a passkey."""
        device = Authenticator(ORIGIN, **how)
        begun = await self.do(session.actor, "me.passkey_begin", origin=ORIGIN)
        await self.do(session.actor, "me.passkey_finish", answer=device.create(begun["options"]), name="key")
        return device


async def furnish(context: Context) -> House:
    """Make the people, and the identity on top."""
    context.config = Config(data=context.config.data, hostname="mail.example.org")
    for use, parameters in (
        ("domain.add", {"name": "example.org"}),
        *(("account.add", {"address": each, "password": PASSWORD}) for each in (ANNA, BOB, CARL)),
    ):
        await perform(context, ROOT, use, parameters)

    def roles(tx: Transaction) -> None:
        set_role(tx, admin.find_account(tx, ANNA), "server")
        set_role(tx, admin.find_account(tx, BOB), "domain", ["example.org"])

    await context.database.run(roles)
    clock = Clock()
    # No clock for the directory: its cache's age of a second is what tests of it move.
    directory = DirectoryService(
        context.database, context.feed, context.settings, context.passwords, clock=lambda: clock()
    )
    identity = SignIns(context.database, directory, context.settings, lambda: "mail.example.org", clock)
    context.identity = identity
    return House(context, directory, identity, clock)
