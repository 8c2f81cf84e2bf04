"""``posthouse webhook``: telling other programs what happens."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import Function, command
from posthouse.cli.session import Session


@click.group()
def webhook() -> None:
    """Requests to other programs that tell them what happens."""


def _choices(function: Function) -> Function:
    for option in (
        click.option("--description", help="What it is for."),
        click.option("--account", metavar="ADDRESS", help="Only what concerns this account."),
        click.option("--domain", help="Only what concerns this domain."),
        click.option(
            "--kind",
            "kinds",
            multiple=True,
            help="Only this kind of event or those below it (message, message.received); several times for more.",
        ),
    ):
        function = option(function)
    return function


@command(webhook, "add", "webhook.add")
@click.argument("url")
@_choices
def add(session: Session, url: str, kinds: tuple[str, ...], **given: str | None) -> None:
    """Have events sent to URL. The secret they are signed with is shown once."""
    wanted = {name: value for name, value in given.items() if value is not None}
    _made(session, session.call("webhook.add", {"url": url, "kinds": list(kinds), **wanted}))


@command(webhook, "list", "webhook.list")
def list_(session: Session) -> None:
    """List the webhooks and how they are."""
    result = session.call("webhook.list")
    session.show(
        result,
        lambda found: show.table(
            ("ID", "STATE", "URL", "KINDS", "ONLY", "LAST TAKEN", "TROUBLE"),
            [
                (
                    row["id"],
                    row["state"],
                    row["url"],
                    " ".join(row["kinds"]) or "all",
                    row["account"] or row["domain"] or "-",
                    show.moment(row["taken_at"]),
                    row["off_reason"] or row["trouble"],
                )
                for row in found["webhooks"]
            ],
            "No webhooks yet: posthouse webhook add URL",
        ),
    )


@command(webhook, "show", "webhook.show")
@click.argument("id", type=int)
def show_(session: Session, id: int) -> None:
    """Show one webhook and how its deliveries went."""
    result = session.call("webhook.show", {"id": id})

    def words(found: Any) -> None:
        _about(found["about"])
        show.line(
            f"Deliveries: {found['waiting']} waiting, {found['taken']} taken, {found['dropped']} dropped"
        )

    session.show(result, words)


@command(webhook, "change", "webhook.change")
@click.argument("id", type=int)
@click.option("--url", help="Send to another URL.")
@_choices
@click.option("--all-kinds", is_flag=True, help="Send every kind of event.")
@click.option("--on/--off", "active", default=None, help="Switch it on or off; off drops what waits for it.")
@click.option("--new-secret", is_flag=True, help="Make another secret; it is shown once.")
def change(
    session: Session, id: int, kinds: tuple[str, ...], all_kinds: bool, new_secret: bool, **given: Any
) -> None:
    """Change a webhook; what is left out stays as it is."""
    wanted: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if kinds or all_kinds:
        wanted["kinds"] = list(kinds)
    _made(session, session.call("webhook.change", {"id": id, "new_secret": new_secret, **wanted}))


@command(webhook, "remove", "webhook.remove")
@click.argument("id", type=int)
def remove(session: Session, id: int) -> None:
    """Remove a webhook, with what still waits for it."""
    result = session.call("webhook.remove", {"id": id})
    session.show(result, lambda gone: show.line(f"Removed webhook {gone['id']} ({gone['url']})."))


@command(webhook, "test", "webhook.test")
@click.argument("id", type=int)
def test(session: Session, id: int) -> None:
    """Send a test event now and say what the receiver answered."""
    result = session.call("webhook.test", {"id": id})

    def words(done: Any) -> None:
        if done["taken"]:
            show.line(f"Taken: the receiver answered {done['status']} after {done['seconds']} seconds.")
        else:
            show.line(f"Not taken: {done['trouble']}.")

    session.show(result, words)


@command(webhook, "deliveries", "webhook.deliveries")
@click.argument("id", type=int)
@click.option("--limit", default=50, show_default=True, help="Show at most this many.")
@click.option("--after", default="", metavar="ID", help="Those older than this delivery.")
def deliveries(session: Session, id: int, limit: int, after: str) -> None:
    """List what was sent to a webhook and what waits for it, newest first."""
    result = session.call("webhook.deliveries", {"id": id, "limit": limit, "after": after})
    session.show(
        result,
        lambda found: show.table(
            ("ID", "QUEUE", "MADE", "EVENTS", "STATE", "TRIES", "LAST TRY", "STATUS", "TROUBLE"),
            [
                (
                    row["id"],
                    row["queue"],
                    show.moment(row["created_at"]),
                    f"{row['first_event']}-{row['last_event']} ({row['events']})",
                    row["state"],
                    row["attempts"],
                    show.moment(row["tried_at"]),
                    row["status"] or "-",
                    row["trouble"],
                )
                for row in found["deliveries"]
            ],
            "Nothing was sent to it yet.",
        ),
    )


def _made(session: Session, result: Any) -> None:
    def words(made: Any) -> None:
        _about(made["about"])
        if made["secret"]:
            show.line("Its secret, shown this once:")
            show.line(made["secret"])

    session.show(result, words)


def _about(about: Any) -> None:
    show.line(f"Webhook {about['id']} ({about['state']}) to {about['url']}")
    show.line(
        f"Sends {' '.join(about['kinds']) or 'every kind of event'}, made {show.moment(about['created_at'])}"
    )
    if about["account"] or about["domain"]:
        show.line(f"Only what concerns {about['account'] or about['domain']}")
    if about["description"]:
        show.line(about["description"])
    if about["off_reason"] or about["trouble"]:
        show.line(f"Trouble: {about['off_reason'] or about['trouble']}")
    if about["missed"]:
        show.line(
            f"{show.count(about['missed'], 'event')} missed: they were too old when there was room again."
        )
