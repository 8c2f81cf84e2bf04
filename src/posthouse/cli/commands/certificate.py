"""``posthouse certificate``: what TLS shows, where it comes from, and how long it lasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session


@click.group()
def certificate() -> None:
    """Certificates: ordered from an authority, given, or self-made."""


@command(certificate, "list", "certificate.list")
def list_(session: Session) -> None:
    """List the certificates with the days they have left."""
    result = session.call("certificate.list")
    session.show(result, _table)


def _table(found: Any) -> None:
    rows = found["certificates"]
    show.table(
        ("NAME", "HOSTS", "SOURCE", "STATE", "DAYS LEFT", "NEXT RENEWAL", "ISSUER"),
        [
            (
                row["name"],
                _some(row["hosts"]),
                row["source"],
                row["state"],
                row["days_left"] if row["not_after"] else "-",
                show.moment(row["next_renewal"]),
                row["issuer"],
            )
            for row in rows
        ],
        "No certificates.",
    )
    for row in rows:
        if row["complaint"]:
            show.line(f"{row['name']}: {row['complaint']}.")
        if row["last_error"]:
            show.line(
                f"{row['name']}: the last order failed {show.moment(row['failed_at'])}: {row['last_error']}. "
                f"Next try {show.moment(row['next_try'])}."
            )


@command(certificate, "show", "certificate.show")
@click.argument("name")
@click.option("--pem", is_flag=True, help="Print the chain in PEM.")
def show_(session: Session, name: str, pem: bool) -> None:
    """Show the certificate NAME: its number, a host name, `self-made`, or `file-1`."""
    result = session.call("certificate.show", {"name": name})
    session.show(result, lambda found: click.echo(found["chain"], nl=False) if pem else _words(found))


def _words(found: Any) -> None:
    show.line(f"Certificate {found['name']} ({found['source']}): {found['state']}")
    show.line(f"  for {', '.join(found['hosts'])}")
    if found["complaint"]:
        show.line(f"  {found['complaint']}.")
    if found["not_after"]:
        show.line(f"  issued by {found['issuer']}")
        days = show.count(found["days_left"], "day")
        show.line(
            f"  from {show.moment(found['not_before'])} to {show.moment(found['not_after'])} ({days} left)"
        )
        show.line(f"  SHA-256 {found['fingerprint']}")
    if found["next_renewal"]:
        show.line(f"  next renewal {show.moment(found['next_renewal'])}, proof {found['challenge']}")
    if found["window_end"]:
        begin, end = show.moment(found["window_begin"]), show.moment(found["window_end"])
        show.line(f"  the authority suggests {begin} to {end}")
    if found["last_error"]:
        show.line(f"  last error {show.moment(found['failed_at'])}: {found['last_error']}")
        show.line(f"  next try {show.moment(found['next_try'])}")


@command(certificate, "order", "certificate.order")
@click.argument("hosts", nargs=-1, required=True)
@click.option(
    "--challenge",
    type=click.Choice(["automatic", "http-01", "tls-alpn-01", "dns-01"]),
    default="automatic",
    show_default=True,
    help="How control over the names is proven.",
)
def order(session: Session, hosts: tuple[str, ...], challenge: str) -> None:
    """Order one certificate for HOSTS from the authority. Wildcards (`*.example.org`) are proven by dns-01."""
    wanted = {"hosts": list(hosts), "challenge": challenge}
    result = session.call("certificate.order", wanted, _progress(session))
    session.show(result, _words)


@command(certificate, "ways", "certificate.ways")
@click.argument("hosts", nargs=-1)
def ways(session: Session, hosts: tuple[str, ...]) -> None:
    """Tell by which proofs a certificate for HOSTS can be ordered, and what stands in the way of the others."""
    result = session.call("certificate.ways", {"hosts": list(hosts)})

    def words(found: Any) -> None:
        show.table(
            ("PROOF", "CAN BE TRIED", "WHY NOT"),
            [(row["kind"], "no" if row["obstacle"] else "yes", row["obstacle"]) for row in found["ways"]],
            "",
        )

    session.show(result, words)


@command(certificate, "renew", "certificate.renew")
@click.argument("name")
def renew(session: Session, name: str) -> None:
    """Order the certificate NAME anew now."""
    session.show(session.call("certificate.renew", {"name": name}, _progress(session)), _words)


@command(certificate, "add", "certificate.add")
@click.argument("chain", type=click.Path(path_type=Path))
@click.argument("key", type=click.Path(path_type=Path), required=False)
@click.option("--now", is_flag=True, help="For good at once, without waiting to be confirmed.")
def add(session: Session, chain: Path, key: Path | None, now: bool) -> None:
    """Add a certificate: the PEM file CHAIN, and KEY unless the key stands in CHAIN, too."""
    wanted = {"chain": _text(chain), "key": _text(key) if key is not None else "", "now": now}
    session.show(session.call("certificate.add", wanted), _changed)


@command(certificate, "remove", "certificate.remove")
@click.argument("name")
@click.option("--now", is_flag=True, help="For good at once, without waiting to be confirmed.")
def remove(session: Session, name: str, now: bool) -> None:
    """Remove the certificate NAME with its key."""
    result = session.call("certificate.remove", {"name": name, "now": now})

    def words(changed: Any) -> None:
        show.line(f"Removed certificate {changed['certificate']['name']}.")
        _probation(changed)

    session.show(result, words)


@command(certificate, "self-made", "certificate.self_made")
@click.option("--now", is_flag=True, help="For good at once, without waiting to be confirmed.")
def self_made(session: Session, now: bool) -> None:
    """Make the server's self-made certificate anew, with a new key."""
    session.show(session.call("certificate.self_made", {"now": now}), _changed)


