"""Journals: copies of all mail of the server, or of a domain, for one address."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, journals
from posthouse.directory.journals import SERVER, Form, Mail
from posthouse.manage.audit import note
from posthouse.manage.use import Call, Nothing, use


class JournalOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose journal: a domain's; "" or ``server`` that of the whole server."""

    of: str = ""


class NewJournal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where copies go, and of what. ``of``: a domain; "" or ``server`` for the whole server. ``mail``: ``all``,
    ``incoming`` or ``outgoing``. ``form``: ``report`` (a report of the envelope with the message in it) or ``copy``
    (the message itself)."""

    address: str
    of: str = ""
    mail: Mail = "all"
    form: Form = "report"
    active: bool = True


class Journal(msgspec.Struct, frozen=True):
    """A journal; ``of`` is ``server`` or a domain."""

    of: str
    address: str
    mail: Mail
    form: Form
    active: bool


class Journals(msgspec.Struct, frozen=True):
    """All journals, the server's first."""

    journals: list[Journal]


WHOLE = "server"


@use("journal.list", right="view")
async def listing(call: Call, wanted: Nothing) -> Journals:
    """List where copies of all mail are sent."""

    def op(tx: Transaction) -> Journals:
        names = {each.id: each.name for each in admin.list_domains(tx)}
        found = [
            _shown(each, WHOLE if each.domain_id == SERVER else names.get(each.domain_id, ""))
            for each in journals.everything(tx)
        ]
        return Journals(found)

    return await call.context.database.scan(op)


@use("journal.set", right="change")
async def put(call: Call, wanted: NewJournal) -> Journal:
    """Send copies of all mail of the server or a domain to an address. Nobody who writes or receives is told."""

    def op(tx: Transaction) -> Journal:
        domain_id, name = _whose(tx, wanted.of)
        before = journals.find(tx, domain_id)
        made = journals.put(
            tx,
            journals.Journal(domain_id, wanted.address, wanted.mail, wanted.form, wanted.active),
            feed=call.context.feed,
        )
        note(tx, call.actor, "journal.set", name, before=_told(before), after=_told(made))
        return _shown(made, name)

    return await call.context.database.run(op)


@use("journal.remove", right="change")
async def remove(call: Call, wanted: JournalOf) -> Journal:
    """Send no more copies of the mail of the server or a domain; those in the queue still go."""

    def op(tx: Transaction) -> Journal:
        domain_id, name = _whose(tx, wanted.of)
        before = journals.clear(tx, domain_id, feed=call.context.feed)
        note(tx, call.actor, "journal.remove", name, before=_told(before))
        return _shown(before, name)

    return await call.context.database.run(op)


def _whose(tx: Transaction, of: str) -> tuple[int, str]:
    if of.strip().lower() in ("", WHOLE):
        return SERVER, WHOLE
    found = admin.find_domain(tx, of)
    return found.id, found.name


def _told(journal: journals.Journal | None) -> dict[str, object] | None:
    if journal is None:
        return None
    return {
        "address": journal.address,
        "mail": journal.mail,
        "form": journal.form,
        "active": journal.active,
    }


def _shown(journal: journals.Journal, of: str) -> Journal:
    return Journal(of, journal.address, journal.mail, journal.form, journal.active)
