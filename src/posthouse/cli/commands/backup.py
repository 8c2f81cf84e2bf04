"""``posthouse backup``: making, checking and restoring backups."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session

_KEY_FILE = click.option(
    "--key-file",
    metavar="FILE",
    help="A file with the recovery key or the passphrase; - reads it from standard input.",
)
_PLACE = click.option("--place", metavar="PLACE", help="Another place than the setting backup.place.")


@click.group()
def backup() -> None:
    """Backups: encrypted, made while mail flows, restored as a whole or in part."""


@command(backup, "init", "backup.init")
@click.argument("place", required=False)
@click.option(
    "--passphrase-file", metavar="FILE", help="Protect by the passphrase in FILE (- for standard input)."
)
@click.option(
    "--unprotected", is_flag=True, help="Leave the key beside the backups: whoever has them can read them."
)
@click.option("--adopt", is_flag=True, help="Go on with the backups that are there (needs --key-file).")
@click.option(
    "--force",
    is_flag=True,
    help="Begin in another place, with another recovery key, although backups are set up already.",
)
@_KEY_FILE
def init(
    session: Session,
    place: str | None,
    passphrase_file: str | None,
    unprotected: bool,
    adopt: bool,
    force: bool,
    key_file: str | None,
) -> None:
    """Begin to keep backups in PLACE, a folder or s3://bucket/prefix.

    Prints the recovery key, which alone can read them. It is shown once: write it down, away from this machine.
    """
    if sum((bool(passphrase_file), unprotected, adopt)) > 1:
        raise CommandError(
            "invalid",
            "--passphrase-file, --unprotected and --adopt exclude one another.",
            "Give one of them.",
        )
    protection = "passphrase" if passphrase_file else "none" if unprotected else "key"
    result = session.call(
        "backup.init",
        {
            "place": _absolute(place),
            "protection": protection,
            "passphrase": _secret(passphrase_file),
            "adopt": adopt,
            "force": force,
            "key": _secret(key_file),
        },
    )

    def words(done: Any) -> None:
        show.line(f"Backups are kept in {done['place']}.")
        if done["recovery_key"]:
            show.line()
            show.line("The recovery key. Without it no backup can be restored; nobody else has it:")
            show.line()
            show.line(f"    {done['recovery_key']}")
            show.line()
        if done["protection"] == "none":
            show.line("The key also lies beside the backups: whoever can read that place can read all mail.")
        show.line("Next: `posthouse backup run`, and a schedule: `posthouse setting set backup.times 03:15`.")

    session.show(result, words)


@command(backup, "run", "backup.run")
def run(session: Session) -> None:
    """Make a backup now. Only what no earlier one holds is written."""
    result = _long(session, "backup.run", {})

    def words(done: Any) -> None:
        show.line(
            f"Backup {done['id']}: {show.count(done['messages'], 'message')} of "
            f"{show.count(done['accounts'], 'account')}, {show.size(done['bytes'])}; "
            f"{show.size(done['new_bytes'])} in {show.count(done['new_objects'], 'file')} were new."
        )
        if done["lost"]:
            show.line(f"{show.count(done['lost'], 'message')} could not be read: see `posthouse verify`.")

    session.show(result, words)


@command(backup, "list", "backup.list")
@_PLACE
@_KEY_FILE
def list_(session: Session, place: str | None, key_file: str | None) -> None:
    """List the backups, newest first."""
    result = session.call("backup.list", {"place": _absolute(place), "key": _secret(key_file)})

    def words(found: Any) -> None:
        show.table(
            ("ID", "MADE", "ACCOUNTS", "MESSAGES", "SIZE", "NEW", "TROUBLE"),
            [
                (
                    row["id"],
                    show.moment(row["started"]),
                    row["accounts"],
                    row["messages"],
                    show.size(row["bytes"]),
                    show.size(row["new_bytes"]),
                    row["trouble"] or (f"{row['lost']} lost" if row["lost"] else ""),
                )
                for row in found["backups"]
            ],
            "There are no backups yet.",
        )

    session.show(result, words)


@command(backup, "show", "backup.show")
@click.argument("id", required=False)
@_PLACE
@_KEY_FILE
def show_(session: Session, id: str | None, place: str | None, key_file: str | None) -> None:
    """Show what is in a backup (the newest one if none is named)."""
    wanted = {"id": id, "place": _absolute(place), "key": _secret(key_file)}

    def words(found: Any) -> None:
        show.line(f"Backup {found['id']} of {found['hostname']}, made {show.moment(found['started'])}")
        show.line(
            f"by posthouse {found['program']}: {show.count(found['bodies'], 'different message')}, "
            f"{show.size(found['bytes'])}."
        )
        show.line(f"Domains: {', '.join(found['domains']) or 'none'}")
        show.table(
            ("ACCOUNT", "MAILBOXES", "MESSAGES", "SIZE"),
            [
                (row["address"], row["mailboxes"], row["messages"], show.size(row["bytes"]))
                for row in found["accounts"]
            ],
            "No accounts.",
        )

    session.show(session.call("backup.show", wanted), words)


@command(backup, "verify", "backup.verify")
@click.argument("id", required=False)
@click.option("--mend", is_flag=True, help="Remove damaged files, so that the next backup writes them again.")
@_PLACE
@_KEY_FILE
def verify(session: Session, id: str | None, mend: bool, place: str | None, key_file: str | None) -> None:
    """Check that every file of a backup is there and whole, without restoring it.

    With the recovery key what the files hold is checked as well. Exits with 6 if anything is wrong.
    """
    wanted = {"id": id, "place": _absolute(place), "key": _secret(key_file), "mend": mend}
    result = _long(session, "backup.verify", wanted)

    def words(found: Any) -> None:
        for text in found["errors"]:
            show.line(f"error: {text}")
        depth = "files and what they hold" if found["content"] else "files (without the recovery key)"
        verdict = f"{show.count(found['error_count'], 'error')}." if found["error_count"] else "all is well."
        show.line(f"Backup {found['id']}: checked {found['objects']} {depth}: {verdict}")

    session.show(result, words)
    if result["error_count"]:
        raise CommandError(
            "findings",
            f"{show.count(result['error_count'], 'error')} found.",
            "Restore from another backup, or run verify --mend and then `posthouse backup run`.",
        )


@command(backup, "restore", "backup.restore")
@click.argument("id", required=False)
@click.option(
    "--at", metavar="DATE", help="The newest backup of that moment: 2026-11-20 or 2026-11-20T08:30."
)
@click.option("--domain", help="Only this domain.")
@click.option("--account", metavar="ADDRESS", help="Only this account.")
@click.option("--folder", help="Only this folder of the account, with those below.")
@click.option("--uid", type=int, help="Only the message of this UID in the folder.")
@click.option("--mode", type=click.Choice(["auto", "merge", "exact"]), default="auto", show_default=True)
@click.option("--flags", is_flag=True, help="Messages that are there get the flags they had.")
@click.option(
    "--skip-damaged", is_flag=True, help="Leave out messages whose files in the backup are damaged."
)
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@_PLACE
@_KEY_FILE
def restore(
    session: Session,
    id: str | None,
    key_file: str | None,
    place: str | None,
    **wanted: Any,
) -> None:
    """Put back what a backup holds (the newest one if none is named).

    Onto an empty server everything comes back exactly as it was; else what is missing is added, and nothing is deleted.
    """
    key = _secret(key_file)
    if key_file is None and sys.stdin.isatty():
        key = click.prompt(
            "Recovery key (empty if it lies beside the backups)", hide_input=True, default="", err=True
        )
    result = _long(session, "backup.restore", {**wanted, "id": id, "place": _absolute(place), "key": key})

    def words(found: Any) -> None:
        for text in found["changes"]:
            show.line(text)
        if found["change_count"] > len(found["changes"]):
            show.line(f"... and {found['change_count'] - len(found['changes'])} more.")
        verb = "would be put back" if found["dry_run"] else "put back"
        show.line(
            f"Of backup {found['id']} ({show.moment(found['made_at'])}), {found['mode']}: "
            f"{show.count(found['accounts'], 'account')}, {show.count(found['messages'], 'message')} {verb}."
        )
        if found["lost"]:
            show.line(f"{show.count(found['lost'], 'message')} could not be had: their files were damaged.")

    session.show(result, words)


@command(backup, "prune", "backup.prune")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def prune(session: Session, dry_run: bool) -> None:
    """Remove backups that the settings backup.keep_* do not keep."""
    result = session.call("backup.prune", {"dry_run": dry_run})

    def words(done: Any) -> None:
        verb = "would go" if done["dry_run"] else "removed"
        for each in done["backups"]:
            show.line(each)
        show.line(
            f"{show.count(len(done['backups']), 'backup')} and {show.count(done['objects'], 'file')} "
            f"({show.size(done['bytes'])}) {verb}."
        )

    session.show(result, words)


@command(backup, "status", "backup.status")
def status(session: Session) -> None:
    """Show how the last backup went and when the next one is due."""

    def words(found: Any) -> None:
        if not found["ready"]:
            show.line("No backups are made: begin with `posthouse backup init PLACE`.")
        else:
            show.line(f"Place      {found['place']}")
            last = f"{show.moment(found['last_at'])} {'worked' if found['last_ok'] else 'failed'}"
            show.line(f"Last       {last if found['last_at'] else 'never'} {found['last_error']}".rstrip())
            show.line(f"Last good  {show.moment(found['good_at'])}")
            show.line(f"Next       {show.moment(found['next_at'])}")
        if found["running"]:
            show.line(f"Now        {found['running']}")
        if found["restoring"]:
            show.line(f"The restore of {found['restoring']} has not ended: run it again.")

    session.show(session.call("backup.status"), words)


def _long(session: Session, use: str, wanted: dict[str, Any]) -> Any:
    """A use that takes its time: progress on a terminal."""
    drawn = not session.as_json and sys.stderr.isatty()
    listen: Callable[[Any], None] | None = _progress if drawn else None
    result = session.call(use, wanted, listen)
    if drawn:
        click.echo("\r\x1b[K", err=True, nl=False)
    return result


def _progress(value: Any) -> None:
    total = f" of {value['total']}" if value["total"] else ""
    click.echo(f"\r\x1b[K{show.safe(value['text'])} {value['done'] or ''}{total}", err=True, nl=False)


def _secret(file: str | None) -> str | None:
    """The first line of a file, or of standard input. Raises CommandError."""
    if file is None:
        return None
    try:
        text = sys.stdin.readline() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            "invalid", f"{file} cannot be read: {error}.", "Name a file with the key in it."
        ) from None
    lines = text.strip().splitlines()
    if not lines:
        raise CommandError("invalid", f"{file} is empty.", "Put the key into its first line.")
    return lines[0]


def _absolute(place: str | None) -> str | None:
    """The server works in another folder than we do."""
    return place if place is None or place.startswith("s3://") else str(Path(place).absolute())
