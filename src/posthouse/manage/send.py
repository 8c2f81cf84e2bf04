"""Send a message: built from its parts, or as it is."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import msgspec

from posthouse.database.contract import Transaction
from posthouse.mail.address import Address
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.manage.audit import note
from posthouse.manage.compose import Attachment, Composed, Parts, compose, take_raw
from posthouse.manage.context import Actor
from posthouse.manage.errors import ManageError
from posthouse.manage.send_wishes import envelope_sender, wishes_of
from posthouse.manage.use import Call, Private, narrows, not_allowed, use
from posthouse.receive.injection import Author, Told, Wishes

MAX_RECIPIENTS = 500


class Injection(Protocol):
    """The part of :class:`posthouse.receive.injection.Injector` that sending needs."""

    @property
    def largest(self) -> int: ...
    def new_trace(self) -> str: ...
    async def may_send_as(self, account_id: int, address: Address) -> bool: ...
    async def inject(
        self,
        origin: Origin,
        sender: Address | None,
        recipients: Sequence[Address],
        message: bytes,
        wishes: Wishes = ...,
    ) -> list[Told]: ...


class Send(Private, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A message. Addresses are ``anna@example.org`` or ``Anna <anna@example.org>``.

    ``text`` is its plain text; ``html`` the same as HTML, beside or instead of it. ``headers`` are further header
    fields by name. ``raw`` is a complete message (RFC 5322) in place of all that; then ``to``, ``cc`` and ``bcc``, if
    given, are who gets it, else whom its header names. ``bcc`` gets the message without being named in it.

    ``send_at`` is when it is sent: a time (``2030-01-31T08:00:00+01:00``) or seconds from now; "" at once. ``priority``
    is -9 to 9 (RFC 6710). ``require_tls``: never in clear text (RFC 8689). ``notify`` says what the sender wants to
    hear: ``never``, or some of ``success``, ``failure``, ``delay``; ``ret`` (``full``, ``hdrs``) and ``envid`` what
    such notices bring along (RFC 3461). ``envelope_from`` is where they go, if not to ``from``: an address, or ``<>``
    for nowhere; for administrators.
    """

    sender: str = msgspec.field(name="from", default="")
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    raw: bytes = b""
    send_at: str = ""
    priority: int = 0
    require_tls: bool = False
    notify: tuple[str, ...] = ()
    ret: str = ""
    envid: str = ""
    envelope_from: str = ""


class SentTo(msgspec.Struct, frozen=True):
    """One recipient. ``accepted``: the message is durably kept for it; ``text`` says where, or why not."""

    address: str
    accepted: bool
    text: str


class Sent(msgspec.Struct, frozen=True):
    """A message that was taken. ``trace`` finds what becomes of it: `message trace`."""

    trace: str
    size: int
    recipients: list[SentTo]


@use("message.send", right="send", open_to="user", about=narrows)
async def send(call: Call, wanted: Send) -> Sent:
    """Send a message. Everybody may from their own addresses, administrators also from those they look after. It
    goes the way of a submitted message; what becomes of each recipient is answered."""
    injection = call.context.injection
    if injection is None:
        raise ManageError(
            "unavailable", "The server is stopped: nobody takes the message.", "Start it first."
        )
    trace = injection.new_trace()
    composed = await asyncio.to_thread(_composed, wanted)
    await _check(call, composed, injection)
    sender = envelope_sender(wanted.envelope_from, composed.sender)
    if wanted.envelope_from and not _may_name(call.actor, sender):
        raise not_allowed(call.actor, "message.send", "send")
    wishes = wishes_of(wanted, call.context.settings.now, time.time())
    if call.actor.role != "server":
        wishes = replace(wishes, author=_author(call.actor, injection))
    try:
        told = await injection.inject(
            _origin(call.actor, trace), sender, composed.recipients, composed.message, wishes
        )
    except Refusal as refusal:
        raise _declined(refusal) from None
    if not any(one.refusal is None for one in told):
        raise _nobody(told)
    await _audit(call, composed, trace)
    return Sent(
        trace,
        len(composed.message),
        [SentTo(str(one.address), one.refusal is None, _sentence(one.text)) for one in told],
    )


