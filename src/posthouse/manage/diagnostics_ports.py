"""Checks of ports: what is open here, what others can reach, what we reach outside, and that strangers cannot relay."""

from __future__ import annotations

import asyncio

from posthouse.manage import setup_facts
from posthouse.manage.context import ListenerState
from posthouse.manage.diagnostics import Finding, FindingState, Look, check
from posthouse.manage.diagnostics_routes import smart_host_of
from posthouse.manage.diagnostics_smtp import SmtpTalk, reason
from posthouse.settings import setup as settings_setup
from posthouse.settings.dns import listed

_TRY_OUTSIDE = "From a machine in another network, try: nc -v {host} 25 (or use a mail tester on the web)."
_RELAYED = "relay-test@posthouse.invalid"


@check("listeners", "ports")
async def listeners(look: Look) -> Finding:
    """What is open, and whether that is what people and servers expect."""

    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(name="listeners", group="ports", state=state, text=text, mend=mend)

    if not look.context.running:
        return finding("bad", "The server is stopped: nothing listens.", "Start it: posthouse serve")
    places = {(state.protocol, state.tls): state for state in look.listeners}
    shown = ", ".join(f"{state.protocol} {state.where}" for state in look.listeners)
    if not any(protocol == "smtp" for protocol, _ in places):
        return finding(
            "bad", f"No listener takes mail from other servers. Open: {shown}.", _ADD.format("smtp")
        )
    for protocol in ("submission", "imap"):
        if not any(found == protocol for found, _ in places):
            return finding("warn", f"No {protocol} listener. Open: {shown}.", _ADD.format(protocol))
    if all(setup_facts.is_loopback(state.address) for state in look.listeners if not state.path):
        mend = "Leave address out of the [[listener]] tables in posthouse.toml to listen on all addresses."
        return finding(
            "warn", f"Every listener is on loopback: nobody outside can reach it. Open: {shown}.", mend
        )
    odd = [state.where for state in look.listeners if not _is_standard(state)]
    if odd:
        mend = "Start the server as root (it gives root up at once) or forward the standard ports to these."
        return finding("warn", f"Not on standard ports: {', '.join(odd)}.", mend)
    return finding("ok", f"Open: {shown}.")


_ADD = 'Add a [[listener]] with protocol = "{}" to posthouse.toml and restart the server.'


def _is_standard(state: ListenerState) -> bool:
    known = setup_facts.STANDARD_PORTS.get((state.protocol, state.tls))
    return bool(state.path) or known is None or state.port == known


@check("ports-taken", "ports")
async def ports_taken(look: Look) -> Finding:
    """Whether another program sits on a standard port that is not ours."""
    ours = {state.port for state in look.listeners}
    wanted = [port for port in setup_facts.STANDARD_PORTS.values() if port not in ours]
    answers = await asyncio.gather(*(_answers(port) for port in wanted))
    taken = [str(port) for port, answer in zip(wanted, answers, strict=True) if answer]
    if taken:
        return Finding(
            name="ports-taken",
            group="ports",
            state="warn",
            text=f"Another program listens on port {', '.join(taken)} of this machine.",
            mend="See which: ss -ltnp. Stop it if its port should be Posthouse's.",
        )
    return Finding(
        name="ports-taken", group="ports", state="ok", text="No other program sits on a mail server's port."
    )


async def _answers(port: int) -> bool:
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.transport.abort()
    return True


@check("port-25-out", "ports")
async def outward(look: Look) -> Finding:
    """Whether other servers can be reached on port 25. No mail is sent."""

    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(name="port-25-out", group="ports", state=state, text=text, mend=mend)

    port = look.context.settings.now[settings_setup.PORT]
    targets = listed(look.context.settings.now[settings_setup.OUTWARD])
    if not targets:
        mend = "Name a domain in the setting diagnostics.outward."
        return finding("unknown", f"Nothing is set to try port {port} outward with.", mend)
    tries = await asyncio.gather(*(_try_domain(look, target, port) for target in targets[:5]))
    reached = [text for state, text in tries if state == "ok"]
    if reached:
        return finding("ok", f"Port {port} is open outward: {reached[0]}.")
    told = "; ".join(text for _, text in tries)
    if all(state == "unknown" for state, _ in tries):
        return finding(
            "unknown", f"Port {port} outward could not be tried: {told}.", "Check the DNS, then try again."
        )
    host = await smart_host_of(look)
    if host is not None:
        return finding(
            "ok", f"Port {port} is closed outward ({told}), and mail leaves by the smart host {host.target}."
        )
    return finding(
        "bad",
        f"Port {port} is closed outward: {told}.",
        "Many providers block it until asked: have it opened. Until then mail can be received, but not sent to others "
        "except by a smart host (page Routes, or: posthouse route smart-host --help).",
    )


