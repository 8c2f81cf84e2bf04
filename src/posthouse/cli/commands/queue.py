"""``posthouse queue``: what is still owed, and steering it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import Function, command
from posthouse.cli.errors import CommandError
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session

NARROW = 60
"""Characters of a reply in a table; `queue show` gives all."""


@click.group()
def queue() -> None:
    """Mail that is still to be delivered."""


def _filters(function: Function) -> Function:
    """The options that say which mail is meant."""
    for option in (
        click.option("--older", metavar="TIME", help="Received so long ago or longer, e.g. 12h or 2d."),
        click.option("--held", "state", flag_value="held", help="Only what is held."),
        click.option("--waiting", "state", flag_value="waiting", help="Only what is not held."),
        click.option(
            "--reason", metavar="TEXT", help="With TEXT in the last reply, or with this status code."
        ),
        click.option("--recipient", metavar="ADDRESS", help="For this address or domain."),
        click.option(
            "--sender", metavar="ADDRESS", help="From this address or domain; <> is the empty sender."
        ),
        click.option(
            "--destination", metavar="DOMAIN", help="For this destination: a domain, route:ID or local."
        ),
        click.option(
            "--search", metavar="TEXT", help="With TEXT in sender or recipient, or with this trace id."
        ),
    ):
        function = option(function)
    return function


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _counted(number: int, more: bool) -> str:
    return f"more than {number - 1}" if more else str(number)


def _short(reason: str) -> str:
    return reason if len(reason) <= NARROW else f"{reason[: NARROW - 1]}…"


@command(queue, "list", "queue.list")
@click.option("--limit", default=100, show_default=True, help="Show at most this many.")
@click.option("--after", default="", metavar="PLACE", help="Go on behind the place where a list ended.")
@_filters
def list_(session: Session, limit: int, after: str, **filters: str | None) -> None:
    """List the waiting messages, oldest first."""
    result = session.call("queue.list", {"limit": limit, **_given(after=after, **filters)})

    def words(found: Any) -> None:
        show.table(
            ("ID", "RECEIVED", "SIZE", "FROM", "TO", "HELD", "TRIES", "NEXT TRY", "LAST REPLY"),
            [
                (
                    row["id"],
                    show.moment(row["received_at"]),
                    show.size(row["size"]),
                    row["sender"] or "<>",
                    _to(row),
                    row["held"],
                    row["attempts"],
                    "-" if row["held"] == row["recipients"] else _when(row["next_at"]),
                    _short(row["reason"]),
                )
                for row in found["messages"]
            ],
            _nothing(found, filters),
        )
        if found["total"] > len(found["messages"]):
            show.line(f"{_counted(found['total'], found['total'] > 10_000)} messages wait in all.")
        if found["next"]:
            show.line(f"There may be more: --after {found['next']}")

    session.show(result, words)


def _to(row: Any) -> str:
    others = row["recipients"] - 1
    return f"{row['recipient']} and {others} more" if others > 0 else row["recipient"]


def _when(at: float) -> str:
    return "now" if at <= time.time() else show.moment(at)


def _nothing(found: Any, filters: dict[str, str | None]) -> str:
    if found["next"]:
        return "Nothing found so far."
    return "No waiting message is like that." if any(filters.values()) else "The queue is empty."


@command(queue, "destinations", "queue.destinations")
@click.option("--search", default="", metavar="TEXT", help="Only those that begin with TEXT.")
def destinations(session: Session, search: str) -> None:
    """Show what waits for each destination, and which are paused or cannot be reached."""
    result = every_page(session, "queue.destinations", "destinations", {"search": search})

    def words(found: Any) -> None:
        if any(row["destination"] == "*" for row in found["paused"]):
            show.line("Everything is paused: nothing is delivered. `posthouse queue resume --all` goes on.")
        rows = sorted(found["destinations"], key=lambda row: -row["recipients"] - row["held"])
        show.table(
            ("DESTINATION", "WAITING", "HELD", "OLDEST", "NEXT TRY", "STATE", "LAST REPLY"),
            [
                (
                    row["destination"],
                    _counted(row["recipients"], row["more"] and row["recipients"] > 1000),
                    _counted(row["held"], row["more"] and row["held"] > 1000),
                    show.moment(row["oldest"]),
                    _when(row["next_at"]) if row["next_at"] or row["recipients"] else "-",
                    _state(row),
                    _short(row["reason"]),
                )
                for row in rows
            ],
            "Nothing waits for any destination.",
        )
        seen = {row["destination"] for row in rows}
        for row in found["paused"]:
            if row["destination"] not in seen and row["destination"] != "*":
                show.line(f"{row['destination']} is paused since {show.moment(row['at'])} (by {row['by']}).")

    session.show(result, words)


def _state(row: Any) -> str:
    if row["paused"]:
        return "paused"
    return f"down until {show.moment(row['down_until'])}" if row["down_until"] else "in order"


@command(queue, "senders", "queue.senders")
@click.option("--search", default="", metavar="TEXT", help="Only those that begin with TEXT.")
def senders(session: Session, search: str) -> None:
    """Show how much of each sender waits."""
    result = every_page(session, "queue.senders", "senders", {"search": search})

    def words(found: Any) -> None:
        show.table(
            ("SENDER", "MESSAGES", "OLDEST"),
            [
                (row["sender"] or "<>", _counted(row["messages"], row["more"]), show.moment(row["oldest"]))
                for row in sorted(found["senders"], key=lambda row: -row["messages"])
            ],
            "Nothing waits of anybody.",
        )

    session.show(result, words)


@command(queue, "reasons", "queue.reasons")
def reasons(session: Session) -> None:
    """Show what the queue waits for."""
    result = session.call("queue.reasons")

    def words(found: Any) -> None:
        show.table(
            ("RECIPIENTS", "CAUSE", "CODE", "FOR EXAMPLE", "REPLY"),
            [
                (
                    row["recipients"],
                    row["cause"],
                    row["status"] or "-",
                    row["destination"],
                    _short(row["reason"]),
                )
                for row in found["reasons"]
            ],
            "The queue is empty.",
        )
        if found["more"]:
            show.line(f"The queue is longer: the first {found['looked']} recipients were looked at.")

    session.show(result, words)


@command(queue, "show", "queue.show", "queue.header")
@click.argument("id", type=int)
@click.option("--header", is_flag=True, help="Show the message's header too.")
def show_(session: Session, id: int, header: bool) -> None:
    """Show one waiting message and each recipient it is still owed to."""
    result = session.call("queue.show", {"id": id})
    after = result["next"]
    while after:
        page = session.call("queue.show", {"id": id, "after": after})
        result["recipients"] += page["recipients"]
        after = page["next"]
    result["next"] = 0
    if header:
        result["header"] = session.call("queue.header", {"id": id})["header"]
    session.show(result, _detail)


def _detail(found: Any) -> None:
    show.line(f"Message {found['id']} from {found['sender'] or '<>'}, {show.size(found['size'])}")
    show.line(f"Received {show.moment(found['received_at'])}, trace {found['trace']}")
    if found["priority"]:
        show.line(f"Priority {found['priority']}")
    if found["deliver_by"]:
        show.line(f"To be delivered by {show.moment(found['deliver_by'])}")
    if found["require_tls"]:
        show.line("It may only go over verified TLS.")
    for row in found["recipients"]:
        show.line()
        show.line(f"{row['recipient']} ({row['state']}), recipient {row['row']}")
        show.line(f"  goes to     {row['destination']}, {show.count(row['attempts'], 'attempt')} so far")
        if row["not_before"]:
            show.line(f"  not before  {show.moment(row['not_before'])}")
        if row["state"] != "held":
            show.line(f"  next try    {_when(max(row['due_at'], row['down_until']))}")
        show.line(f"  given up    {show.moment(row['expires_at'])}")
        if row["reason"]:
            show.line(f"  last reply  {row['reason']}")
    if "header" in found:
        show.line()
        for line in found["header"].splitlines():
            show.line(line.expandtabs())


# ---------------------------------------------------------------------------------------- steering


def _selecting(function: Function) -> Function:
    """The messages by their ids, or which they are."""
    for option in (
        click.option("--all", "all_", is_flag=True, help="Everything that waits."),
        click.option(
            "--row", type=int, metavar="NUMBER", help="One recipient, by its number in `queue show`."
        ),
    ):
        function = option(function)
    return click.argument("ids", type=int, nargs=-1, metavar="[ID]...")(_filters(function))


def _wanted(
    ids: tuple[int, ...], row: int | None, all_: bool, filters: dict[str, str | None]
) -> dict[str, Any]:
    wanted = _given(ids=list(ids), row=row, all=all_, **filters)
    if not wanted:
        raise CommandError("invalid", "It was not said which mail is meant.", "Give ids, a filter, or --all.")
    return wanted


def _steer(session: Session, verb: str, wanted: dict[str, Any], told: str) -> None:
    result = session.call(f"queue.{verb}", wanted)

    def words(done: Any) -> None:
        recipients, messages = (
            show.count(done["recipients"], "recipient"),
            show.count(done["messages"], "message"),
        )
        show.line(f"{recipients} of {messages} {told}.")
        if done["delivering"]:
            show.line(f"{show.count(done['delivering'], 'recipient')} left alone: delivery is under way.")

    session.show(result, words)


def _ask(session: Session, wanted: dict[str, Any], question: str, yes: bool) -> None:
    """For what cannot be taken back: count first, then ask."""
    if yes or session.as_json or not sys.stdin.isatty():
        return
    given = {name: value for name, value in wanted.items() if name != "all"}
    found = session.call("queue.count", given)
    number = _counted(found["recipients"], found["more"])
    if not click.confirm(f"{question} (recipients: {number})", err=True):
        raise click.Abort


def _simple(verb: str, told: str, text: str) -> None:
    def run(
        session: Session, ids: tuple[int, ...], row: int | None, all_: bool, **filters: str | None
    ) -> None:
        _steer(session, verb, _wanted(ids, row, all_, filters), told)

    run.__doc__ = text
    command(queue, verb, f"queue.{verb}")(_selecting(run))


def _final(verb: str, told: str, question: str, text: str) -> None:
    def run(
        session: Session, ids: tuple[int, ...], row: int | None, all_: bool, yes: bool, **filters: str | None
    ) -> None:
        wanted = _wanted(ids, row, all_, filters)
        _ask(session, wanted, question, yes)
        _steer(session, verb, wanted, told)

    run.__doc__ = text
    asked = click.option("--yes", is_flag=True, help="Do not ask.")(_selecting(run))
    command(queue, verb, f"queue.{verb}", "queue.count")(asked)


_simple("hold", "held", "Hold waiting mail: it is not tried until it is released.")
_simple("release", "released", "Let mail go that is held.")
_simple(
    "retry",
    "due now",
    "Try waiting mail now, also mail that is held.\n\n"
    "What is to be sent later waits for its time unless it is named by its id.",
)
_final(
    "bounce",
    "given up: the senders are told",
    "Give up this mail and tell its senders?",
    "Give up waiting mail: its senders get a notice.",
)
_final(
    "delete",
    "deleted",
    "Delete this mail for good, without telling anybody?",
    "Delete waiting mail for good. Nobody is told.",
)


def _destination(name: str | None, all_: bool) -> str:
    if bool(name) == all_:
        raise CommandError(
            "invalid", "Which destination?", "Give one (a domain, route:ID or local), or --all."
        )
    return name or "*"


def _pausing(verb: str, words: Callable[[str], str], text: str) -> None:
    def run(session: Session, destination: str | None, all_: bool) -> None:
        result = session.call(f"queue.{verb}", {"destination": _destination(destination, all_)})

        def told(done: Any) -> None:
            show.line(words(done["destination"].removeprefix("mx:")))
            for route in done["routes"]:
                show.line(f"Mail that takes route {route} still leaves: posthouse queue pause route:{route}")

        session.show(result, told)

    run.__doc__ = text
    with_all = click.option("--all", "all_", is_flag=True, help="Every destination.")(run)
    command(queue, verb, f"queue.{verb}")(click.argument("destination", required=False)(with_all))


_pausing(
    "pause",
    lambda name: (
        "Nothing is delivered any more; mail is taken and waits."
        if name == "*"
        else f"{name} is paused: mail for it is taken and waits."
    ),
    "Stop delivery to DESTINATION: mail for it is taken and waits.",
)
_pausing(
    "resume",
    lambda name: "Delivery goes on." if name == "*" else f"Delivery to {name} goes on.",
    "Deliver to DESTINATION again.",
)
