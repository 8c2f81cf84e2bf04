"""AUTH (RFC 4954): a SASL exchange over the session's lines, and what its end means."""

from __future__ import annotations

import asyncio
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posthouse.directory.contract import Account, SignIn
from posthouse.mail.refusal import Refusal
from posthouse.receive.parts import Kind
from posthouse.settings import smtp
from posthouse.wire.sasl import (
    Challenge,
    CheckCertificate,
    CheckDigest,
    CheckPassword,
    CheckTicket,
    CheckToken,
    Failed,
    Mechanism,
    Proven,
    Scram,
    Step,
    WantKeys,
    Work,
)
from posthouse.wire.sasl.offer import Offer
from posthouse.wire.smtp import reply
from posthouse.wire.smtp.command import parse_auth, parse_response

if TYPE_CHECKING:
    from posthouse.receive.session import Session

_LONGEST_RESPONSE = 12288
"""The longest line of an exchange with its CRLF (RFC 4954 4, item 5)."""
_LONGEST_TICKET = 65536
"""The same with Kerberos: tickets of people who are in very many groups are longer than that."""

_DONE = reply(235, "2.7.0", "Signed in")


@dataclass(slots=True)
class Exchange:
    """A SASL exchange under way. ``account`` is whose keys a SCRAM exchange runs with; ``proven`` once the
    client's proof was right and only its empty last response is missing; ``refused`` (login and result) once a token
    was refused and only the answer to the reason is missing."""

    mechanism: Mechanism
    account: Account | None = None
    proven: Proven | None = None
    refused: tuple[str, SignIn] | None = None


def allowed(session: Session) -> bool:
    """Whether this kind of session signs people in at all."""
    if session.kind is Kind.SUBMISSION:
        return True
    return session.kind is Kind.MX and session.settings.now[smtp.AUTH_ON_MX]


def offered(session: Session) -> list[str]:
    """The mechanisms to announce now: none in clear (unless on this machine), none once signed in."""
    if not allowed(session) or not session.secure or session.account_id is not None:
        return []
    return _offer(session).names


def auth(session: Session, argument: str) -> None:
    """AUTH."""
    if not allowed(session):
        session.guessed()
        raise Refusal(502, "5.5.1", "Command not implemented")
    if session.account_id is not None:
        raise Refusal(503, "5.5.1", "You have signed in already")
    if not session.secure:
        raise Refusal(538, "5.7.11", "Encryption is needed before a sign-in")
    parsed = parse_auth(argument)
    chosen = _offer(session).begin(parsed.mechanism)
    if chosen is None:
        raise Refusal(504, "5.5.4", "Mechanism not supported")
    session.exchange = Exchange(chosen)
    session.reader.max_line = _LONGEST_TICKET if chosen.name == "GSSAPI" else _LONGEST_RESPONSE
    _act(session, session.exchange, chosen.start(parsed.initial))


def response(session: Session, line: bytes) -> None:
    """A line of the client within the exchange."""
    exchange = session.exchange
    assert exchange is not None
    if exchange.refused is not None:  # whatever the answer is (RFC 7628 3.2.3), the failure counts
        _over(session)
        session.run(_wait_and_settle(session, *exchange.refused))
        return
    try:
        if line == b"*":
            raise Refusal(501, "5.7.0", "Sign-in cancelled")
        answer = parse_response(line)
    except Refusal as refusal:
        _over(session)
        session.refuse(refusal)
        return
    if exchange.proven is None:
        _act(session, exchange, exchange.mechanism.respond(answer))
    elif answer:
        _over(session)
        session.refuse(_malformed())
    else:
        _over(session)
        session.run(_record(session, exchange, exchange.proven.login, True))


def _act(session: Session, exchange: Exchange, step: Step) -> None:
    """Do what the mechanism wants next."""
    match step:
        case Challenge(data):
            _challenge(session, data)
        case CheckCertificate(authzid):
            _over(session)
            session.run(_certificate(session, authzid))
        case CheckDigest():
            _over(session)
            session.run(_digest(session, step))
        case CheckToken():
            session.run(_token(session, exchange, step))
        case WantKeys():
            session.run(_keys(session, exchange, step))
        case Work() | CheckTicket():
            session.run(_ticket(session, exchange, step))
        case Proven(_, data):
            exchange.proven = step
            _challenge(session, data)
        case CheckPassword(login, password):
            _over(session)
            session.run(_password(session, login, password))
        case Failed():
            _over(session)
            _failed(session, exchange, step)


def _challenge(session: Session, data: bytes) -> None:
    session.write(b"334 " + binascii.b2a_base64(data, newline=False) + b"\r\n")