async def _try_domain(look: Look, domain: str, port: int) -> tuple[FindingState, str]:
    answer = await look.resolver.ask(domain, "MX")
    if answer.state == "failed":
        return "unknown", f"{domain}: {answer.reason}"
    hosts = sorted(answer.rows, key=lambda row: int(row.split(" ")[0]))
    host = hosts[0].partition(" ")[2] if hosts else domain
    found = await look.resolver.addresses(host)
    if not found.rows:
        return "unknown", f"{host} has no address"
    error: Exception | None = None
    for address in found.rows[:2]:
        try:
            async with SmtpTalk(address, port) as talk:
                return "ok", f"{host} answers{await _offered(talk, look.host)}"
        except (OSError, ValueError) as failure:
            error = failure
    return "bad", f"{host}: {reason(error) if error else 'no answer'}"


async def _offered(talk: SmtpTalk, name: str) -> str:
    """What is known of TLS there; a greeting has shown already that the port is open."""
    try:
        code, offers = await talk.say(f"EHLO {name}")
    except (OSError, ValueError):
        return ""
    if code != 250:
        return ""
    return ", and offers TLS" if "STARTTLS" in offers.upper().split() else ", and offers no TLS"


@check("port-25-in", "ports")
async def inward(look: Look) -> list[Finding]:
    """Whether others can reach us; what this machine sees of itself proves little, and is not taken for more."""
    port = look.context.settings.now[settings_setup.PORT]

    def finding(state: FindingState, text: str, mend: str, subject: str = "") -> Finding:
        return Finding(name="port-25-in", group="ports", state=state, text=text, mend=mend, subject=subject)

    if look.context.running and not any(
        state.protocol == "smtp" and state.port == port for state in look.listeners
    ):
        return [
            finding(
                "bad",
                f"Nothing here takes mail on port {port}, where other servers bring it.",
                f"Start the server as root, or forward port {port} to the smtp listener.",
            )
        ]
    mend = _TRY_OUTSIDE.format(host=look.host)
    if not look.addresses.public:
        return [
            finding("unknown", f"Whether port {port} is open from outside cannot be known from here.", mend)
        ]
    return [await _inward(look, address, port, mend) for address in look.addresses.public]


async def _inward(look: Look, address: str, port: int, mend: str) -> Finding:
    own = address in look.addresses.own
    state: FindingState = "unknown"
    try:
        async with SmtpTalk(address, port) as talk:
            if look.is_us(talk.greeting):
                text = f"Port {port} of {address} answers to this machine; whether to others cannot be known from here."
            else:
                state, text = (
                    "bad",
                    f"Another server answers on port {port} of {address}: {talk.greeting[:100]}",
                )
    except (OSError, ValueError) as error:
        text = f"Port {port} of {address} does not answer to this machine ({reason(error)})"
        if own:
            state, text = "bad", text + "."
        else:
            text += "; some routers do not lead their own address back, so it may be open to others."
    return Finding(name="port-25-in", group="ports", state=state, text=text, mend=mend, subject=address)


@check("relay", "mail")
async def relay(look: Look) -> Finding:
    """A stranger who asks us to carry mail elsewhere must be refused: tried on our own port."""

    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(name="relay", group="mail", state=state, text=text, mend=mend)

    place = next((one for one in look.listeners if one.protocol == "smtp" and not one.path), None)
    if place is None:
        return finding("unknown", "No smtp listener is open to try.", "Start the server.")
    if any(one.proxy_from for one in look.context.config.listeners if one.port == place.port):
        mend = "Try it from outside, through the proxy."
        return finding("unknown", "The smtp listener expects a proxy, so it cannot be tried directly.", mend)
    try:
        async with SmtpTalk(setup_facts.reachable(place.address), place.port) as talk:
            await talk.say("EHLO relay-test.invalid")
            await talk.say(f"MAIL FROM:<{_RELAYED}>")
            code, text = await talk.say(f"RCPT TO:<{_RELAYED}>")
            await talk.say("RSET")
    except (OSError, ValueError) as error:
        return finding(
            "unknown", f"Our own port {place.port} did not answer: {reason(error)}.", "See the server's log."
        )
    if code < 300:
        mend = "Take the server off the network until it is found out why: spammers find such servers within hours."
        return finding(
            "bad", "The server takes mail from strangers for other servers: it is an open relay.", mend
        )
    return finding("ok", f"Strangers cannot send through this server (refused with {code} {text[:80]}).")
