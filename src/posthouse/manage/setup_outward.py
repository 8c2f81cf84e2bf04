"""The outward test: a real message to an address outside, followed until the other server has it or says why not."""

from __future__ import annotations

import time
from typing import Literal

import msgspec
from msgspec.structs import replace

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.mail.address import Address, parse_address
from posthouse.manage import setup_facts, setup_notes
from posthouse.manage.errors import ManageError
from posthouse.manage.messages import Step, StillOwed
from posthouse.manage.setup_notes import SentOut
from posthouse.manage.setup_outward_words import MENDS, Answer, answer_of, cause_of
from posthouse.manage.use import Call, Nothing, perform, use

_SUBJECT = "A test of your new mail server"
_TEXT = """Hello,

this message was sent by the mail server {host} to show that its mail arrives elsewhere. If it lies in your spam folder,
look at what is left to do on the server's overview: the DNS records most often.

Nobody needs to answer it.
"""

PAUSED, HELD = "Delivery is paused.", "The message is held."
SEE_QUEUE = "See the queue: it can be set going there."
TAKEN_OUT, ANOTHER = "The message was taken out of the queue.", "Send another one."
AGAIN = "Send it again in a while."
LOOK = "Look into that mailbox, into its spam folder too: being taken is not being shown."

StepState = Literal["done", "now", "failed", "open"]


class OutwardTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address at another provider that you can look into."""

    address: str


class OutwardStep(msgspec.Struct, frozen=True):
    """One step on the way out: ``queued``, ``host`` (the other server was found and answers), ``tls``, ``accepted``."""

    name: str
    state: StepState
    text: str


class Outward(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the message. ``state``: ``none`` (nothing was sent), ``waiting``, ``sent``, ``deferred`` (tried,
    and tried again at ``next_at``, in seconds since 1970), ``paused``, ``failed``. ``host`` was asked, and the way
    there secured by ``tls`` ("" for clear text, or where nobody knows). ``words``: what the other server said, word for
    word. ``cause``, ``what`` and ``mend`` say why it did not leave, and what helps. ``queue``: its id there."""

    state: str
    address: str = ""
    trace: str = ""
    queue: int = 0
    sent_at: float = 0.0
    next_at: float = 0.0
    steps: list[OutwardStep] = []
    host: str = ""
    tls: str = ""
    words: str = ""
    cause: str = ""
    what: str = ""
    mend: str = ""


@use("setup.outward", right="send")
async def outward(call: Call, wanted: OutwardTo) -> Outward:
    """Send a test message to an address outside, and tell how far it came; ask for its state to follow it."""
    context = call.context
    to = _outside(wanted.address)

    def op(tx: Transaction) -> tuple[str, bool]:
        ours = any(domain.name == to.domain for domain in admin.list_domains(tx))
        return setup_notes.draft(tx).address, ours

    drafted, ours = await context.database.scan(op)
    if ours:
        mend = "Give one at another provider: the message is to show that mail leaves."
        raise ManageError("invalid", f"{to.domain} is a domain of this server.", mend)
    sender = call.actor.account or drafted
    if not sender:
        raise ManageError("missing", "Nobody is there to send it.", "Set the server up first.")
    sent = await perform(
        context,
        call.actor,
        "message.send",
        {
            "from": sender,
            "to": [str(to)],
            "subject": _SUBJECT,
            "text": _TEXT.format(host=setup_facts.host_name(context)),
            "headers": {"Auto-Submitted": "auto-generated"},
        },
    )
    await context.database.run(setup_notes.put_outward, SentOut(str(to), sent.trace, time.time()))
    told: Outward = await outward_state(call, Nothing())
    return told


def _outside(text: str) -> Address:
    try:
        return parse_address(text.strip())
    except ValueError as problem:
        raise ManageError(
            "invalid", f"That is no mail address: {problem}.", "Write it like me@example.net."
        ) from None


