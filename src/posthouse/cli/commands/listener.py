"""``posthouse listener``: what the server listens on."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import Function, command
from posthouse.cli.commands.probation import tell_probation
from posthouse.cli.session import Session


@click.group()
def listener() -> None:
    """Ports and Unix sockets that the server listens on."""


_now = click.option("--now", is_flag=True, help="For good at once, without a time to confirm it.")
_TLS = click.Choice(["none", "starttls", "implicit"])


def _place(function: Function) -> Function:
    for option in (
        click.option("--proxy-from", multiple=True, metavar="NETWORK", help="A proxy's network; repeatable."),
        click.option("--tls", type=_TLS, help="TLS: none, starttls or implicit (from the first byte)."),
        click.option("--path", metavar="PATH", help="A Unix socket instead of address and port (LMTP)."),
        click.option("--address", metavar="IP", help="The address to listen on; else all."),
        click.option("--port", type=int, metavar="PORT", help="The port, 1 to 65535."),
        _now,
    ):
        function = option(function)
    return function


def _tell(done: Any, words: str) -> None:
    show.line(words)
    if done["waits"]:
        show.line(f"It takes effect at the next start: {done['waits']}.")
    tell_probation(done["probation"])


@command(listener, "list", "listener.list")
def list_(session: Session) -> None:
    """List what the server listens on."""
    result = session.call("listener.list")

    def words(found: Any) -> None:
        show.table(
            ("LISTENER", "PROTOCOL", "TLS", "PROXIES", "STATE"),
            [
                (row["name"], row["protocol"], row["tls"], ", ".join(row["proxy_from"]) or "-", row["state"])
                for row in found["listeners"]
            ],
            "Nothing.",
        )
        show.line(f"From {found['source']}.")

    session.show(result, words)


@command(listener, "add", "listener.add")
@click.argument("protocol", type=click.Choice(["smtp", "submission", "lmtp", "imap", "pop3", "http"]))
@_place
def add(session: Session, protocol: str, proxy_from: tuple[str, ...], **place: Any) -> None:
    """Listen for PROTOCOL on one more port or Unix socket."""
    result = session.call("listener.add", {"protocol": protocol, "proxy_from": list(proxy_from), **place})
    session.show(result, lambda done: _tell(done, f"Added the listener {done['name']}."))


@command(listener, "change", "listener.change")
@click.argument("name")
@_place
def change(session: Session, name: str, proxy_from: tuple[str, ...], **place: Any) -> None:
    """Change the listener NAME (as `listener list` names it); what is not given stays."""
    result = session.call("listener.change", {"name": name, "proxy_from": list(proxy_from) or None, **place})
    session.show(result, lambda done: _tell(done, f"Changed the listener {done['name']}."))


@command(listener, "remove", "listener.remove")
@click.argument("name")
@_now
def remove(session: Session, name: str, now: bool) -> None:
    """Listen on NAME (as `listener list` names it) no more."""
    result = session.call("listener.remove", {"name": name, "now": now})
    session.show(result, lambda done: _tell(done, f"Removed the listener {done['name']}."))


@command(listener, "reset", "listener.reset")
@_now
def reset(session: Session, now: bool) -> None:
    """Go back to the listeners of posthouse.toml."""
    result = session.call("listener.reset", {"now": now})
    session.show(result, lambda done: _tell(done, "The listeners are those of posthouse.toml again."))
