"""One mail transaction (RFC 5321 3.3, RFC 2033), in one go where the host has PIPELINING (RFC 2920).

Nothing counts as taken but what the host said 2xx to after the whole message was sent. Where the line breaks after that
and before the answer, the host may have it all the same: then it is sent again, and may arrive twice (RFC 1047).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from posthouse.deliver.remote.connection import Gone
from posthouse.deliver.remote.contract import FIRM, Call, Hold
from posthouse.deliver.remote.hello import Opened, by, no_answer, said_of
from posthouse.deliver.remote.transaction_plan import Plan
from posthouse.deliver.results import Result, Said, State
from posthouse.queue.contract import Lease
from posthouse.settings import remote as settings
from posthouse.settings.contract import Setting, Settings
from posthouse.wire.smtp.client_content import dotted, pieces
from posthouse.wire.smtp.client_reply import Reply

AFTER_DOT = "."
"""The stage in which the host may have the message although it did not say so."""


@dataclass(slots=True)
class Outcome:
    """What became of a transaction. ``again``: recipients for the next one, as the host took no more in this one.
    ``reset``: RSET is needed before the next. ``heard``: the host said something other than that it closes."""

    results: list[Result] = field(default_factory=list)
    again: list[Lease] = field(default_factory=list)
    reset: bool = False
    heard: bool = False


class Exchange:
    """One transaction on an open session. Where it cannot go on afterwards, the line is broken."""

    __slots__ = (
        "_call",
        "_hold",
        "_lmtp",
        "_open",
        "_opened",
        "_outcome",
        "_pipelined",
        "_plan",
        "_stage",
        "_times",
    )

    def __init__(self, call: Call, opened: Opened, plan: Plan, times: Settings, hold: Hold = FIRM) -> None:
        self._call = call
        self._hold = hold
        self._opened = opened
        self._plan = plan
        self._times = times
        self._lmtp = call.way.protocol == "lmtp"
        self._pipelined = "PIPELINING" in opened.extensions
        self._outcome = Outcome(list(plan.refused))
        self._open = [lease for lease, _ in plan.recipients]
        self._stage = "MAIL"

    async def run(self, chunk_from: int) -> Outcome:
        """All of it; never raises for what the host does."""
        content = self._plan.content
        counted = content.counted or (
            "CHUNKING" in self._opened.extensions and content.size >= max(chunk_from, 1)
        )
        if not self._open:
            return self._outcome
        try:
            await self._converse(counted)
        except Gone as gone:
            self._give_up(no_answer(gone, self._opened.line))
        return self._outcome

    # ------------------------------------------------------------------ the dialogue

    async def _converse(self, counted: bool) -> None:
        line, plan = self._opened.line, self._plan
        if self._pipelined:
            commands = [plan.mail, *(command for _, command in plan.recipients)]
            if not counted:
                commands.append(b"DATA\r\n")
            line.ask(b"".join(commands), len(commands))
        mail = await self._answer("MAIL", plan.mail, settings.MAIL_TIME)
        self._outcome.heard = mail.code != 421
        if not mail.good:
            self._all(mail)
            await self._mail_refused(counted)
            return
        accepted = await self._recipients()
        if counted:
            if accepted:
                await self._counted(accepted)
            else:
                self._outcome.reset = True
            return
        await self._dotted(accepted)

    async def _answer(self, stage: str, command: bytes, time: Setting[float]) -> Reply:
        """Ask, unless that was done in one go, and wait for the answer."""
        self._stage = stage
        line = self._opened.line
        if not self._pipelined:
            line.ask(command)
        return await line.reply(self._times[time])

    async def _mail_refused(self, counted: bool) -> None:
        """Read what else was asked in one go. A host that wants a message all the same is not to be trusted."""
        line = self._opened.line
        if not self._pipelined or line.farewell is not None:
            return
        for _ in self._plan.recipients:
            await line.reply(self._times[settings.RCPT_TIME])
        if not counted and (await line.reply(self._times[settings.DATA_TIME])).code < 400:
            line.abort("it wanted a message that it had refused")

    async def _recipients(self) -> list[Lease]:
        """Ask for each recipient; those that were taken."""
        accepted: list[Lease] = []
        for lease, command in self._plan.recipients:
            reply = await self._answer("RCPT", command, settings.RCPT_TIME)
            if reply.good:
                accepted.append(lease)
            elif accepted and _too_many(reply):
                self._outcome.again.append(lease)
                self._open.remove(lease)
            else:
                self._one(lease, reply)
        return accepted

    async def _dotted(self, accepted: list[Lease]) -> None:
        """DATA: the lines with their dots."""
        line = self._opened.line
        if not accepted and not self._pipelined:
            self._outcome.reset = True
            return
        reply = await self._answer("DATA", b"DATA\r\n", settings.DATA_TIME)
        if not accepted:
            await self._nobody(reply)
        elif reply.code != 354:
            self._all(reply)
            self._outcome.reset = True
            if reply.code < 400:
                line.abort("it answered DATA with what makes no sense")
        else:
            content = self._plan.content
            await self._pour(accepted, dotted(content.prefix, content.body))

    async def _nobody(self, reply: Reply) -> None:
        """DATA went out with the recipients, but all of them were refused (RFC 2920 3.1, RFC 2033 4.2)."""
        line = self._opened.line
        if reply.code != 354:
            self._outcome.reset = True
        elif self._lmtp:
            line.abort("it wanted a message for nobody")
        else:
            line.ask(b".\r\n")
            await line.reply(self._times[settings.END_TIME])

    async def _counted(self, accepted: list[Lease]) -> None:
        """BDAT: the bytes as they are (RFC 3030)."""
        content = self._plan.content
        self._stage = "BDAT"
        self._opened.line.write(f"BDAT {content.size} LAST\r\n".encode())
        await self._pour(accepted, pieces(content.prefix, content.body))

    async def _pour(self, accepted: list[Lease], parts: Iterable[bytes]) -> None:
        """Send the message and take the answer: one for all, or in LMTP one for each."""
        line = self._opened.line
        if not self._hold.holds():
            line.abort("too late: the message is no longer ours to send")
            self._give_up(Said(0, "4.4.7", "the message was no longer ours to send"))
            return
        line.owed += len(accepted) if self._lmtp else 1
        whole = await line.pour(parts, self._times[settings.BLOCK_TIME])
        if not whole:
            early = await line.reply(self._times[settings.END_TIME])
            self._all(early)
            line.abort("it answered before the message was sent")
            return
        self._stage = AFTER_DOT
        seconds = self._times[settings.END_TIME]
        self._hold.sent()
        try:
            if self._lmtp:
                for lease in accepted:
                    self._one(lease, await line.reply(seconds), final=True)
            else:
                self._all(await line.reply(seconds), final=True)
        finally:
            self._hold.answered()

    # ------------------------------------------------------------------ what became of it

    def _all(self, reply: Reply, *, final: bool = False) -> None:
        for lease in tuple(self._open):
            self._one(lease, reply, final=final)

    def _one(self, lease: Lease, reply: Reply, *, final: bool = False) -> None:
        """A reply that settles a recipient. 2xx is only good where it is ``final``; 3xx never."""
        self._open.remove(lease)
        if final and reply.good:
            said = Said(reply.code, reply.status or "2.0.0", reply.text)
            self._add(lease, "relayed", said)
            return
        if reply.code < 400:
            self._opened.line.abort("its answers make no sense")
        state: State = "failed" if reply.code >= 500 else "deferred"
        self._add(lease, state, said_of(reply))

    def _add(self, lease: Lease, state: State, said: Said) -> None:
        dsn = state == "relayed" and "DSN" in self._opened.extensions
        self._outcome.results.append(Result(lease, state, self._by(said), dsn=dsn))

    def _by(self, said: Said) -> Said:
        """Said by this host, at this stage."""
        said = replace(said, stage=self._stage, tls=self._opened.secured)
        return by(self._call, said, ours=not said.code)

    def _give_up(self, said: Said) -> None:
        """The line broke: nothing more is known of those that have no answer yet."""
        if self._stage == AFTER_DOT:
            words = f"{said.text} after the message was sent, before it was confirmed: it may arrive twice"
            said = replace(said, text=words)
        for lease in self._open:
            self._outcome.results.append(Result(lease, "deferred", self._by(said)))
        self._open = []


def _too_many(reply: Reply) -> bool:
    """Whether a host takes no more recipients in this transaction (RFC 5321 4.5.3.1.10): 452, or 552 as of old."""
    if reply.code == 452:
        return reply.status in ("", "4.5.3")
    return reply.code == 552 and reply.status in ("", "5.5.3")
