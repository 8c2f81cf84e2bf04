"""``posthouse serve``: run the server, for real or as a demo."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from posthouse.cli import demo_ports, passwords, show
from posthouse.cli.command import command
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session
from posthouse.cli.until_eof import watch

if TYPE_CHECKING:
    from posthouse.manage.context import LiveState
    from posthouse.settings.config import Config

OnReady = Callable[["LiveState"], None]
ServeRunner = Callable[["Config", OnReady], int]
"""Runs the server until it is told to stop and returns the exit code. Calls the second argument once, when
every listener takes connections. Raises ManageError when it cannot start (the data folder is in use, a
port is taken …)."""

DEMO_DOMAIN = "posthouse.test"
DEMO_ADDRESS = f"demo@{DEMO_DOMAIN}"


def add_to(group: click.Group) -> None:
    """Declare ``serve``."""
    declare = command(group, "serve", "demo.prepare", "setup.state", "setup.link")
    demo = click.option("--demo", is_flag=True, help="Make a demo account and say how to try the server.")
    until_eof = click.option("--until-eof", is_flag=True, help="Stop when standard input ends.")
    declare(demo(until_eof(serve)))


def serve(session: Session, demo: bool, until_eof: bool) -> int:
    """Run the server in the foreground until it is told to stop (Ctrl-C, SIGTERM).

    Without a configuration file, ports are chosen that are free: the standard ones for root, else high ones. A
    server that nobody administers yet prints a link by which it is set up in a browser. With --demo a domain and an
    account to play with are made at the first start instead.
    """
    from posthouse.manage.errors import ManageError

    if session.serve_runner is None:
        raise CommandError(
            "failed", "This program was started without a server.", "Run `python -m posthouse serve`."
        )
    config = session.config
    if until_eof:
        watch()
    try:
        if demo or not _has_file(session):
            config = demo_ports.choose(config)
        return session.serve_runner(config, lambda live: _ready(session, live, demo))
    except ManageError as error:
        raise CommandError(error.kind, error.what, error.mend, error.problems) from None


def _ready(session: Session, live: LiveState, demo: bool) -> None:
    """Called in the server's event loop once it listens."""
    # What is to be told is asked for over the control socket: in a thread, because the loop that answers there is
    # the one that called us.
    target = _ready_demo if demo else _ready_real
    threading.Thread(target=target, args=(session, live), name="ready", daemon=True).start()


def _has_file(session: Session) -> bool:
    """Whether there is a configuration file: it says which ports, and nobody chooses others then."""
    from posthouse.settings.load import is_configured

    known = {key: value for key, value in os.environ.items() if key == "POSTHOUSE_CONFIG"}
    return is_configured(session.config_path, known)


def _ready_real(session: Session, live: LiveState) -> None:
    links: list[str] = []
    try:
        needed = session.call("setup.state")["needed"]
        # What a service prints goes to the journal, which others may read: there the link is only pointed to.
        if needed and not _is_service():
            links = session.call("setup.link")["links"]
    except CommandError as error:
        _announce(session, live, False, "")
        if error.kind != "missing":
            click.echo(
                f"posthouse: no set-up link: {show.safe(error.what)}\n  {show.safe(error.mend)}", err=True
            )
        return
    _announce(session, live, False, "", links, needed)


def _is_service() -> bool:
    return "JOURNAL_STREAM" in os.environ or "NOTIFY_SOCKET" in os.environ


def _ready_demo(session: Session, live: LiveState) -> None:
    password = passwords.generate()
    wanted = {"domain": DEMO_DOMAIN, "address": DEMO_ADDRESS, "password": password}
    try:
        made = session.call("demo.prepare", wanted)["made"]
    except CommandError as error:
        click.echo(
            f"posthouse: no demo account: {show.safe(error.what)}\n  {show.safe(error.mend)}", err=True
        )
        return
    _announce(session, live, True, password if made else "")


def _announce(
    session: Session,
    live: LiveState,
    demo: bool,
    password: str,
    links: Sequence[str] = (),
    needed: bool = False,
) -> None:
    if session.as_json:
        listeners = [{"protocol": row.protocol, "tls": row.tls, "where": row.where} for row in live.listeners]
        ready = {"ready": True, "listeners": listeners, "certificates": live.certificates}
        if demo:
            ready |= {"address": DEMO_ADDRESS, "password": password or None}
        elif needed:
            ready |= {"setup": list(links)}
        sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    else:
        _banner(live)
        if demo:
            _demo_banner(session, password)
        elif needed:
            _setup_banner(session, links)
    sys.stdout.flush()


def _banner(live: LiveState) -> None:
    show.line("Posthouse is ready.")
    show.line()
    rows: dict[tuple[str, str], list[str]] = {}
    for listener in live.listeners:
        rows.setdefault((listener.protocol, _tls_words(listener.tls)), []).append(listener.where)
    for (protocol, tls), places in rows.items():
        show.line(f"  {protocol:11}{tls:10}{', '.join(places)}")
    for fingerprint, hosts in show.by_value(live.certificates).items():
        show.line()
        show.line(f"  Certificate of {', '.join(hosts)}, SHA-256:")
        show.line(f"  {fingerprint}")
    show.line()


def _tls_words(tls: str) -> str:
    return {"none": "no TLS", "starttls": "STARTTLS", "implicit": "TLS"}[tls]


def _demo_banner(session: Session, password: str) -> None:
    program = _program()
    place = f" --data {_quoted(session.config.data)}"
    if session.config_path:
        place += f" --config {_quoted(session.config_path)}"
    show.line(f"  Demo address   {DEMO_ADDRESS}")
    if password:
        show.line(f"  Password       {password}   (shown this once)")
    else:
        show.line("  Password       as shown at the first start; a new one:")
        show.line(f"                 {program} account password {DEMO_ADDRESS} --generate{place}")
    show.line()
    show.line("  Send a first message and see it arrive (in another terminal):")
    known = f"POSTHOUSE_PASSWORD={password} " if password else ""
    show.line(f"  {known}{program} demo send{place}")
    show.line()
    show.line("  Ctrl-C stops the server.")


def _setup_banner(session: Session, links: Sequence[str]) -> None:
    place = f" --data {_quoted(session.config.data)}"
    if session.config_path:
        place += f" --config {_quoted(session.config_path)}"
    show.line("  Nobody administers this server yet.")
    if links:
        show.line("  Open one of these in a browser to set it up (for one browser, until set-up ends):")
        show.line()
        for link in links:
            show.line(f"    {link}")
        show.line()
        show.line(
            "  The browser warns of the self-made certificate above; its fingerprint tells that it is ours."
        )
        show.line(f"  A new link: {_program()} setup link{place}")
    else:
        show.line(f"  The link to set it up: {_program()} setup link{place}")
    show.line(f"  Without a browser: {_program()} setup --address YOU@YOUR-DOMAIN{place}")
    show.line()
    show.line("  Ctrl-C stops the server.")


def _program() -> str:
    """How the user can call us again, from any folder."""
    import shutil

    called = sys.argv[0]
    if os.path.basename(called).startswith("posthouse"):
        found = shutil.which(called)
        if shutil.which("posthouse") == found:
            return "posthouse"
        return _quoted(os.path.abspath(found or called))
    return f"{_quoted(sys.executable)} -m posthouse"


def _quoted(text: Any) -> str:
    import shlex

    return shlex.quote(str(text))
