"""Checks of the server's name and addresses."""

from __future__ import annotations

import asyncio
import ipaddress

from posthouse.manage.diagnostics import Finding, FindingState, Look, check

_PRIVATE_ENDS = (
    ".local",
    ".localhost",
    ".localdomain",
    ".lan",
    ".home",
    ".internal",
    ".test",
    ".invalid",
    ".example",
)

_SET_NAME = "Set it: posthouse setting set server.hostname mail.YOUR-DOMAIN (and give that name an A record)."


@check("hostname", "server")
async def hostname(look: Look) -> Finding:
    """Full, public, and leading here."""

    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(name="hostname", group="server", state=state, text=text, mend=mend, subject=look.host)

    if "." not in look.host:
        return finding("bad", f"The server calls itself {look.host}, which is no full host name.", _SET_NAME)
    if look.host.endswith(_PRIVATE_ENDS):
        return finding("bad", f"{look.host} is a name that does not exist outside.", _SET_NAME)
    answer = await look.resolver.addresses(look.host, fresh=True)
    if answer.state == "failed":
        return finding("unknown", f"{look.host} could not be looked up: {answer.reason}.", _ASK_DNS)
    if not answer.rows:
        return finding(
            "bad", f"{look.host} is not in the DNS.", "Publish its A record (see the DNS records)."
        )
    shown = ", ".join(answer.rows)
    ours = set(look.addresses.public)
    if not ours:
        return finding(
            "unknown",
            f"{look.host} leads to {shown}. Whether that is this server cannot be known from here: the machine has no "
            "public address of its own.",
            "Name the public address in the setting server.addresses.",
        )
    if not ours & set(answer.rows):
        mend = "Correct the A and AAAA records, or the setting server.addresses."
        return finding("bad", f"{look.host} leads to {shown}, which is not this server.", mend)
    if foreign := set(answer.rows) - ours:
        mend = "Remove the addresses that are not this server's, or add them to the setting server.addresses."
        return finding("warn", f"{look.host} also leads to {', '.join(sorted(foreign))}.", mend)
    return finding("ok", f"{look.host} leads to {shown}.")


_ASK_DNS = "Check the network and the setting dns.servers, then ask again."


@check("reverse", "server")
async def reverse(look: Look) -> list[Finding]:
    """The reverse name of each public address is the host name, and leads back."""
    if not look.addresses.public:
        return [
            Finding(
                name="reverse",
                group="server",
                state="unknown",
                text="The reverse name cannot be checked: the public address is not known from here.",
                mend="Name it in the setting server.addresses.",
            )
        ]
    return list(await asyncio.gather(*(_reverse(look, address) for address in look.addresses.public)))


async def _reverse(look: Look, address: str) -> Finding:
    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(name="reverse", group="server", state=state, text=text, mend=mend, subject=address)

    answer = await look.resolver.reverse(address, fresh=True)
    if answer.state == "failed":
        return finding(
            "unknown", f"The reverse name of {address} could not be asked: {answer.reason}.", _ASK_DNS
        )
    mend = f"Set the reverse name (PTR) of {address} to {look.host} where you rent the address."
    if not answer.rows:
        return finding(
            "bad", f"{address} has no reverse name. Many servers refuse mail from such an address.", mend
        )
    if look.host not in answer.rows:
        return finding(
            "bad", f"The reverse name of {address} is {', '.join(answer.rows)}, not {look.host}.", mend
        )
    forward = await look.resolver.addresses(look.host, fresh=True)
    if address not in forward.rows:
        mend = f"Give {look.host} an A or AAAA record with {address}."
        return finding(
            "bad", f"{address} is named {look.host}, but that name does not lead back to it.", mend
        )
    return finding("ok", f"The reverse name of {address} is {look.host}, and leads back.")


@check("addresses", "server")
async def address_kinds(look: Look) -> Finding:
    """Public addresses, and IPv6."""

    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(name="addresses", group="server", state=state, text=text, mend=mend)

    public = look.addresses.public
    if not public:
        own = ", ".join(look.addresses.own) or "none"
        return finding(
            "unknown",
            f"No public address is known; the machine's own are: {own}. It may be behind a router.",
            "Name the public address in the setting server.addresses, and forward the mail ports to this machine.",
        )
    shown = ", ".join(public)
    if not any(ipaddress.ip_address(each).version == 6 for each in public):
        return finding("ok", f"Reached at {shown}. There is no IPv6 address; IPv4 alone does.")
    return finding("ok", f"Reached at {shown}, by IPv6 too.")