def _composed(wanted: Send) -> Composed:
    if wanted.raw:
        others = ("subject", "text", "html", "attachments", "headers", "reply_to")
        if given := [name for name in others if getattr(wanted, name)]:
            raise ManageError(
                "invalid",
                f"raw stands beside {', '.join(given)}.",
                "Give the complete message, or its parts.",
            )
        return take_raw(wanted.raw, wanted.sender, [*wanted.to, *wanted.cc, *wanted.bcc])
    return compose(
        Parts(
            wanted.sender,
            wanted.to,
            wanted.cc,
            wanted.bcc,
            wanted.reply_to,
            wanted.subject,
            wanted.text,
            wanted.html,
            wanted.attachments,
            wanted.headers,
        )
    )


def _may_name(actor: Actor, sender: Address | None) -> bool:
    """Whether notices may be sent there."""
    return actor.role == "server" or (sender is not None and actor.governs(sender.key))


def _author(actor: Actor, injection: Injection) -> Author:
    """Every name in the header must be the actor's, or one they look after: what is sent is signed by the domain of
    its From."""

    async def may_use(address: Address) -> bool:
        if actor.governs(address.key):
            return True
        return bool(actor.account_id) and await injection.may_send_as(actor.account_id, address)

    return Author(actor.account, may_use)


async def _check(call: Call, composed: Composed, injection: Injection) -> None:
    """Whether the message can be sent, and in this name."""
    if not composed.recipients:
        raise ManageError("invalid", "The message has no recipient.", "Give to, cc or bcc.")
    if len(composed.recipients) > MAX_RECIPIENTS:
        raise ManageError(
            "invalid", f"The message has more than {MAX_RECIPIENTS} recipients.", "Send it in several parts."
        )
    if len(composed.message) > injection.largest:
        raise ManageError(
            "invalid",
            f"The message is larger than {injection.largest} bytes.",
            "Make it smaller, or raise the setting smtp.max_message_size.",
        )
    actor = call.actor
    if actor.governs(composed.sender.key):
        return
    try:
        own = bool(actor.account_id) and await injection.may_send_as(actor.account_id, composed.sender)
    except Refusal as refusal:
        raise _declined(refusal) from None
    if not own:
        raise not_allowed(actor, "message.send", "send")


def _origin(actor: Actor, trace: str) -> Origin:
    """Who handed it over. HTTP and the control socket have no word in RFC 3848; RFC 5321 4.4 allows others."""
    face, _, place = actor.source.rpartition(" ")
    try:
        address = str(ipaddress.ip_address(place))
    except ValueError:
        address = ""
    word = "HTTP" if face in ("api", "web") else "LOCAL"
    return Origin(
        trace,
        word,
        "" if address else "localhost",
        address,
        0,
        account_id=actor.account_id,
        login=actor.account or actor.name,
    )


def _declined(refusal: Refusal) -> ManageError:
    if refusal.temporary:
        return ManageError("unavailable", _sentence(refusal.text), "Try again later.")
    return ManageError("invalid", _sentence(refusal.text), "Change the message.")


def _nobody(told: list[Told]) -> ManageError:
    problems = tuple(f"{one.address}: {one.text}" for one in told)
    if all(one.refusal is not None and one.refusal.temporary for one in told):
        return ManageError("unavailable", "No recipient can be reached now.", "Try again later.", problems)
    mend = "Correct the addresses."
    if len(told) == 1:
        return ManageError("invalid", f"{told[0].address}: {_sentence(told[0].text)}", mend, problems)
    return ManageError("invalid", "None of the recipients can be reached.", mend, problems)


async def _audit(call: Call, composed: Composed, trace: str) -> None:
    """After the message is kept, in a unit of its own: the trace tells of the message itself either way."""

    def op(tx: Transaction) -> None:
        after = {"recipients": len(composed.recipients), "trace": trace}
        note(tx, call.actor, "message.send", str(composed.sender), after=after)

    await call.context.database.run(op)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
