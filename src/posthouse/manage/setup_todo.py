"""What set-up left to do: listed, looked at again, dismissed."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.manage import diagnostics, setup_notes
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.setup_notes import Dismissed, Todo
from posthouse.manage.use import Call, use


class TodoList(msgspec.Struct, frozen=True):
    """What is left to do, the worst first. ``checked_at``: when that was found out, in seconds since 1970; 0 for
    never. ``dismissed``: what nobody wants to be reminded of."""

    todo: list[Todo]
    checked_at: float
    dismissed: list[Todo]


class Again(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``check``: look again now instead of telling what was found before."""

    check: bool = False


class Dismiss(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A thing by its name and what it is about. ``back``: be reminded of it again."""

    name: str
    subject: str = ""
    back: bool = False


@use("setup.todo", right="view")
async def todo(call: Call, wanted: Again) -> TodoList:
    """List what set-up left to do; with ``check``, look again which of it is done."""
    if wanted.check:
        findings = await diagnostics.diagnose(call, diagnostics.Diagnose())
        await call.context.database.run(setup_notes.put_todo, findings.findings)
    return await call.context.database.scan(_list)


def _list(tx: Transaction) -> TodoList:
    kept, those = setup_notes.todo(tx), setup_notes.dismissed(tx)
    return TodoList(
        [each for each in kept if not setup_notes.is_dismissed(each, those)],
        setup_notes.checked_at(tx),
        [each for each in kept if setup_notes.is_dismissed(each, those)],
    )


@use("setup.dismiss", right="change")
async def dismiss(call: Call, wanted: Dismiss) -> TodoList:
    """Do not be reminded of one thing that is left to do, until it gets worse or comes back; or be reminded again."""

    def op(tx: Transaction) -> TodoList:
        kept = [
            each
            for each in setup_notes.todo(tx)
            if each.name == wanted.name and wanted.subject in ("", each.subject)
        ]
        if not kept:
            shown = f"{wanted.name} {wanted.subject}".strip()
            raise ManageError(
                "missing", f"{shown!r} is not on the list.", "See the list: posthouse setup todo --json"
            )
        those = {Dismissed(each.name, each.subject, each.state) for each in kept}
        before = setup_notes.dismissed(tx)
        others = [each for each in before if each not in those]
        after = others if wanted.back else [*others, *sorted(those, key=lambda each: each.subject)]
        setup_notes.put_dismissed(tx, after)
        note(
            tx,
            call.actor,
            "setup.dismiss",
            f"{wanted.name} {wanted.subject}".strip(),
            after={"back": wanted.back},
        )
        return _list(tx)

    return await call.context.database.run(op)
