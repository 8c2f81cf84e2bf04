"""``posthouse folder``: public folders and rights on folders; ``posthouse shared-mailbox``: mail of several people."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session

_OF = click.option("--of", default="", help="The account whose folder it is; left out for public folders.")


@click.group()
def folder() -> None:
    """Public folders, and who may do what in whose folders."""


@click.group(name="shared-mailbox")
def shared_mailbox() -> None:
    """Addresses whose mail several people read and answer together."""


def _entries(entries: Any) -> str:
    return ", ".join(f"{entry['who']} {entry['rights']}" for entry in entries)


def _folder(found: Any) -> None:
    marks = "own" if found["own_marks"] else "common"
    show.line(f"{found['name']}: {found['messages']} messages, read marks {marks}")
    rows = [(entry["who"], entry["rights"]) for entry in found["entries"]]
    show.table(("WHO", "RIGHTS"), rows, "Nobody else has rights there.")


@command(folder, "list", "folder.list")
@_OF
def list_(session: Session, of: str) -> None:
    """List the public folders, or those of an account, and who may do what there."""

    def words(found: Any) -> None:
        rows = [
            (
                row["name"],
                str(row["messages"]),
                "own" if row["own_marks"] else "common",
                _entries(row["entries"]),
            )
            for row in found["folders"]
        ]
        show.table(("FOLDER", "MESSAGES", "READ MARKS", "RIGHTS"), rows, "There are no folders.")

    session.show(session.call("folder.list", {"of": of}), words)


@command(folder, "add", "folder.add")
@click.argument("name")
def add(session: Session, name: str) -> None:
    """Make the public folder NAME. Nobody sees it until rights are given."""
    session.show(session.call("folder.add", {"name": name}), _folder)


@command(folder, "remove", "folder.remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(session: Session, name: str, yes: bool) -> None:
    """Remove the public folder NAME with its messages."""
    if not yes:
        click.confirm(f"Remove the public folder {name} with all its messages?", abort=True, err=True)
    result = session.call("folder.remove", {"name": name})
    session.show(result, lambda found: show.line(f"Removed {found['name']}, {found['messages']} messages."))


@command(folder, "acl", "folder.set_rights")
@click.argument("name")
@click.argument("who")
@click.argument("rights")
@_OF
def acl(session: Session, name: str, who: str, rights: str, of: str) -> None:
    """Say what WHO (an address, $GROUP or anyone) may do in the folder NAME: letters of RFC 4314, or read, write, all,
    none."""
    wanted = {"name": name, "who": who, "rights": rights, "of": of}
    session.show(session.call("folder.set_rights", wanted), _folder)


@command(folder, "marks", "folder.set_marks")
@click.argument("name")
@click.argument("kind", type=click.Choice(("own", "common")))
@_OF
def marks(session: Session, name: str, kind: str, of: str) -> None:
    """Let everybody have their own read marks in the folder NAME, or keep them in common."""
    wanted = {"name": name, "own": kind == "own", "of": of}
    session.show(session.call("folder.set_marks", wanted), _folder)


@command(folder, "show", "folder.show")
@click.argument("name")
@_OF
def show_(session: Session, name: str, of: str) -> None:
    """Show who may do what in the folder NAME."""
    session.show(session.call("folder.show", {"name": name, "of": of}), _folder)


@command(folder, "leave", "folder.leave")
@click.argument("address")
@click.argument("name")
def leave(session: Session, address: str, name: str) -> None:
    """Take the folder NAME, as `folder shared-with` shows it, out of what ADDRESS sees."""
    result = session.call("folder.leave", {"of": address, "name": name})
    session.show(result, lambda found: show.line(f"{address} no longer sees {found['name']}."))


@command(folder, "shared-with", "folder.shared_with")
@click.argument("address")
def shared_with(session: Session, address: str) -> None:
    """List the folders of others that ADDRESS sees."""

    def words(found: Any) -> None:
        rows = [(row["name"], row["rights"]) for row in found["folders"]]
        show.table(("FOLDER", "RIGHTS"), rows, "Nobody shares a folder with them.")

    session.show(session.call("folder.shared_with", {"of": address}), words)


def _mailbox(found: Any) -> None:
    show.line(f"{found['address']}: read marks {'own' if found['own_marks'] else 'common'}")
    show.line(f"What members send in its name is {'kept' if found['keep_sent'] else 'not kept'} there.")
    rows = [(entry["who"], entry["rights"]) for entry in found["members"]]
    show.table(("MEMBER", "RIGHTS"), rows, "It has no members.")


@command(shared_mailbox, "list", "shared_mailbox.list")
def list_shared(session: Session) -> None:
    """List the shared mailboxes with their members."""

    def words(found: Any) -> None:
        rows = [(row["address"], _entries(row["members"])) for row in found["mailboxes"]]
        show.table(("ADDRESS", "MEMBERS"), rows, "There are no shared mailboxes.")

    session.show(session.call("shared_mailbox.list", {}), words)


@command(shared_mailbox, "add", "shared_mailbox.add")
@click.argument("address")
@click.option("--member", "members", multiple=True, help="An address or $GROUP; may be given several times.")
@click.option("--send-as/--no-send-as", default=True, help="Whether members may send as ADDRESS.")
@click.option("--own-marks", is_flag=True, help="Everybody has their own read marks.")
def add_shared(
    session: Session, address: str, members: tuple[str, ...], send_as: bool, own_marks: bool
) -> None:
    """Make the shared mailbox ADDRESS with its members."""
    wanted = {"address": address, "members": list(members), "send_as": send_as, "own_marks": own_marks}
    session.show(session.call("shared_mailbox.add", wanted), _mailbox)


@command(shared_mailbox, "member", "shared_mailbox.set_member")
@click.argument("address")
@click.argument("who")
@click.argument("rights", default="member")
@click.option("--send-as/--no-send-as", default=True, help="Whether they may send as ADDRESS.")
def member(session: Session, address: str, who: str, rights: str, send_as: bool) -> None:
    """Make WHO a member of the shared mailbox ADDRESS, with the usual rights or RIGHTS; none takes them out."""
    wanted = {"address": address, "who": who, "rights": rights, "send_as": send_as}
    session.show(session.call("shared_mailbox.set_member", wanted), _mailbox)


@command(shared_mailbox, "show", "shared_mailbox.show")
@click.argument("address")
def show_shared(session: Session, address: str) -> None:
    """Show the shared mailbox ADDRESS and its members."""
    session.show(session.call("shared_mailbox.show", {"address": address}), _mailbox)


@command(shared_mailbox, "set", "shared_mailbox.set")
@click.argument("address")
@click.option("--own-marks/--common-marks", default=None, help="Whose read marks count, in every folder.")
@click.option("--keep-sent/--no-keep-sent", default=None, help="Whether it keeps what is sent in its name.")
def set_shared(session: Session, address: str, own_marks: bool | None, keep_sent: bool | None) -> None:
    """Change the shared mailbox ADDRESS."""
    wanted = {"address": address, "own_marks": own_marks, "keep_sent": keep_sent}
    session.show(session.call("shared_mailbox.set", wanted), _mailbox)
