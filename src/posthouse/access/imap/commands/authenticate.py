"""AUTHENTICATE (RFC 9051 6.2.2; the initial response is RFC 4959's)."""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import TYPE_CHECKING

from posthouse.access.imap.contract import BadCommand, No
from posthouse.access.imap.signin import PROTOCOL, conclude, count_failure, demand_privacy
from posthouse.directory.contract import Account, SignIn
from posthouse.observe.log import logger
from posthouse.wire import sasl
from posthouse.wire.imap.syntax import Authenticate, Command
from posthouse.wire.sasl.contract import (
    Challenge,
    CheckCertificate,
    CheckDigest,
    CheckPassword,
    CheckTicket,
    CheckToken,
    Failed,
    Mechanism,
    Proven,
    Step,
    WantKeys,
    Work,
)

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session

log = logger("access.imap")


async def run(session: Session, command: Command) -> None:
    """Carry out a SASL exchange."""
    demand_privacy(session)
    arguments = command.arguments
    assert isinstance(arguments, Authenticate)
    mechanism = session.mechanisms.begin(arguments.mechanism)
    if mechanism is None:
        raise No("This mechanism is not offered", b"CANNOT")
    exchange = _Exchange(session, mechanism)
    outcome = await exchange.carry_out(mechanism.start(arguments.initial))
    if isinstance(outcome, SignIn):
        await conclude(session, command, outcome)
    elif outcome.malformed:
        raise BadCommand("That is no response of this mechanism")
    else:
        count_failure(session, command)


class _Exchange:
    """One exchange: what the mechanism wants is done until it ends."""

    def __init__(self, session: Session, mechanism: Mechanism) -> None:
        self._session = session
        self._mechanism = mechanism
        self._account: Account | None = None
        self._asked = ""

    async def carry_out(self, step: Step) -> SignIn | Failed:
        """The result for the directory's judgement, or Failed for an exchange that never came so far."""
        session = self._session
        peer = session.peer.address
        while True:
            if isinstance(step, Challenge):
                step = self._mechanism.respond(await self._ask(step.data))
            elif isinstance(step, CheckPassword):
                return await session.directory.sign_in(
                    step.login, step.password, peer=peer, protocol=PROTOCOL
                )
            elif isinstance(step, CheckCertificate):
                return await session.directory.sign_in_certificate(
                    session.mechanisms.certificate or b"", step.authzid, peer=peer, protocol=PROTOCOL
                )
            elif isinstance(step, CheckDigest):
                return await session.directory.sign_in_digest(step, peer=peer, protocol=PROTOCOL)
            elif isinstance(step, CheckToken):
                return await self._token(step)
            elif isinstance(step, CheckTicket):
                return await session.directory.sign_in_ticket(step, peer=peer, protocol=PROTOCOL)
            elif isinstance(step, Work):
                step = await session.directory.carry(step)
            elif isinstance(step, WantKeys):
                step = await self._keys(step)
            elif isinstance(step, Proven):
                # RFC 5802 5: the server's signature goes out before the outcome, as a last challenge.
                await self._ask(step.data)
                return await session.directory.record_scram(
                    step.login, self._account, self._account is not None, peer=peer, protocol=PROTOCOL
                )
            else:
                return await self._failed(step)

    async def _token(self, step: CheckToken) -> SignIn:
        session = self._session
        result, challenge = await session.directory.sign_in_token(
            step.kind, step.token, step.login, peer=session.peer.address, protocol=PROTOCOL
        )
        if result.account is None and challenge:
            with contextlib.suppress(
                BadCommand
            ):  # whatever the answer is (RFC 7628 3.2.3), the failure counts
                await self._ask(challenge)
        return result

    async def _keys(self, step: WantKeys) -> Step:
        directory = self._session.directory
        ask = directory.scram_keys if step.algorithm == "sha256" else directory.scram_sha1_keys
        self._account, keys = await ask(step.login)
        self._asked = step.login
        mechanism = self._mechanism
        assert isinstance(mechanism, sasl.Scram)
        return mechanism.keys(keys.salt, keys.iterations, keys.stored_key, keys.server_key)

    async def _failed(self, step: Failed) -> SignIn | Failed:
        log.info("imap.sign_in_failed", peer=self._session.peer.address, reason=step.reason)
        if self._asked and not step.malformed:
            return await self._session.directory.record_scram(
                self._asked, None, False, peer=self._session.peer.address, protocol=PROTOCOL
            )
        return step

    async def _ask(self, challenge: bytes) -> bytes:
        """Send a challenge, return the decoded response. A single ``*`` ends the exchange with BAD (RFC 9051 6.2.2)."""
        self._session.write(b"+ %s\r\n" % base64.b64encode(challenge))
        line = await self._session.line()
        if line == b"*":
            raise BadCommand("The exchange was cancelled")
        try:
            return binascii.a2b_base64(line, strict_mode=True)
        except binascii.Error:
            raise BadCommand("The response is not base64") from None
