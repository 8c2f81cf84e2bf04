"""Checks of mail that leaves: the name we say, the smart host, what the DNS says of our addresses, keys, the queue, the
list of suppressed addresses, and whether DANE works."""

from __future__ import annotations

import asyncio
import time

from posthouse.database.contract import Transaction
from posthouse.directory import dkim, routes, suppression
from posthouse.manage.diagnostics import Finding, FindingState, Look, check, check_domain
from posthouse.manage.diagnostics_routes import outgoing_addresses, smart_host_of
from posthouse.manage.diagnostics_spf import covers
from posthouse.queue import destinations, view
from posthouse.queue.destinations import EVERYTHING
from posthouse.settings import remote as settings_remote
from posthouse.settings import setup as settings_setup
from posthouse.settings import tls_out
from posthouse.settings.dns import TRUST_AD

OLD_HOURS = 4.0
MANY_SUPPRESSED = 1000
MOST_DOWN = 200
_ASK_DNS = "Check the network and the setting dns.servers, then ask again."


def _mail(name: str, state: FindingState, text: str, mend: str = "", subject: str = "") -> Finding:
    return Finding(name=name, group="mail", state=state, text=text, mend=mend, subject=subject)


@check("smart-host", "mail")
async def smart_host(look: Look) -> list[Finding]:
    """Where one is set, it can be reached and takes our sign-in. No mail is sent."""
    route = await smart_host_of(look)
    if route is None:
        return []
    if look.context.routes is None:
        text = f"Whether the smart host {route.target} works cannot be tried: the server is stopped."
        return [_mail("smart-host", "unknown", text, "Start it, then check again.")]
    steps = await look.context.routes.test(route, "")
    good = {step.host: step.good for step in steps if step.host}
    if any(good.values()):
        shown = next(host for host, fine in good.items() if fine)
        return [_mail("smart-host", "ok", f"The smart host {shown} takes our connection.")]
    wrong = next((step for step in steps if not step.good), None)
    why = f"{wrong.name}: {wrong.text}" if wrong is not None else "no host could be asked"
    mend = f"Correct target, security, user name or password; then: posthouse route test {route.id}"
    return [_mail("smart-host", "bad", f"The smart host {route.target} does not work ({why}).", mend)]


@check("ehlo", "mail")
async def ehlo(look: Look) -> list[Finding]:
    """The name we say to others is the reverse name of each address they see us come from."""
    said = (look.context.settings.now[settings_remote.NAME] or look.host).lower().rstrip(".")
    if await smart_host_of(look) is not None:
        return [_mail("ehlo", "ok", f"Only the smart host hears the name {said}.")]
    addresses = await outgoing_addresses(look)
    if not addresses:
        text = f"Others hear the name {said}; from which address mail leaves cannot be known from here."
        return [_mail("ehlo", "unknown", text, "Name the public address in the setting server.addresses.")]
    return list(await asyncio.gather(*(_ehlo(look, said, each) for each in addresses[:10])))


async def _ehlo(look: Look, said: str, address: str) -> Finding:
    reverse, forward = await asyncio.gather(
        look.resolver.reverse(address, fresh=True), look.resolver.addresses(said, fresh=True)
    )
    if "failed" in (reverse.state, forward.state):
        why = reverse.reason or forward.reason
        return _mail("ehlo", "unknown", f"Names of {address} could not be asked: {why}.", _ASK_DNS, address)
    if said not in reverse.rows:
        shown = ", ".join(reverse.rows) or "nothing"
        mend = f"Set the reverse name (PTR) of {address} to {said}, or the setting remote.name to the reverse name."
        text = f"Mail leaves from {address} as {said}, but its reverse name is {shown}. Some servers refuse that."
        return _mail("ehlo", "bad", text, mend, address)
    if address not in forward.rows:
        text = f"Mail leaves from {address} as {said}, a name that does not lead back to that address."
        return _mail("ehlo", "bad", text, f"Give {said} an A or AAAA record with {address}.", address)
    return _mail("ehlo", "ok", f"Mail leaves from {address} as {said}, and the names agree.", subject=address)


@check_domain("spf-covers", "mail")
async def spf_covers(look: Look, domain: str) -> list[Finding]:
    """The domain's SPF record lets the addresses that its mail leaves from send for it."""

    def finding(state: FindingState, text: str, mend: str = "") -> list[Finding]:
        return [_mail("spf-covers", state, text, mend, domain)]

    host = await smart_host_of(look)
    if host is not None:
        text = f"Mail of {domain} leaves by the smart host {host.target}; its addresses are its own."
        return finding(
            "unknown", text, "Put what your provider names (include:…) into the SPF record of the domain."
        )
    own = await look.context.database.scan(routes.source, domain)
    addresses = (own,) if own else look.addresses.public
    if not addresses:
        text = f"Whether SPF of {domain} covers this server cannot be known: its public address is not known."
        return finding("unknown", text, "Name it in the setting server.addresses.")
    answers = [await covers(look.resolver, domain, address) for address in addresses[:4]]
    for address, answer in zip(addresses, answers, strict=False):
        if answer == "none":
            return []  # the check of the record itself says so
        if answer == "unknown":
            text = f"Whether the SPF record of {domain} covers {address} could not be found out."
            return finding("unknown", text, _ASK_DNS)
        if answer == "error":
            text = f"The SPF record of {domain} cannot be evaluated: it is malformed, or asks for too much."
            return finding("bad", text, f"See what to publish: posthouse dns records {domain}")
        if answer == "no":
            text = f"The SPF record of {domain} does not cover {address}, from which its mail leaves."
            mend = f"Add {'ip6' if ':' in address else 'ip4'}:{address} to it, before the last word."
            return finding("bad", text, mend)
    return finding("ok", f"The SPF record of {domain} covers {', '.join(addresses[:4])}.")


