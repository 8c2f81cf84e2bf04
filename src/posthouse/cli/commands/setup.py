"""``posthouse setup``: from one mail address to a working server, without a browser."""

from __future__ import annotations

import time
from typing import Any

import click

from posthouse.cli import passwords, show
from posthouse.cli.command import USES, command, with_place
from posthouse.cli.commands.diagnose import counts, teller
from posthouse.cli.session import Session

USES.update(
    ("setup.begin", "setup.name", "setup.check", "setup.finish", "setup.test_message", "setup.outward_state")
)

FOLLOW_SECONDS = 90.0
"""How long the test message is followed; later its state is asked for by --state."""


@click.group(invoke_without_command=True)
@with_place
@click.option("--address", default="", help="The mail address of the first administrator.")
@click.option("--hostname", default="", help="The server's name, if not the proposed one.")
@click.option("--addresses", default="", help="The server's public IP addresses, if they are not found.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--generate", is_flag=True, help="Make a password and print it.")
@click.option(
    "--certificate", is_flag=True, help="Order a certificate, and agree to the authority's terms of service."
)
@click.option("--no-check", is_flag=True, help="Do not look at DNS, ports and the rest.")
@click.pass_context
def setup(
    context: click.Context,
    address: str,
    hostname: str,
    addresses: str,
    password_stdin: bool,
    generate: bool,
    certificate: bool,
    no_check: bool,
) -> None:
    """Set up a new server: its first domain, administrator and name.

    With --address everything is done here; without it, `posthouse setup link` prints the way in for a browser.
    """
    if context.invoked_subcommand is not None:
        return
    if not address:
        raise click.UsageError("Give --address, or use `posthouse setup link` for the browser.", context)
    session = context.ensure_object(Session)
    plan = session.call("setup.begin", {"address": address})
    name = hostname or plan["hostname"]
    given = addresses or ",".join(plan["addresses"])
    session.call("setup.name", {"hostname": name, "addresses": given})
    password = passwords.obtain(password_stdin, generate)
    if not no_check:
        found = session.call(
            "setup.check", {"domain": plan["domain"], "hostname": name, "addresses": given}, teller(session)
        )
        if not session.as_json:
            counts(found)
            show.line()
    made = session.call(
        "setup.finish",
        {
            "address": plan["address"],
            "password": password,
            "hostname": name,
            "addresses": given,
            "certificate": certificate,
        },
    )
    if session.call("status")["running"]:
        made |= {"test": session.call("setup.test_message", {"address": plan["address"]})}
    if generate:
        made |= {"password": password}
    session.show(made, _done)


def _done(made: Any) -> None:
    show.line(f"The server is {made['hostname']}, and {made['address']} administers it.")
    if "password" in made:
        show.line(f"Password: {made['password']}   (shown this once)")
    if "test" in made:
        show.line(f"A first message arrived in the mailbox after {made['test']['seconds']:.2f} s.")
    if made["todo"]:
        show.line(f"{show.count(len(made['todo']), 'thing')} left to do: posthouse setup todo")
    show.line(f"What to publish in the DNS: posthouse dns records {made['domain']}")


@command(setup, "link", "setup.link")
def link(session: Session) -> None:
    """Print the link by which the server is set up in a browser. It works once; a former one ends."""
    session.show(session.call("setup.link"), links)


def links(found: Any) -> None:
    """The links, the first one the best."""
    for each in found["links"]:
        show.line(f"  {each}")


@command(setup, "state", "setup.state")
def state(session: Session) -> None:
    """Show whether the server still has to be set up."""

    def words(found: Any) -> None:
        if found["needed"]:
            show.line("Nobody administers this server yet: posthouse setup link")
        else:
            show.line(f"The server is set up; it is called {found['hostname']}.")

    session.show(session.call("setup.state"), words)


@command(setup, "outward", "setup.outward")
@click.argument("address", default="")
@click.option(
    "--state", "only_state", is_flag=True, help="Send nothing; tell of the message that was sent last."
)
def outward(session: Session, address: str, only_state: bool) -> None:
    """Send a test message to an ADDRESS outside, and follow it until the other server has it or says why not.

    The exit code is 1 unless it was taken.
    """
    if not address and not only_state:
        raise click.UsageError("Give an address outside, or --state.")
    found = session.call("setup.outward", {"address": address}) if not only_state else None
    until = time.monotonic() + FOLLOW_SECONDS
    told: set[str] = set()
    while True:
        found = found or session.call("setup.outward_state")
        if not session.as_json:
            _tell_steps(found, told)
        if only_state or found["state"] != "waiting" or time.monotonic() > until:
            break
        time.sleep(0.5)
        found = None
    session.show(found, _outward)
    if found["state"] != "sent":
        raise SystemExit(1)


def _tell_steps(found: Any, told: set[str]) -> None:
    """What is new since the last look."""
    for step in found["steps"]:
        if step["state"] != "open" and step["text"] not in told:
            told.add(step["text"])
            show.line(("- " if step["state"] == "failed" else "+ ") + step["text"])


def _outward(found: Any) -> None:
    if found["state"] == "none":
        show.line("No message was sent yet: posthouse setup outward ADDRESS")
        return
    if found["state"] == "waiting":
        show.line("It is still on its way: posthouse setup outward --state")
    if found["words"]:
        show.line(f"The answer, word for word: {found['words']}")
    if found["what"] and found["state"] == "paused":
        show.line(found["what"])
    if found["mend"]:
        show.line(found["mend"])
    if found["cause"] in ("port", "listed", "reverse", "other", "sign-in"):
        show.line("The smart host: posthouse route smart-host --help")


@command(setup, "todo", "setup.todo")
@click.option("--check", is_flag=True, help="Look again now.")
def todo(session: Session, check: bool) -> None:
    """List what set-up left to do."""

    def words(found: Any) -> None:
        for each in found["todo"]:
            show.line(f"{each['name']}: {each['text']}")
            show.line(f"  {each['mend']}")
        if not found["todo"]:
            show.line(
                "Nothing is left to do." if found["checked_at"] else "Nothing was checked yet: add --check."
            )
        if found["dismissed"]:
            things = sorted({each["name"] for each in found["dismissed"]})
            show.line(f"Dismissed: {', '.join(things)} (posthouse setup dismiss NAME --back)")

    session.show(session.call("setup.todo", {"check": check}), words)


@command(setup, "dismiss", "setup.dismiss")
@click.argument("name")
@click.argument("subject", default="")
@click.option("--back", is_flag=True, help="Be reminded of it again.")
def dismiss(session: Session, name: str, subject: str, back: bool) -> None:
    """Do not be reminded of one thing that is left to do: by its name, and what it is about if there are several."""

    def words(found: Any) -> None:
        show.line(
            f"{show.count(len(found['todo']), 'thing')} left to do, {len(found['dismissed'])} dismissed."
        )

    session.show(session.call("setup.dismiss", {"name": name, "subject": subject, "back": back}), words)
