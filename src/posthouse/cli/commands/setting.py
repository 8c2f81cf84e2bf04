"""``posthouse setting``: everything that is not in posthouse.toml."""

from __future__ import annotations

import sys
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session


@click.group()
def setting() -> None:
    """Settings: what they are, what they may be, and changing them."""


@command(setting, "list", "setting.list")
@click.argument("prefix", required=False)
@click.option("--changed", is_flag=True, help="Only those that differ from their default.")
@click.option("--topic", default="", metavar="TOPIC", help="Only those of one topic, e.g. smtp.")
@click.option("--search", default="", metavar="WORDS", help="Only those with these words in name or help.")
def list_(session: Session, prefix: str | None, changed: bool, topic: str, search: str) -> None:
    """List the settings, all or those whose name begins with PREFIX."""
    wanted = {"prefix": prefix, "changed": changed, "topic": topic, "search": search}
    result = session.call("setting.list", wanted)
    session.show(
        result,
        lambda found: show.table(
            ("SETTING", "VALUE", "DEFAULT", "CHANGES"),
            [
                (
                    row["name"],
                    row["value"],
                    row["default"],
                    "live" if row["effect"] == "live" else "at restart",
                )
                for row in found["settings"]
            ],
            "No such settings.",
        ),
    )


@command(setting, "get", "setting.get")
@click.argument("name")
def get(session: Session, name: str) -> None:
    """Show the setting NAME."""
    result = session.call("setting.get", {"name": name})

    def words(found: Any) -> None:
        show.line(f"{found['name']} = {found['value']}")
        show.line(f"  {found['help']}")
        show.line(f"  Default {found['default']}. Give {found['expected']}.")
        show.line("  A change acts at once." if found["effect"] == "live" else "  A change acts at restart.")

    session.show(result, words)


@command(setting, "set", "setting.set")
@click.argument("name")
@click.argument("value")
def set_(session: Session, name: str, value: str) -> None:
    """Set NAME to VALUE, e.g. `25M` for sizes, `5m` for durations; `default` goes back to the default.

    A VALUE of - is read from standard input, where no list of processes shows it.
    """
    if value == "-":
        value = sys.stdin.readline().rstrip("\r\n")
    result = session.call("setting.set", {"name": name, "value": value})

    def words(now: Any) -> None:
        when = "It acts at once." if now["effect"] == "live" else "It acts when the server is restarted."
        show.line(f"{now['name']} = {_shown(now['value'])}, was {_shown(now['before'])}. {when}")

    session.show(result, words)


def _shown(value: str) -> str:
    """A value inside a sentence: an empty one is named rather than left out."""
    return value or "empty"