@check_domain("signing", "mail")
async def signing(look: Look, domain: str) -> Finding:
    """Mail of the domain is signed, with keys whose records others see."""
    keys = await look.context.database.scan(dkim.all_keys, domain)
    active = [key for key in keys if key.state == "active"]
    if not active:
        waiting = [key.selector for key in keys if key.state == "new"]
        if waiting:
            text = f"Mail of {domain} is not signed yet: the DKIM key {waiting[0]} waits for its DNS record."
            return _mail("signing", "warn", text, f"Publish it: posthouse dns records {domain}", domain)
        mend = f"Make one: posthouse dkim make {domain}"
        return _mail("signing", "warn", f"Mail of {domain} leaves without a DKIM signature.", mend, domain)
    names = ", ".join(key.selector for key in active)
    return _mail("signing", "ok", f"Mail of {domain} is signed by DKIM ({names}).", subject=domain)


@check("queue-health", "mail")
async def queue_health(look: Look) -> Finding:
    """What waits, and since when; what is paused or cannot be reached."""
    now = time.time()

    def op(tx: Transaction) -> tuple[int, int, float | None, frozenset[str], int]:
        messages, _, held = view.count_queue(tx)
        down = destinations.failing(tx, 1, MOST_DOWN)
        away = sum(each.down_until > now for each in down)
        return messages, held, view.oldest(tx), destinations.paused(tx, 20), away

    messages, held, oldest, paused, away = await look.context.database.scan(op)
    if EVERYTHING in paused:
        text = f"Delivery is paused; {messages} messages wait."
        return _mail("queue-health", "bad", text, "Let it go on: posthouse queue resume")
    if paused:
        text = f"Destinations that are paused: {', '.join(sorted(paused)[:5])}."
        return _mail("queue-health", "warn", text, "Let them go on: posthouse queue resume NAME")
    hours = (now - oldest) / 3600 if oldest is not None else 0.0
    parts = [
        f"{messages} messages wait",
        f"{held} recipients are held",
        f"{away} destinations cannot be reached",
    ]
    text = ", ".join(parts)
    if hours >= OLD_HOURS:
        return _mail(
            "queue-health",
            "warn",
            f"{text}; the oldest message has waited for {int(hours)} hours.",
            "See why: posthouse queue reasons",
        )
    return _mail("queue-health", "ok", f"{text}." if messages else "Nothing waits in the queue.")


@check("suppressions", "mail")
async def suppressions(look: Look) -> Finding:
    """How many addresses senders here are refused."""
    now = time.time()

    def op(tx: Transaction) -> int:
        return suppression.page(tx, "", ("", ""), 1, now)[1]

    count = await look.context.database.scan(op)
    if count >= MANY_SUPPRESSED:
        text = f"{count} addresses are on the suppression list: somebody may send to a bad list of addresses."
        return _mail("suppressions", "warn", text, "Look through it: posthouse suppression list")
    return _mail(
        "suppressions",
        "ok",
        f"{count} addresses are on the suppression list." if count else "No address is suppressed.",
    )


@check("dane", "mail")
async def dane(look: Look) -> Finding:
    """Whether TLSA records of others count: only where a resolver that is trusted validates."""
    now = look.context.settings.now
    if not now[tls_out.DANE]:
        return _mail("dane", "ok", "DANE is switched off (tls_out.dane).")
    known = now[settings_setup.VALIDATION_NAME]
    proof = await look.resolver.ask(known, "SOA", fresh=True)
    if proof.authentic:
        return _mail(
            "dane",
            "ok",
            f"The DNS resolver validates ({known} is proven), so DANE protects mail that leaves.",
        )
    if proof.state == "failed":
        return _mail("dane", "unknown", f"{known} could not be asked: {proof.reason}.", _ASK_DNS)
    if now[TRUST_AD] == "no":
        text = "DANE is off: the setting dns.trust_ad says that no resolver's word on DNSSEC is believed."
        return _mail("dane", "warn", text, "Set it to auto, with a validating resolver on this machine.")
    text = (
        "DANE is off: no resolver that may be believed validates DNSSEC. TLS is as strong as others offer it."
    )
    mend = (
        "Run a validating resolver on this machine (unbound) and name it in the setting dns.servers; one elsewhere is "
        "believed only with dns.trust_ad yes."
    )
    return _mail("dane", "warn", text, mend)
