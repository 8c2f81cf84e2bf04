"""Signing in at a smart host (RFC 4954): SCRAM (RFC 5802, RFC 7677), PLAIN (RFC 4616), LOGIN, XOAUTH2.

Whatever goes wrong is temporary: mail waits until the administrator has mended it. Nothing of the secret gets into what
is said of it, even where a remote repeats it to us.
"""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable

import scramp

from posthouse.deliver.remote.connection import Gone
from posthouse.deliver.remote.contract import Call
from posthouse.deliver.remote.hello import Opened, failed, is_near, no_answer
from posthouse.deliver.results import Said
from posthouse.route.contract import Credentials
from posthouse.wire.smtp.client_reply import Reply

BEST_FIRST = ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN")
"""XOAUTH2 only where it is named: its secret is no password."""

MOST_ITERATIONS = 2_000_000
"""Of SCRAM: a remote may not keep us busy for longer than some seconds."""

MOST_STEPS = 6

Answer = Callable[[bytes], bytes]
"""The response to a challenge. Raises ValueError when the challenge is no good."""


async def sign_in(call: Call, credentials: Credentials, opened: Opened, seconds: float) -> None:
    """Sign in. Raises ConnectFailed; its code is never a permanent one."""

    def refused(why: str, code: int = 0) -> Exception:
        return failed(call, Said(code, "4.7.8", hide(f"we could not sign in: {why}", credentials)), "AUTH")

    if not opened.tls and not is_near(call.address):
        raise refused("the way is not encrypted, so our password is not sent over it")
    mechanism = _choose(credentials, opened.extensions.mechanisms)
    if not mechanism:
        offered = ", ".join(opened.extensions.mechanisms[:20]) or "none"
        raise refused(f"it offers no way to do so that we may use (offered: {offered})")
    try:
        first, answers = _start(mechanism, credentials)
        reply = await _talk(opened, mechanism, first, answers, seconds)
    except Gone as gone:
        raise refused(str(no_answer(gone, opened.line))) from None
    except (ValueError, scramp.ScramException) as problem:
        raise refused(f"{mechanism}: {problem}") from None
    if reply.code != 235:
        words = " ".join(filter(None, (str(reply.code), reply.status, reply.text)))
        raise refused(words, reply.code if reply.temporary else 454)


def hide(text: str, credentials: Credentials) -> str:
    """The text without anything of the secret."""
    secret = credentials.password
    plain = secret.encode()
    forms = [secret] if secret else []
    for each in (
        (plain, b"\0" + credentials.user.encode() + b"\0" + plain, _xoauth2(credentials)) if secret else ()
    ):
        forms.append(b64encode(each).decode())
    for form in forms:
        text = text.replace(form, "***")
    return text


def _choose(credentials: Credentials, offered: tuple[str, ...]) -> str:
    if credentials.mechanism:
        return credentials.mechanism if credentials.mechanism in offered else ""
    return next((each for each in BEST_FIRST if each in offered), "")


async def _talk(
    opened: Opened, mechanism: str, first: bytes | None, answers: list[Answer], seconds: float
) -> Reply:
    """The exchange up to its end. Raises Gone, ValueError, ScramException."""
    line = opened.line
    command = f"AUTH {mechanism}"
    if first is not None:
        command += " " + (b64encode(first).decode() or "=")
    line.ask(command.encode() + b"\r\n")
    failure: Exception | None = None
    for step in range(MOST_STEPS):
        reply = await line.reply(seconds)
        if reply.code != 334:
            if failure is not None:
                raise failure
            if reply.code == 235 and mechanism.startswith("SCRAM") and step < len(answers):
                raise ValueError("it did not prove that it knows the password")
            return reply
        response: bytes | None = None
        try:
            challenge = b"" if mechanism == "LOGIN" else b64decode(reply.text.encode("ascii"), validate=True)
            # SCRAM computes for a while.
            response = await asyncio.to_thread(answers[step], challenge) if step < len(answers) else b""
        except (binascii.Error, UnicodeError):
            failure = ValueError("it sent what is no base64")
        except (ValueError, scramp.ScramException) as problem:
            failure = problem
        line.ask((b"*" if response is None else b64encode(response)) + b"\r\n")
    raise ValueError("it asks and asks")


def _start(mechanism: str, credentials: Credentials) -> tuple[bytes | None, list[Answer]]:
    """The initial response, and how each challenge is answered."""
    user, password = credentials.user.encode(), credentials.password.encode()
    if mechanism == "PLAIN":
        return b"\0" + user + b"\0" + password, []
    if mechanism == "LOGIN":
        return None, [lambda _: user, lambda _: password]
    if mechanism == "XOAUTH2":
        return _xoauth2(credentials), [lambda _: b""]  # the challenge is an error to be answered by nothing
    client = scramp.ScramClient([mechanism], credentials.user, credentials.password)

    def final(challenge: bytes) -> bytes:
        text = challenge.decode()
        _look_at(text)
        client.set_server_first(text)
        return str(client.get_client_final()).encode()

    def proof(challenge: bytes) -> bytes:
        client.set_server_final(challenge.decode())
        return b""

    return client.get_client_first().encode(), [final, proof]


def _look_at(text: str) -> None:
    """No more iterations than can be borne."""
    for part in text.split(","):
        if part.startswith("i=") and not (part[2:].isdigit() and int(part[2:][:12]) <= MOST_ITERATIONS):
            raise ValueError("it asks for too many iterations")


def _xoauth2(credentials: Credentials) -> bytes:
    return f"user={credentials.user}\x01auth=Bearer {credentials.password}\x01\x01".encode()
