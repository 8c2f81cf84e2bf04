"""What a mail program has to know to use an account: from the listeners that are really open.

Nothing here says whether an account exists: whoever asks about a domain of ours gets the same answer for every name.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name, own_address
from posthouse.manage import client_profile, setup_facts
from posthouse.manage.context import Context, ListenerState
from posthouse.manage.dns_wanted import Service
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, use
from posthouse.net.dns import ascii_name

PROFILE_PLACE = "/mobileconfig"
"""Where the profile for Apple's devices is fetched."""


class MailService(msgspec.Struct, frozen=True):
    """One server to enter: protocol ``imap``, ``pop3`` or ``smtp``; ``tls`` is ``implicit`` (SSL/TLS) or
    ``starttls``. The user name is the whole address."""

    protocol: str
    host: str
    port: int
    tls: str


class Services(msgspec.Struct, frozen=True):
    """The servers for a domain, the best of each kind first."""

    domain: str
    host: str
    incoming: list[MailService]
    outgoing: list[MailService]


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What to enter for an address. ``profile`` is a link to a profile for Apple's devices ("" without https),
    ``qr`` the same as an SVG picture."""

    address: str
    user_name: str
    incoming: list[MailService]
    outgoing: list[MailService]
    profile: str
    qr: str


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile for Apple's devices. ``signed`` with the server's certificate."""

    name: str
    signed: bool
    data: bytes


class ForAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address in one of our domains; "" for one's own."""

    address: str = ""


def _about(wanted: ForAddress) -> Iterable[str]:
    return (wanted.address,) if wanted.address else ()


@use("client.settings", right="view", open_to="user", about=_about)
async def show(call: Call, wanted: ForAddress) -> ClientSettings:
    """Show what a mail program has to know for an address."""
    address, services = await _services_of(call, wanted.address)
    profile = _profile_link(call.context, await setup_facts.listeners(call.context), address)
    return ClientSettings(
        address=address,
        user_name=address,
        incoming=services.incoming,
        outgoing=services.outgoing,
        profile=profile,
        qr=_qr(profile) if profile else "",
    )


@use("client.profile", right="view", open_to="user", about=_about)
async def profile(call: Call, wanted: ForAddress) -> Profile:
    """Make the profile by which an iPhone, iPad or Mac sets itself up for an address. It holds no password."""
    address, services = await _services_of(call, wanted.address)
    return await profile_for(call.context, address, services)


async def _services_of(call: Call, wanted: str) -> tuple[str, Services]:
    given = wanted or call.actor.account
    if not given:
        raise ManageError("invalid", "For which address?", "Give one.")
    address = own_address(given)
    services = await for_domain(call.context, address.domain)
    if services is None:
        raise ManageError("missing", f"{address.domain} is not a domain of ours.", "See the list of domains.")
    return address.key, services


async def for_domain(context: Context, domain: str) -> Services | None:
    """The servers for a domain in any form; None when it is not ours."""
    try:
        name = domain_name(domain)
    except DirectoryError:
        return None

    def op(tx: Transaction) -> bool:
        return bool(tx.execute(records.SELECT_DOMAIN, {"name": name}))

    if not await context.database.read(op):
        return None
    offered = setup_facts.offered(await setup_facts.listeners(context))
    host = setup_facts.host_name(context)
    return Services(
        name,
        host,
        [*_of(offered, "imap", host), *_of(offered, "pop3", host)],
        _of(offered, "submission", host),
    )


def _of(offered: Iterable[Service], protocol: str, host: str) -> list[MailService]:
    """Implicit TLS first (RFC 8314 3); what would send passwords in the clear is left out."""
    found = [each for each in offered if each.protocol == protocol and each.tls in ("implicit", "starttls")]
    shown = "smtp" if protocol == "submission" else protocol
    return [
        MailService(shown, host, each.port, each.tls) for each in sorted(found, key=lambda each: each.tls)
    ]


async def profile_for(context: Context, address: str, services: Services) -> Profile:
    """The profile, signed where the server knows its key."""
    data = client_profile.plain(address, services.host, services.incoming, services.outgoing)
    files = context.key_of(services.host) if context.key_of is not None else None
    signed = b""
    if files is not None:
        signed = await asyncio.to_thread(client_profile.signed, data, *files)
    name = f"{ascii_name(services.domain)}.mobileconfig"
    return Profile(name=name, signed=bool(signed), data=signed or data)


def _profile_link(context: Context, listeners: Iterable[ListenerState], address: str) -> str:
    secure = next((one for one in setup_facts.offered(listeners) if (one.protocol, one.tls) == _HTTPS), None)
    if secure is None:
        return ""
    port = "" if secure.port == 443 else f":{secure.port}"
    return f"https://{setup_facts.host_name(context)}{port}{PROFILE_PLACE}?address={quote(address)}"


_HTTPS = ("http", "implicit")


def _qr(link: str) -> str:
    import segno

    out = io.BytesIO()
    segno.make(link, error="m", micro=False).save(
        out,
        kind="svg",
        scale=4,
        border=4,
        xmldecl=False,
        svgclass=None,
        lineclass=None,
        light="#fff",
        omitsize=True,
    )
    return out.getvalue().decode()
