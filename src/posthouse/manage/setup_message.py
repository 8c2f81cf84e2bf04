"""The first message: handed in as any other, and read back from the mailbox."""

from __future__ import annotations

import asyncio
import time

import msgspec

from posthouse.manage import setup_facts, setup_notes
from posthouse.manage.errors import ManageError
from posthouse.manage.message_names import Copy, find_copies
from posthouse.manage.use import Call, Nothing, perform, use

ARRIVAL_SECONDS = 15.0
_SUBJECT = "Your mail server works"
_TEXT = """Hello,

this message was taken by {host}, put into your mailbox and read back.

Set up your mail program with the address {address}; what to enter stands on the page "Mail programs" of your
server. What is left to do stands on the overview.
"""


class TestTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets the message; "" for the address that set-up made."""

    address: str = ""


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """It arrived. ``seconds`` from handing it in until it was read back."""

    address: str
    trace: str
    mailbox: str
    uid: int
    seconds: float


class SetupLink(msgspec.Struct, frozen=True):
    """Where set-up is done in a browser: addresses to open, the one that works anywhere first."""

    links: list[str]


@use("setup.test_message", right="send")
async def test_message(call: Call, wanted: TestTo) -> Tested:
    """Send a first message to a mailbox of ours and read it back."""
    context = call.context
    address = wanted.address or (await context.database.scan(setup_notes.draft)).address
    if not address:
        raise ManageError("invalid", "Who should get the message?", "Give an address of ours.")
    text = _TEXT.format(host=setup_facts.host_name(context), address=address)
    began = time.monotonic()
    sent = await perform(
        context,
        call.actor,
        "message.send",
        {"from": address, "to": [address], "subject": _SUBJECT, "text": text},
    )
    copy = await _arrival(call, sent.trace)
    content = await context.store.content(copy.message)
    if _SUBJECT.encode() not in content:
        raise ManageError("failed", "The message arrived, but cannot be read back.", "Run posthouse verify.")
    return Tested(
        address=address,
        trace=sent.trace,
        mailbox=copy.mailbox.name,
        uid=copy.message.uid,
        seconds=time.monotonic() - began,
    )


async def _arrival(call: Call, trace: str) -> Copy:
    """The copy in the mailbox, once it is there."""
    until = time.monotonic() + ARRIVAL_SECONDS
    while True:
        try:
            return (await find_copies(call.context, trace))[0]
        except ManageError as error:
            if error.kind != "missing" or time.monotonic() > until:
                raise ManageError(
                    "failed",
                    f"The message was taken, but is not in the mailbox after {ARRIVAL_SECONDS:.0f} seconds.",
                    f"See what became of it: posthouse message trace {trace}",
                ) from None
        await asyncio.sleep(0.1)


@use("setup.link", right="change")
async def link(call: Call, wanted: Nothing) -> SetupLink:
    """Make the link by which the server is set up in a browser. It works once; a former link ends."""
    door = call.context.setup
    if door is None:
        raise ManageError(
            "unavailable", "The server is stopped: it has no pages.", "Start it: posthouse serve"
        )
    if not await call.context.database.scan(setup_notes.is_needed):
        raise ManageError(
            "refused", "The server is set up already.", "Sign in with the administrator's address."
        )
    origins = await places(call)
    if not origins:
        raise ManageError(
            "missing",
            "No listener carries the web pages.",
            'Add a [[listener]] with protocol = "http" to posthouse.toml, or use posthouse setup --address.',
        )
    path = door.link()
    return SetupLink([place + path for place in origins])


async def places(call: Call) -> list[str]:
    """Origins of our pages: https under our own name and address, http on this machine itself (elsewhere than there
    it is sent on to https)."""
    listeners = [
        one for one in await setup_facts.listeners(call.context) if one.protocol == "http" and one.port
    ]
    found = []
    secure = next((one for one in listeners if one.tls == "implicit"), None)
    if secure is not None:
        for host in _hosts(call, secure.address):
            found.append(f"https://{host}" + ("" if secure.port == 443 else f":{secure.port}"))
    plain = next((one for one in listeners if one.tls == "none"), None)
    if plain is not None:
        host = setup_facts.reachable(plain.address)
        shown = f"[{host}]" if ":" in host else host
        found.append(f"http://{shown}" + ("" if plain.port == 80 else f":{plain.port}"))
    return found


def _hosts(call: Call, address: str) -> list[str]:
    """Names or addresses under which a listener can be opened from elsewhere."""
    if setup_facts.is_loopback(address):
        return ["localhost"]
    found = setup_facts.addresses(call.context.settings)
    name = setup_facts.host_name(call.context)
    addresses = [*found.public, *found.own][:1]
    shown = [f"[{each}]" if ":" in each else each for each in addresses]
    return [name, *shown] if "." in name else (shown or [name])
