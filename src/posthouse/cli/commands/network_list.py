"""``posthouse network-list``: networks that may not connect, or always may, from files and URLs."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import Function, command
from posthouse.cli.session import Session


@click.group(name="network-list")
def network_list() -> None:
    """Block lists and allow lists: networks that may not connect, or always may, from files and URLs."""


_OPTIONS = (
    click.option(
        "--kind", type=click.Choice(["block", "allow"]), help="Who is in it may not connect, or may."
    ),
    click.option("--refresh", metavar="TIME", help="How often to look for a newer one, e.g. 12h or 1d."),
    click.option(
        "--protocols",
        metavar="WORDS",
        help="Where it holds, with commas between: smtp, submission, imap, pop3, web; else everywhere.",
    ),
    click.option("--active/--inactive", default=None, help="Whether it holds."),
)


def _settings(function: Function) -> Function:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def _given(values: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in values.items() if value is not None}
    if "protocols" in found:
        found["protocols"] = found["protocols"].replace(",", " ").split()
    return found


@command(network_list, "add", "network_list.add")
@click.argument("name")
@click.argument("place")
@_settings
def add(session: Session, name: str, place: str, **values: Any) -> None:
    """Add the list NAME from PLACE, a file on the server or a URL, and get it."""
    session.show(session.call("network_list.add", {"name": name, "place": place, **_given(values)}), _tell)


@command(network_list, "list", "network_list.list")
def list_(session: Session) -> None:
    """List the lists, how they are, and what is known of countries."""

    def told(found: Any) -> None:
        show.table(
            ("NAME", "KIND", "NETWORKS", "GOOD SINCE", "REFUSED", "PROTOCOLS", "PLACE", "TROUBLE"),
            [
                (
                    each["name"],
                    each["kind"] if each["active"] else f"{each['kind']} (off)",
                    str(each["entries"]),
                    show.moment(each["good_at"]),
                    str(each["refused"]),
                    " ".join(each["protocols"]),
                    each["place"],
                    each["trouble"],
                )
                for each in found["lists"]
            ],
            "There are none.",
        )
        _tell_countries(found["countries"])

    session.show(session.call("network_list.list"), told)


@command(network_list, "show", "network_list.show")
@click.argument("name")
def show_(session: Session, name: str) -> None:
    """Show the list NAME."""
    session.show(session.call("network_list.show", {"name": name}), _tell)


@command(network_list, "change", "network_list.change")
@click.argument("name")
@click.option("--place", help="A file on the server, or a URL.")
@_settings
def change(session: Session, name: str, **values: Any) -> None:
    """Change the list NAME."""
    session.show(session.call("network_list.change", {"name": name, **_given(values)}), _tell)


@command(network_list, "refresh", "network_list.refresh")
@click.argument("name")
def refresh(session: Session, name: str) -> None:
    """Get the list NAME now."""
    session.show(session.call("network_list.refresh", {"name": name}), _tell)


@command(network_list, "remove", "network_list.remove")
@click.argument("name")
def remove(session: Session, name: str) -> None:
    """Remove the list NAME."""
    result = session.call("network_list.remove", {"name": name})
    session.show(result, lambda gone: show.line(f"The list {gone['name']} is removed."))


def _tell(each: Any) -> None:
    does = "may not connect" if each["kind"] == "block" else "always may connect"
    state = "" if each["active"] else " It is off."
    show.line(f"{each['name']}: who is in {each['place']} {does}.{state}")
    show.line(f"It holds for {', '.join(each['protocols'])}; refreshed every {show.span(each['refresh'])}.")
    if each["holds"]:
        show.line(f"{show.count(each['entries'], 'network')}, good since {show.moment(each['good_at'])}.")
    else:
        show.line("It was not had yet, and holds nothing.")
    if each["skipped"]:
        show.line(f"{show.count(each['skipped'], 'line')} of it are not understood and left out.")
    if each["trouble"]:
        show.line(f"The last try ({show.moment(each['tried_at'])}) failed: {each['trouble']}.")


def _tell_countries(found: Any) -> None:
    if found["database"]:
        state = found["trouble"] or f"{found['kind']} of {show.moment(found['built'])}"
        show.line(f"Countries: {found['database']} ({state}).")
    for word, rule in found["rules"].items():
        show.line(f"  {word}: {rule}")
