"""No secret in the text of a value: what is logged, or shown in a traceback, is often somebody's repr."""

from __future__ import annotations

import pytest

from posthouse.directory.contract import Account, ScramKeys
from posthouse.directory.factors import Factor
from posthouse.directory.passwords import Credentials
from posthouse.directory.rows import Login
from posthouse.manage.accounts import AddAccount, NewPassword
from posthouse.manage.accounts_csv import Line
from posthouse.manage.browser_sessions import Link
from posthouse.manage.context import Actor
from posthouse.manage.control import Request
from posthouse.manage.demo import PrepareDemo
from posthouse.manage.identity import BrowserSession, Departure, Step
from posthouse.manage.identity_enrolments import Begun
from posthouse.manage.identity_second import Unfinished
from posthouse.manage.me import OwnPassword
from posthouse.manage.second_factors import Confirm, Enrolment, PasskeyAnswer, RecoveryCodes
from posthouse.manage.tokens import MadeToken, Token
from posthouse.settings.config import Config
from posthouse.wire.imap import syntax
from posthouse.wire.sasl.contract import CheckPassword
from posthouse.wire.smtp.command import Auth

SECRET = "hunter2"
KEYS = ScramKeys(b"salt", 15000, SECRET.encode(), SECRET.encode())


@pytest.mark.parametrize(
    "value",
    [
        KEYS,
        Credentials(SECRET, KEYS),
        Login(Account(1, 1, "a@b", 0, True), SECRET, KEYS),
        AddAccount("a@b", SECRET),
        NewPassword("a@b", SECRET),
        Line(1, "a@b", "b", SECRET, 0),
        Request("account.add", 1, {"password": SECRET}, SECRET),
        PrepareDemo("b", "a@b", SECRET),
        Config(database_url=f"postgresql://posthouse:{SECRET}@db/mail"),
        syntax.Authenticate("PLAIN", SECRET.encode()),
        syntax.Login(b"a", SECRET.encode()),
        CheckPassword("a", SECRET),
        Auth("PLAIN", SECRET.encode()),
        OwnPassword(SECRET, SECRET),
        Confirm(SECRET),
        PasskeyAnswer(SECRET),
        Enrolment(SECRET, SECRET, SECRET),
        RecoveryCodes([SECRET]),
        MadeToken(SECRET, Token(1, "a@b", "x", [], [], [], 0.0, 0.0, 0.0, "")),
        Link("a@b", SECRET, 0.0, [SECRET]),
        Step("done", cookie=SECRET, pending=SECRET),
        Departure("https://login.example.org", SECRET),
        BrowserSession(Actor("a@b", "web"), SECRET),
        Begun(SECRET, SECRET.encode()),
        Factor(1, 1, "totp", "x", SECRET, 0, 0.0, 0.0),
        Unfinished(Account(1, 1, "a@b", 0), "", (), SECRET.encode(), challenge=SECRET.encode()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_does_not_show_its_secret(value: object) -> None:
    """Neither repr nor str has the secret in it."""
    assert SECRET not in repr(value)
    assert SECRET not in str(value)