@command(certificate, "account", "certificate.account")
def account(session: Session) -> None:
    """Show the account with the authority, and where its terms of service stand."""
    session.show(session.call("certificate.account"), _account)


@command(certificate, "agree", "certificate.agree")
@click.option("--yes/--no", "agreed", default=None, help="Whether you agree to the terms of service.")
@click.option("--contact", metavar="ADDRESSES", help="Where the authority may write to.")
def agree(session: Session, agreed: bool | None, contact: str | None) -> None:
    """Agree to the authority's terms of service. Read them first: `posthouse certificate account`."""
    if agreed is None:
        raise CommandError("invalid", "Say whether you agree.", "Give --yes, or --no to take it back.")
    session.show(session.call("certificate.agree", {"agreed": agreed, "contact": contact}), _account)


@command(certificate, "account-key", "certificate.account_key")
def account_key(session: Session) -> None:
    """Give the account with the authority a new key."""
    session.show(session.call("certificate.account_key"), _account)


@command(certificate, "account-close", "certificate.account_close")
@click.confirmation_option(prompt="Close the account with the authority for good?")
def account_close(session: Session) -> None:
    """Close the account with the authority for good. Certificates stay valid until they expire."""
    session.show(session.call("certificate.account_close"), _account)


def _account(found: Any) -> None:
    show.line(f"Authority  {found['directory']}")
    show.line(f"Terms      {found['terms'] or '-'} ({'agreed to' if found['agreed'] else 'not agreed to'})")
    show.line(f"Contact    {', '.join(found['contact']) or '-'}")
    show.line(f"Account    {found['account'] or 'none yet'}")
    if found["needs_binding"]:
        show.line("It takes orders from registered customers only: certificates.eab_key_id, eab_hmac_key.")
    if found["complaint"]:
        show.line(found["complaint"])


def _changed(changed: Any) -> None:
    _words(changed["certificate"])
    _probation(changed)


def _probation(changed: Any) -> None:
    if changed["probation"]:
        show.line(
            f"On probation: taken back unless confirmed with `posthouse probation confirm {changed['probation']}`."
        )


def _progress(session: Session) -> Any:
    def progress(value: Any) -> None:
        if not session.as_json:
            click.echo(f"{show.safe(value['text'])} ...", err=True)

    return progress


def _some(hosts: list[str]) -> str:
    more = f" and {len(hosts) - 3} more" if len(hosts) > 3 else ""
    return ", ".join(hosts[:3]) + more


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(1024 * 1024).decode("ascii")
    except UnicodeDecodeError:
        mend = "Convert it: openssl x509 -inform DER -in FILE, or openssl pkcs12 -in FILE -nodes."
        raise CommandError("invalid", f"{path} is no PEM file.", mend) from None
    except OSError as error:
        raise CommandError(
            "missing", f"{path} cannot be read ({error.strerror}).", "Correct the path."
        ) from None
