"""Checks of block lists: are our addresses in them?"""

from __future__ import annotations

import asyncio
import ipaddress

from posthouse.manage.diagnostics import Finding, FindingState, Look, check
from posthouse.net.dns import Answer
from posthouse.settings import setup as settings_setup
from posthouse.settings.dns import listed

_MOST = 20


@check("block-lists", "mail")
async def block_lists(look: Look) -> list[Finding]:
    """Each public address in each list."""
    lists = listed(look.context.settings.now[settings_setup.BLOCK_LISTS])[:_MOST]
    if not lists:
        return []
    if not look.addresses.public:
        text = "Block lists cannot be asked: the public address is not known from here."
        return [_finding("unknown", text, "Name it in the setting server.addresses.")]
    return list(await asyncio.gather(*(_address(look, address, lists) for address in look.addresses.public)))


def _finding(state: FindingState, text: str, mend: str = "", subject: str = "") -> Finding:
    return Finding(name="block-lists", group="mail", state=state, text=text, mend=mend, subject=subject)


async def _address(look: Look, address: str, lists: list[str]) -> Finding:
    labels = (
        ipaddress.ip_address(address).reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    )
    answers = await asyncio.gather(
        *(look.resolver.ask(f"{labels}.{name}", "A", fresh=True) for name in lists)
    )
    verdicts = {name: verdict(answer) for name, answer in zip(lists, answers, strict=True)}
    bad = [name for name, found in verdicts.items() if found == "listed"]
    silent = [name for name, found in verdicts.items() if found == "silent"]
    if bad:
        return _finding(
            "bad",
            f"{address} is listed in {', '.join(bad)}: many servers will refuse mail from it.",
            "Ask the list's web site for the reason, mend it, and have the address removed. An address rented for a "
            "short time is often listed because of whoever had it before.",
            address,
        )
    if silent:
        return _finding(
            "unknown",
            f"{address} could not be looked up in {', '.join(silent)}: these do not answer the DNS resolver in use.",
            "Large public resolvers are turned away: run a resolver on this machine (unbound) and name it in the "
            "setting dns.servers.",
            address,
        )
    return _finding("ok", f"{address} is in none of {len(lists)} block lists.", subject=address)


def verdict(answer: Answer) -> str:
    """``clean``, ``listed`` or ``silent`` (the list does not say). Listings are 127.0.0.0/8 (RFC 5782 2.1); of these
    127.255.255.0/24 says that the question was not welcome, and anything outside comes from a resolver that
    invents answers."""
    if answer.state == "failed":
        return "silent"
    rows = [ipaddress.ip_address(row) for row in answer.rows]
    if any(row in _NOT_WELCOME or row not in _LISTINGS for row in rows):
        return "silent"
    return "listed" if rows else "clean"


_LISTINGS = ipaddress.ip_network("127.0.0.0/8")
_NOT_WELCOME = ipaddress.ip_network("127.255.255.0/24")