@use("setup.outward_state", right="view")
async def outward_state(call: Call, wanted: Nothing) -> Outward:
    """Tell what became of the test message that was sent last."""
    note = await call.context.database.scan(setup_notes.outward)
    if note is None:
        return Outward(state="none")
    try:
        [story, *_] = (
            await perform(call.context, call.actor, "message.trace", {"message": note.trace})
        ).traces
    except ManageError as error:
        if error.kind != "missing":
            raise
        return Outward(state="none")  # traces are kept for a while only
    owed = next((each for each in story.waiting if each.recipient == note.address), None)
    if owed is not None:
        return _waiting(note, owed)
    return _ended(note, story.steps)


def _waiting(note: SentOut, owed: StillOwed) -> Outward:
    """It is still ours to deliver."""
    found = replace(_begun(note), queue=owed.queue)
    if owed.state in ("paused", "held"):
        what = PAUSED if owed.state == "paused" else HELD
        steps = [QUEUED, *_open("host", "tls", "accepted")]
        return replace(found, state="paused", steps=steps, what=what, mend=SEE_QUEUE, words=owed.reason)
    if not owed.reason or owed.state == "being delivered":
        return found
    return _troubled("deferred", answer_of(owed.reason), replace(found, next_at=owed.next_at))


def _begun(note: SentOut) -> Outward:
    """What is told before anything else is known."""
    steps = [
        QUEUED,
        OutwardStep("host", "now", "The other server is looked for and asked."),
        *_open("tls", "accepted"),
    ]
    return Outward(state="waiting", address=note.address, trace=note.trace, sent_at=note.at, steps=steps)


def _ended(note: SentOut, story: list[Step]) -> Outward:
    """It is not ours any more: the last word of its trace says how it ended."""
    found, about = _begun(note), f"<{note.address}> "
    for step in reversed(story):
        if not step.text.startswith(about) or step.stage not in ("deliver", "queue"):
            continue
        text = step.text.removeprefix(about)
        how, _, words = text.partition(": ")
        if how.startswith("relayed"):
            return _sent(answer_of(words), how.removeprefix("relayed").removeprefix(" with ").strip(), found)
        if how.startswith("failed"):
            return _troubled("failed", answer_of(words), found)
        steps = [QUEUED, *_open("host", "tls", "accepted")]
        return replace(
            found, state="failed", steps=steps, cause="other", what=TAKEN_OUT, mend=ANOTHER, words=text
        )
    return found


def _sent(answer: Answer, tls: str, found: Outward) -> Outward:
    by = "" if tls == "in clear text" else tls
    secured = (
        f"The way there was encrypted ({by})."
        if by
        else "The message went in clear text: no TLS is offered there."
    )
    steps = [
        QUEUED,
        _asked(answer),
        OutwardStep("tls", "done", secured),
        OutwardStep("accepted", "done", "The other server has taken the message."),
    ]
    return replace(found, state="sent", steps=steps, host=answer.host, tls=by, words=answer.words, mend=LOOK)


def _troubled(state: str, answer: Answer, found: Outward) -> Outward:
    """Tried in vain: the steps up to the one that failed."""
    cause = cause_of(answer)
    what, mend = MENDS[cause]
    if state == "failed" and cause == "greylisted":
        mend = AGAIN
    steps = [QUEUED]
    if not answer.host or cause in ("port", "dns"):
        steps += [OutwardStep("host", "failed", what), *_open("tls", "accepted")]
    elif cause == "tls":
        steps += [_asked(answer), OutwardStep("tls", "failed", what), *_open("accepted")]
    else:
        steps += [_asked(answer), OutwardStep("accepted", "failed", what)]
    return replace(
        found,
        state=state,
        steps=steps,
        host=answer.host,
        words=answer.words,
        cause=cause,
        what=what,
        mend=mend,
    )


def _asked(answer: Answer) -> OutwardStep:
    return OutwardStep("host", "done", f"The other server was asked: {answer.host}")


QUEUED = OutwardStep("queued", "done", "The message is in the queue.")

_LATER = {
    "host": "Find the other server, and ask it.",
    "tls": "Encrypt the way there.",
    "accepted": "Hand the message over.",
}


def _open(*names: str) -> list[OutwardStep]:
    return [OutwardStep(name, "open", _LATER[name]) for name in names]