def _over(session: Session) -> None:
    """The exchange is done, one way or another: lines are commands again."""
    session.exchange = None
    session.reader.max_line = session.settings.now[smtp.MAX_COMMAND_LINE]


def _malformed() -> Refusal:
    return Refusal(501, "5.5.2", "The response is malformed")


def _failed(session: Session, exchange: Exchange, step: Failed) -> None:
    if step.malformed:
        session.refuse(_malformed())
    elif isinstance(exchange.mechanism, Scram) and step.login:
        session.run(_record(session, exchange, step.login, False))
    else:
        _settle(session, step.login, SignIn(None, step.reason))


async def _password(session: Session, login: str, password: str) -> None:
    result = await session.parts.directory.sign_in(
        login, password, peer=session.peer.address, protocol=session.kind.value
    )
    await _wait_and_settle(session, login, result)


async def _certificate(session: Session, authzid: str) -> None:
    result = await session.parts.directory.sign_in_certificate(
        _offer(session).certificate or b"", authzid, peer=session.peer.address, protocol=session.kind.value
    )
    login = result.account.address if result.account is not None else authzid
    await _wait_and_settle(session, login, result)


async def _digest(session: Session, shown: CheckDigest) -> None:
    result = await session.parts.directory.sign_in_digest(
        shown, peer=session.peer.address, protocol=session.kind.value
    )
    await _wait_and_settle(session, shown.login, result)


async def _token(session: Session, exchange: Exchange, step: CheckToken) -> None:
    try:
        result, challenge = await session.parts.directory.sign_in_token(
            step.kind, step.token, step.login, peer=session.peer.address, protocol=session.kind.value
        )
    except BaseException:
        _over(session)
        raise
    login = result.account.address if result.account is not None else step.login
    if result.account is None and challenge:
        exchange.refused = (login, result)
        _challenge(session, challenge)
        return
    _over(session)
    await _wait_and_settle(session, login, result)


async def _ticket(session: Session, exchange: Exchange, step: Step) -> None:
    directory, protocol = session.parts.directory, session.kind.value
    try:
        if isinstance(step, Work):
            step = await directory.carry(step)
        if isinstance(step, Challenge):
            _challenge(session, step.data)
            return
        _over(session)
        if isinstance(step, CheckTicket):
            result = await directory.sign_in_ticket(step, peer=session.peer.address, protocol=protocol)
            login = result.account.address if result.account is not None else step.authzid
            await _wait_and_settle(session, login, result)
    except BaseException:
        _over(session)
        raise
    if isinstance(step, Failed):
        _failed(session, exchange, step)


async def _keys(session: Session, exchange: Exchange, step: WantKeys) -> None:
    assert isinstance(exchange.mechanism, Scram)
    try:
        directory = session.parts.directory
        ask = directory.scram_keys if step.algorithm == "sha256" else directory.scram_sha1_keys
        account, keys = await ask(step.login)
    except BaseException:
        _over(session)
        raise
    exchange.account = account
    begun = exchange.mechanism.keys(keys.salt, keys.iterations, keys.stored_key, keys.server_key)
    assert isinstance(begun, Challenge)
    _challenge(session, begun.data)


async def _record(session: Session, exchange: Exchange, login: str, proven: bool) -> None:
    result = await session.parts.directory.record_scram(
        login, exchange.account, proven, peer=session.peer.address, protocol=session.kind.value
    )
    if not proven:
        result = SignIn(None, result.reason, result.delay, result.temporary)
    await _wait_and_settle(session, login, result)


async def _wait_and_settle(session: Session, login: str, result: SignIn) -> None:
    if result.delay > 0:
        await asyncio.sleep(result.delay)
    _settle(session, login, result)


def _settle(session: Session, login: str, result: SignIn) -> None:
    """Answer the end of an exchange."""
    if result.account is not None:
        session.account_id = result.account.id
        session.login = login
        session.account = result.account.address
        session.note("auth", login)
        session.write(_DONE)
        return
    if result.temporary:
        session.refuse(Refusal(454, "4.7.0", "Temporary failure, please try again later"))
        return
    session.auth_failures += 1
    if session.auth_failures >= session.settings.now[smtp.MAX_AUTH_FAILURES]:
        session.say_and_close(
            reply(421, "4.7.0", f"{session.parts.hostname} Too many failed sign-ins, closing")
        )
        return
    session.refuse(Refusal(535, "5.7.8", result.text or "Wrong user name or password"))


def _offer(session: Session) -> Offer:
    tls = session.tls
    return Offer(
        tls.unique if tls is not None else None,
        session.parts.directory.scram_announced(),
        tls.certificate if tls is not None else None,
        session.parts.directory.tokens_taken(),
        session.parts.directory.tickets(session.kind.value),
        session.parts.directory.cram_md5_host(),
    )
