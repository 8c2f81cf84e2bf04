"""``posthouse domain``: the domains this server takes mail for, their other names and what holds in them."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session


@click.group()
def domain() -> None:
    """The domains this server takes mail for."""


@command(domain, "add", "domain.add")
@click.argument("name")
@click.option("--template", default="", metavar="NAME", help="Make it like the template of this name.")
def add(session: Session, name: str, template: str) -> None:
    """Take mail for the domain NAME from now on."""
    result = session.call("domain.add", {"name": name, "template": template})
    session.show(result, lambda added: show.line(f"Added domain {added['name']}."))


@command(domain, "list", "domain.list")
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in the name.")
def list_(session: Session, search: str) -> None:
    """List the domains."""
    result = every_page(session, "domain.list", "domains", {"search": search})
    session.show(
        result,
        lambda found: show.table(
            ("DOMAIN", "ACCOUNTS", "ALIASES", "STATE"),
            [
                (row["name"], row["accounts"], row["aliases"], "active" if row["active"] else "off")
                for row in found["domains"]
            ],
            "No domains yet: posthouse domain add NAME",
        ),
    )


@command(domain, "show", "domain.show")
@click.argument("name")
def show_(session: Session, name: str) -> None:
    """Show what the domain NAME holds and what holds in it."""
    session.show(session.call("domain.show", {"name": name}), _details)


def _details(found: Any) -> None:
    held = show.count(found["accounts"], "account")
    show.line(f"{found['name']}: {held}, {show.count(found['aliases'], 'alias')}.")
    rows = [
        ("state", "active" if found["active"] else "off: no mail is taken, nobody signs in"),
        ("other names", ", ".join(found["others"]) or "none"),
        ("plus sign", found["plus"] or "none"),
        ("detail chooses folder", "yes" if found["plus_folder"] else "no"),
        ("mail for nobody goes to", found["catch_all"] or "nobody"),
        ("postmaster", found["postmaster"] or "the first account"),
        *((words, show.quota(found[key])) for key, words in _SIZE_WORDS),
        *((words, str(found[key] or "none")) for key, words in _COUNT_WORDS),
        ("new accounts: quota", show.quota(found["quota"])),
        ("new accounts: language", found["language"] or "the server's"),
        ("new accounts: time zone", found["time_zone"] or "the server's"),
        ("new accounts: sign in by", ", ".join(found["protocols"]) or "everything"),
    ]
    show.table(("PROPERTY", "VALUE"), rows, "")


_SIZE_WORDS = (
    ("max_size", "most of all mailboxes"),
    ("max_message", "largest message"),
    ("max_account", "largest quota"),
)
_COUNT_WORDS = (
    ("max_accounts", "most accounts"),
    ("max_aliases", "most aliases"),
    ("max_lists", "most lists"),
)


@command(domain, "set", "domain.set")
@click.argument("name")
@click.option("--active/--off", default=None, help="Take mail and let people sign in, or do not.")
@click.option(
    "--plus", metavar="CHAR", help="The character before a detail, e.g. + or -; none for no details."
)
@click.option("--plus-folder/--no-plus-folder", default=None, help="A detail chooses the folder of its name.")
@click.option("--catch-all", metavar="ADDRESS", help="Who gets mail for nobody; none for nobody.")
@click.option(
    "--postmaster", metavar="ADDRESS", help="Who gets the postmaster's mail; none: the first account."
)
@click.option("--max-size", metavar="SIZE", help="Most that all mailboxes hold together, e.g. 100G, or none.")
@click.option("--max-message", metavar="SIZE", help="Largest message sent or taken, e.g. 25M, or none.")
@click.option("--max-account", metavar="SIZE", help="Largest quota of an account, or none.")
@click.option("--max-accounts", type=int, metavar="COUNT", help="Most accounts; 0 for no limit.")
@click.option("--max-aliases", type=int, metavar="COUNT", help="Most aliases; 0 for no limit.")
@click.option("--max-lists", type=int, metavar="COUNT", help="Most lists; 0 for no limit.")
@click.option("--quota", metavar="SIZE", help="Quota of new accounts, or none.")
@click.option("--language", metavar="LANGUAGE", help="Language of new accounts, e.g. de; none: the server's.")
@click.option("--time-zone", metavar="ZONE", help="Time zone of new accounts; none: the server's.")
@click.option(
    "--protocols", metavar="LIST", help="What new accounts sign in by, e.g. imap,submission; or all."
)
def set_(session: Session, name: str, protocols: str | None, **given: Any) -> None:
    """Change what holds in the domain NAME. What is not given stays."""
    wanted = {key: value for key, value in given.items() if value is not None}
    for key in ("plus", "catch_all", "postmaster", "language", "time_zone"):
        if wanted.get(key) == "none":
            wanted[key] = ""
    if protocols is not None:
        wanted["protocols"] = [] if protocols == "all" else protocols.split(",")
    session.show(session.call("domain.set", {"name": name, **wanted}), _details)


@command(domain, "rename", "domain.rename")
@click.argument("name")
@click.argument("new")
@click.option(
    "--keep/--drop", default=True, help="Keep the old name as another name of the domain, or give it up."
)
def rename(session: Session, name: str, new: str, keep: bool) -> None:
    """Give the domain NAME the name NEW, with all addresses in it."""
    result = session.call("domain.rename", {"name": name, "new": new, "keep": keep})
    session.show(result, lambda now: _renamed(now, keep))


def _renamed(now: Any, keep: bool) -> None:
    show.line(f"The domain is {now['name']} now" + (", and has its old name besides." if keep else "."))
    show.line(f"Its DNS records, those of its keys too: posthouse dns records {now['name']}")


@command(domain, "remove", "domain.remove")
@click.argument("name")
@click.option("--everything", is_flag=True, help="With all accounts and aliases in it.")
@click.option("--purge", is_flag=True, help="For good, at once: it cannot be restored.")
def remove(session: Session, name: str, everything: bool, purge: bool) -> None:
    """Take no more mail for the domain NAME; it can be restored for some days (setting directory.removed_days)."""
    result = session.call("domain.remove", {"name": name, "everything": everything, "purge": purge})
    session.show(result, lambda removed: show.line(f"Removed domain {removed['name']}."))


@domain.group()
def name() -> None:
    """Other names of a domain."""


@command(name, "add", "domain.name_add")
@click.argument("name_")
@click.argument("other")
def name_add(session: Session, name_: str, other: str) -> None:
    """Let the domain NAME have the name OTHER, too."""
    result = session.call("domain.name_add", {"name": name_, "other": other})
    session.show(result, lambda now: show.line(f"{now['name']} is also {', '.join(now['others'])}."))


@command(name, "remove", "domain.name_remove")
@click.argument("name_")
@click.argument("other")
def name_remove(session: Session, name_: str, other: str) -> None:
    """Take the name OTHER from the domain NAME: mail to it is refused from then on."""
    result = session.call("domain.name_remove", {"name": name_, "other": other})
    session.show(
        result, lambda now: show.line(f"{now['name']} has {show.count(len(now['others']), 'other name')}.")
    )


@domain.group()
def template() -> None:
    """Templates that new domains are made from."""


@command(template, "list", "domain.templates")
def templates(session: Session) -> None:
    """List the templates."""
    session.show(
        session.call("domain.templates", {}),
        lambda found: show.table(
            ("TEMPLATE", "LARGEST QUOTA", "MOST ACCOUNTS", "QUOTA"),
            [
                (
                    row["template"],
                    show.quota(row["max_account"]),
                    row["max_accounts"] or "none",
                    show.quota(row["quota"]),
                )
                for row in found["templates"]
            ],
            "No templates yet: posthouse domain template save NAME DOMAIN",
        ),
    )


@command(template, "save", "domain.template_save")
@click.argument("template_")
@click.argument("domain_")
def template_save(session: Session, template_: str, domain_: str) -> None:
    """Keep what holds in DOMAIN as the template TEMPLATE."""
    result = session.call("domain.template_save", {"template": template_, "domain": domain_})
    session.show(result, lambda made: show.line(f"Saved template {made['template']}."))


@command(template, "remove", "domain.template_remove")
@click.argument("template_")
def template_remove(session: Session, template_: str) -> None:
    """Remove the template TEMPLATE. Domains made from it stay as they are."""
    result = session.call("domain.template_remove", {"template": template_})
    session.show(result, lambda gone: show.line(f"Removed template {gone['template']}."))
